"""The processes of a trial: sums over what lives, counters over what ever lived."""

import psutil
import pytest

from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.sampling.processes import ProcessGroup
from headstart.v1.records_pb2 import Quantity
from support.programs import Puppet, puppet

pytestmark = pytest.mark.alone

USER = Quantity.QUANTITY_CPU_USER_US
SYSTEM = Quantity.QUANTITY_CPU_SYSTEM_US
THREADS = Quantity.QUANTITY_THREADS
READ = Quantity.QUANTITY_READ_BYTES
MEBIBYTE = 1 << 20


def listed(doll: Puppet) -> list[int]:
    """The puppet and its children, dead ones that nobody reaped too."""
    return [doll.pid, *(child.pid for child in psutil.Process(doll.pid).children(recursive=True))]


def test_resident_memory_is_what_psutil_says() -> None:
    with puppet() as doll:
        group = ProcessGroup(lambda: [doll.pid])
        group.refresh()
        doll.tell("touch(16)")

        assert group.rss_bytes() == psutil.Process(doll.pid).memory_info().rss
        group.close()


def test_children_count_as_soon_as_they_are_listed() -> None:
    with puppet() as doll:
        group = ProcessGroup(lambda: listed(doll))
        group.refresh()
        alone = group.rss_bytes()

        doll.tell("child(0)")
        group.refresh()

        assert len(group) == 2
        assert group.rss_bytes() >= alone + MEBIBYTE
        doll.tell("reap()")
        group.close()


def test_a_process_that_vanished_since_the_listing_is_left_out() -> None:
    with puppet() as doll, puppet() as other:
        group = ProcessGroup(lambda: [doll.pid, other.pid])
        group.refresh()
        assert len(group) == 2

        other.kill()

        assert group.rss_bytes() == psutil.Process(doll.pid).memory_info().rss
        assert len(group) == 1
        assert group.counters()[THREADS] == 1
        group.close()


def test_a_listed_pid_that_is_no_process_is_left_out() -> None:
    with puppet() as gone:
        gone.kill()
        group = ProcessGroup(lambda: [gone.pid])

        group.refresh()

        assert len(group) == 0
        assert group.rss_bytes() == 0


def test_cpu_time_of_a_child_that_ended_stays_counted() -> None:
    with puppet() as doll:
        group = ProcessGroup(lambda: listed(doll))
        doll.tell("child(0.1)")
        group.refresh()
        with_child, with_child_ns = group.counters(), group.cpu_ns()
        # Each counter is cut to steps of 10 ms.
        assert with_child[USER] + with_child[SYSTEM] >= 80_000

        doll.tell("reap()")
        group.refresh()

        after = group.counters()
        assert len(group) == 1
        assert after[USER] + after[SYSTEM] >= with_child[USER] + with_child[SYSTEM]
        # What the clock of the living counts in ns, the last reading counts in 10 ms steps.
        assert group.cpu_ns() >= with_child_ns - 20_000_000
        group.close()


def test_threads_are_those_now() -> None:
    with puppet() as doll:
        group = ProcessGroup(lambda: [doll.pid])
        group.refresh()
        assert group.counters()[THREADS] == 1

        doll.tell("threads(3)")

        assert group.counters()[THREADS] == 4
        group.close()


def test_io_that_may_not_be_read_is_absent_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    with puppet() as doll:
        group = ProcessGroup(lambda: [doll.pid])
        group.refresh()
        assert READ in group.counters()

        monkeypatch.setattr(psutil.Process, "io_counters", denied)

        assert READ not in group.counters()
        group.close()


def test_the_cpu_clock_of_a_process_agrees_with_its_own() -> None:
    with puppet() as doll:
        before = float(doll.tell("time.process_time()"))
        doll.tell("burn(0.05)")
        outside = process_cpu_ns(doll.pid)
        after = float(doll.tell("time.process_time()"))

        assert outside is not None
        # Another core may see a running thread's time up to one tick (10 ms at most) late.
        assert before + 0.04 <= outside / 1e9 <= after


def test_the_cpu_clock_of_an_ended_process_is_none() -> None:
    with puppet() as doll:
        doll.kill()

        assert process_cpu_ns(doll.pid) is None
