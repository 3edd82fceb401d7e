"""Deadlines of leases, by a clock that the test moves."""

from headstart.collector.fleet.leases import Leases
from headstart.v1.fleet_pb2 import Attempt


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def leases(clock: Clock) -> Leases:
    return Leases(lease_seconds=60, tick_seconds=1, clock=clock, heartbeat_seconds=5)


def tick_for(clock: Clock, kept: Leases, seconds: int) -> list[Attempt]:
    """A tick every second, as the collector does; what ended."""
    ended = []
    for _ in range(seconds):
        clock.now += 1
        ended += kept.tick() or []
    return ended


def test_a_lease_ends_when_nobody_renews_it() -> None:
    clock = Clock()
    kept = leases(clock)
    kept.grant("r1", 1, "h1")

    assert tick_for(clock, kept, 60) == []
    assert tick_for(clock, kept, 1) == [Attempt(run_id="r1", attempt=1)]


def test_a_renewed_lease_goes_on() -> None:
    clock = Clock()
    kept = leases(clock)
    kept.grant("r1", 1, "h1")
    tick_for(clock, kept, 50)

    assert kept.renew("r1", 1, "h1")
    assert tick_for(clock, kept, 60) == []
    assert tick_for(clock, kept, 1) == [Attempt(run_id="r1", attempt=1)]


def test_an_agent_that_delivers_keeps_what_it_has() -> None:
    clock = Clock()
    kept = leases(clock)
    kept.grant("r1", 1, "h1")
    kept.grant("r2", 1, "h2")
    tick_for(clock, kept, 50)

    kept.renew_all("h1")

    assert tick_for(clock, kept, 60) == [Attempt(run_id="r2", attempt=1)] * 50


def test_only_the_current_attempt_on_its_host_renews() -> None:
    clock = Clock()
    kept = leases(clock)
    kept.grant("r1", 2, "h1")

    assert not kept.renew("r1", 1, "h1")
    assert not kept.renew("r1", 2, "h2")
    assert not kept.renew("r2", 1, "h1")
    assert kept.renew("r1", 2, "h1")


def test_a_collector_that_stood_still_ends_no_lease() -> None:
    clock = Clock()
    kept = leases(clock)
    kept.grant("r1", 1, "h1")
    tick_for(clock, kept, 30)

    clock.now += 3600

    assert kept.tick() is None
    assert tick_for(clock, kept, 60) == []
    assert tick_for(clock, kept, 1) == [Attempt(run_id="r1", attempt=1)]


def test_an_old_attempts_end_leaves_the_new_lease() -> None:
    kept = leases(Clock())
    kept.grant("r1", 2, "h1")

    kept.end("r1", 1)
    assert kept.of_host("h1") == "r1"

    kept.end("r1", 2)
    assert kept.of_host("h1") == ""


def test_a_lease_that_goes_to_another_host_leaves_the_first() -> None:
    clock = Clock()
    kept = leases(clock)
    kept.grant("r1", 1, "h1")
    kept.grant("r1", 2, "h2")

    assert (kept.of_host("h1"), kept.of_host("h2")) == ("", "r1")
    kept.end("r1", 1)
    assert kept.of_host("h2") == "r1"
    kept.end("r1", 2)
    kept.renew_all("h2")
    assert kept.of_host("h2") == ""
