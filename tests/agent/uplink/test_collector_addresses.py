"""Each address has its own wait; with several none of them waits long."""

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.stream import _FROZEN_SECONDS


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_address_is_tried_again_later_and_later_up_to_15_seconds() -> None:
    addresses = Addresses(["a:1"])
    waits = [addresses.failed() for _ in range(10)]

    assert 0.15 <= waits[0] <= 0.25
    assert 11.25 <= waits[-1] <= 18.75
    assert addresses.current == "a:1"
    assert addresses.patience_seconds is None


def test_one_address_that_had_the_agent_lately_is_tried_every_few_seconds() -> None:
    """As that of a balancer, behind which another collector takes over."""
    clock = Clock()
    addresses = Addresses(["a:1"], clock)
    for _ in range(10):
        addresses.failed()
    # A collector had it for a moment alone.
    addresses.left()
    waits = {}
    while clock.now < 200:
        waits[clock.now] = addresses.failed()
        clock.now += waits[clock.now]

    assert max(wait for at, wait in waits.items() if at < 60) <= 3.75
    assert max(wait for at, wait in waits.items() if at > 100) >= 11.25


def test_the_next_address_is_tried_at_once_and_the_first_in_its_turn() -> None:
    clock = Clock()
    addresses = Addresses(["a:1", "b:1"], clock)

    assert addresses.failed() == 0.0
    assert addresses.current == "b:1"
    clock.now += 0.1
    wait = addresses.failed()
    assert addresses.current == "a:1"
    assert 0.0 < wait <= 0.15


def test_of_several_no_address_waits_longer_than_four_seconds() -> None:
    clock = Clock()
    addresses = Addresses(["a:1", "b:1"], clock)
    waits = []
    for _ in range(40):
        waits.append(addresses.failed())
        clock.now += waits[-1]

    assert max(waits) <= 3.75


def test_one_that_had_the_agent_is_tried_again_at_once() -> None:
    clock = Clock()
    addresses = Addresses(["a:1", "b:1"], clock)
    for _ in range(9):
        clock.now += addresses.failed()
    before = addresses.current
    addresses.good()
    clock.now += addresses.failed()
    while addresses.current != before:
        clock.now += addresses.failed()

    assert addresses.patience_seconds == 3.0


def test_one_that_went_silent_is_tried_after_the_other_had_its_turn_again() -> None:
    """However long that one waits by now: it refuses for a moment as it becomes the active one."""
    clock = Clock()
    addresses = Addresses(["a:1", "b:1"], clock)
    for _ in range(18):
        clock.now += addresses.failed()
    while addresses.current != "a:1":
        clock.now += addresses.failed()
    addresses.good()
    clock.now += 100

    # a:1 had the agent, and is frozen; b:1 refuses it.
    assert addresses.failed(_FROZEN_SECONDS) == 0.0
    assert addresses.current == "b:1"
    clock.now += addresses.failed()
    assert addresses.current == "b:1"


def test_one_that_shakes_no_hands_gets_more_time_each_time_up_to_twelve_seconds() -> None:
    addresses = Addresses(["a:1", "b:1"])
    seen = []
    for _ in range(4):
        seen.append(addresses.patience_seconds)
        addresses.shook_no_hands()

    assert seen == [3.0, 6.0, 12.0, 12.0]


def test_one_that_confirmed_nothing_is_given_more_time_for_a_ping_until_it_does() -> None:
    def given(addresses: Addresses) -> int:
        return dict(addresses.keepalive_options)["grpc.http2.ping_timeout_ms"]

    found = []
    for addresses in (Addresses(["a:1", "b:1"]), Addresses(["a:1"])):
        grows = [given(addresses)]
        for _ in range(5):
            addresses.carried(False)
            grows.append(given(addresses))
        addresses.carried(True)
        found.append((grows, given(addresses)))

    assert found == [
        ([3_000, 6_000, 9_000, 9_000, 9_000, 9_000], 3_000),
        ([10_000, 15_000, 15_000, 15_000, 15_000, 15_000], 10_000),
    ]
