"""What may be under way: more where it is confirmed fast, less where it is not."""

from headstart.agent.uplink.in_flight import FIRST_BYTES, InFlight


def _filled(flight: InFlight, sequence: int, now: float) -> int:
    """Send until there is no room; the last sequence."""
    while room := flight.room_for_next(512 << 10):
        sequence += 1
        flight.send(sequence, room, now)
    return sequence


def _rounds(
    count: int, took_seconds: float, flight: InFlight | None = None, now: float = 0.0
) -> InFlight:
    """Fill what may be under way and confirm it, some times over."""
    flight = flight or InFlight()
    sequence = 0
    for _ in range(count):
        sequence = _filled(flight, sequence, now)
        now += took_seconds
        flight.confirm(sequence, now)
    return flight


def test_it_begins_small_and_in_two_messages() -> None:
    flight = InFlight()
    last = _filled(flight, 0, 0.0)

    assert last == 2
    assert not flight.is_empty
    assert flight.room_for_next(1) == 0


def test_it_doubles_while_all_is_confirmed_within_a_second_up_to_a_limit() -> None:
    assert _rounds(1, 0.1).budget_bytes == 2 * FIRST_BYTES
    assert _rounds(3, 0.9).budget_bytes == 8 * FIRST_BYTES
    assert _rounds(50, 0.1).budget_bytes == 4 << 20


def test_it_is_halved_while_that_takes_more_than_two_seconds_down_to_a_limit() -> None:
    wide = _rounds(6, 0.1)

    assert _rounds(2, 2.1, wide, now=10.0).budget_bytes == FIRST_BYTES << 4
    assert _rounds(50, 2.1, wide, now=20.0).budget_bytes == FIRST_BYTES // 2


def test_it_stays_as_it_is_in_between() -> None:
    assert _rounds(50, 1.5).budget_bytes == FIRST_BYTES


def test_what_one_confirmation_showed_another_of_the_same_round_does_not_show_again() -> None:
    flight = _rounds(4, 0.1)
    budget = flight.budget_bytes
    flight.send(101, budget // 2, 10.0)
    flight.send(102, budget // 2, 10.0)
    flight.confirm(101, 13.0)
    flight.confirm(102, 13.5)

    assert flight.budget_bytes == budget // 2


def test_little_that_is_confirmed_fast_says_nothing_of_much() -> None:
    flight = InFlight()
    for sequence in range(1, 100):
        flight.send(sequence, 1000, float(sequence))
        flight.confirm(sequence, sequence + 0.1)

    assert flight.budget_bytes == FIRST_BYTES
    assert flight.is_empty


def test_a_part_that_is_confirmed_leaves_room_for_as_much() -> None:
    flight = InFlight()
    flight.send(10, 40_000, 0.0)
    flight.send(20, 20_000, 0.0)
    left = flight.room_for_next(1 << 20)
    # In the middle of the second.
    flight.confirm(15, 1.5)

    assert left == FIRST_BYTES - 60_000
    assert flight.room_for_next(1 << 20) == FIRST_BYTES // 2
    assert not flight.is_empty


def test_a_way_of_256_kbit_carries_all_it_can_and_keeps_no_ping_for_three_seconds() -> None:
    """By a model of one: it carries in order, and what is confirmed is known at once."""
    rate, flight, now, sequence = 32_000.0, InFlight(), 0.0, 0
    queue: list[tuple[int, float]] = []
    longest_wait, carried, free_at = 0.0, 0, 0.0
    while now < 300.0:
        while room := flight.room_for_next(512 << 10):
            sequence += 1
            flight.send(sequence, room, now)
            free_at = max(free_at, now) + room / rate
            queue.append((sequence, free_at))
            carried += room
        longest_wait = max(longest_wait, free_at - now)
        last, now = queue.pop(0)
        flight.confirm(last, now)

    assert longest_wait < 2.5
    assert carried / now > 0.95 * rate
