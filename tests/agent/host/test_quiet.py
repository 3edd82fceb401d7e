"""The quiet gate waits for an idle host, but not for ever."""

from collections.abc import Callable

import pytest

from headstart.agent.host.quiet import (
    CpuTicks,
    Quiet,
    idle_share,
    parse_cpu_ticks,
    read_cpu_ticks,
    wait_until_quiet,
)

STAT = """cpu  100 5 50 800 20 1 4 20 60 0
cpu0 50 2 25 400 10 0 2 10 30 0
intr 12345
"""


def test_idle_includes_waiting_for_a_disk_and_guests_count_once() -> None:
    assert parse_cpu_ticks(STAT) == CpuTicks(idle=820, total=1000)


def test_an_old_kernel_without_steal_is_understood() -> None:
    assert parse_cpu_ticks("cpu 1 2 3 4 5\n") == CpuTicks(idle=9, total=15)


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="/proc/stat"):
        parse_cpu_ticks(text)


def test_this_hosts_own_file_is_read() -> None:
    assert read_cpu_ticks().total > 0


def test_share_of_no_time_is_unknown() -> None:
    assert idle_share(CpuTicks(1, 2), CpuTicks(1, 2)) == -1.0
    assert idle_share(CpuTicks(10, 20), CpuTicks(13, 24)) == 0.75


class Host:
    """A host of two cores, busy for a while; its clock moves only while somebody sleeps."""

    def __init__(self, busy_until: float) -> None:
        self.busy_until = busy_until
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> CpuTicks:
        total = round(self.now * 200)
        busy = round(min(self.now, self.busy_until) * 100)
        return CpuTicks(idle=total - busy, total=total)

    def wait(self, limit: float, cancelled: Callable[[], bool] = lambda: False) -> Quiet:
        return wait_until_quiet(limit, cancelled, self.read, self.clock, self.sleep)


def test_an_idle_host_costs_one_window() -> None:
    quiet = Host(busy_until=0).wait(limit=5)

    assert quiet.reached
    assert quiet.idle_share == 1.0
    assert quiet.waited_seconds == pytest.approx(0.2)


def test_the_wait_ends_soon_after_the_other_work() -> None:
    quiet = Host(busy_until=1.0).wait(limit=5)

    assert quiet.reached
    assert quiet.idle_share >= 0.94
    assert 1.0 < quiet.waited_seconds <= 1.25


def test_the_wait_is_bounded() -> None:
    quiet = Host(busy_until=60).wait(limit=2)

    assert not quiet.reached
    assert quiet.idle_share == 0.5
    assert quiet.waited_seconds == pytest.approx(2.0, abs=0.1)


def test_a_limit_of_zero_does_not_wait_and_has_seen_nothing() -> None:
    assert Host(busy_until=60).wait(limit=0) == Quiet(0.0, -1.0, reached=False)


def test_a_short_limit_still_sees_one_window() -> None:
    quiet = Host(busy_until=60).wait(limit=0.01)

    assert quiet.idle_share == 0.5
    assert quiet.waited_seconds == pytest.approx(0.2)


def test_cancelling_ends_the_wait() -> None:
    host = Host(busy_until=60)

    quiet = host.wait(limit=30, cancelled=lambda: host.now >= 1)

    assert not quiet.reached
    assert quiet.waited_seconds == pytest.approx(1.0, abs=0.1)
