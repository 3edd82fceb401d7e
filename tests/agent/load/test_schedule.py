"""An open loop's requests are due by arithmetic: at a rate that stays, rises, or steps up."""

import pytest

from headstart.agent.load.schedule import Schedule

SECOND = 1_000_000


def test_a_constant_rate_is_a_grid() -> None:
    schedule = Schedule(2000, 3 * SECOND)

    assert schedule.total == 6000
    assert [schedule.at_us(n) for n in (0, 1, 2, 5999)] == [0, 500, 1000, 2_999_500]


def test_a_rising_rate_is_due_as_its_integral() -> None:
    """From 100 to 300 requests/s in 10 s: 200 a second on average, 150 in the first half."""
    schedule = Schedule(100, 10 * SECOND, to_per_second=300)

    assert schedule.total == 2000
    assert schedule.due_until(5 * SECOND) == 750
    assert schedule.at_us(0) == 0
    assert schedule.at_us(750) == pytest.approx(5 * SECOND, abs=2)
    assert schedule.at_us(2000) == pytest.approx(10 * SECOND, abs=2)


def test_a_rate_may_fall_to_almost_nothing() -> None:
    schedule = Schedule(300, 10 * SECOND, to_per_second=100)

    assert schedule.total == 2000
    assert schedule.at_us(2000) == pytest.approx(10 * SECOND, abs=2)


def test_steps_are_equal_in_length_and_height() -> None:
    """100, 200 and 300 requests/s, for two seconds each."""
    schedule = Schedule(100, 6 * SECOND, to_per_second=300, steps=3)

    per_second = [
        schedule.due_until((s + 1) * SECOND) - schedule.due_until(s * SECOND) for s in range(6)
    ]
    assert per_second == [100, 100, 200, 200, 300, 300]
    assert schedule.total == 1200
    assert schedule.at_us(200) == 2 * SECOND
    assert schedule.at_us(201) == 2 * SECOND + 5000


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(1000 / 3, 2 * SECOND),
        Schedule(10, 3 * SECOND, to_per_second=777),
        Schedule(777, 3 * SECOND, to_per_second=10, steps=7),
    ],
    ids=["constant", "rising", "steps"],
)
def test_each_request_is_due_in_the_window_that_counts_it(schedule: Schedule) -> None:
    times = [schedule.at_us(n) for n in range(schedule.total)]

    assert times == sorted(times)
    for edge in range(0, 2 * SECOND, 100_000):
        before = sum(at < edge for at in times)
        # A microsecond is rounded off a time.
        assert abs(schedule.due_until(edge) - before) <= 1
