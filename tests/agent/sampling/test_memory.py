"""Memory at a phase's end: exact where the kernel is, absent where it cannot be read."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.sampling.memory import ProcessStatus, parse_status, phase_memory, read_status
from headstart.v1.records_pb2 import Phase
from support.programs import puppet
from support.trees import write_tree

MEBIBYTE = 1 << 20
STARTUP, IDLE, LOAD, SETTLED = (
    Phase.PHASE_STARTUP,
    Phase.PHASE_IDLE,
    Phase.PHASE_LOAD,
    Phase.PHASE_SETTLED,
)
STATUS = """\
Name:\tserver: odd
State:\tS (sleeping)
VmPeak:\t    9000 kB
VmHWM:\t    3000 kB
VmRSS:\t    2000 kB
Threads:\t7
"""


@dataclass
class Watched:
    """Stands for the sampler."""

    rss: dict[Phase.ValueType, int] = field(default_factory=dict)
    cgroup_peak: int = 0
    cpu: float = 0.0

    def peak_rss(self, phase: Phase.ValueType) -> int:
        return self.rss.get(phase, 0)

    def cgroup_peak_bytes(self, phase: Phase.ValueType) -> int:
        return self.cgroup_peak

    def cpu_seconds(self) -> float:
        return self.cpu


def test_status_gives_memory_in_bytes_and_threads() -> None:
    assert parse_status(STATUS) == ProcessStatus(2_048_000, 3_072_000, 7)


def test_a_zombie_has_no_memory() -> None:
    assert parse_status("Name:\tgone\nState:\tZ (zombie)\nThreads:\t1\n") is None


def test_a_status_that_lacks_a_line_is_none() -> None:
    assert parse_status("VmHWM:\t  100 kB\nThreads:\t1\n") is None


def test_an_ended_process_has_no_status(tmp_path: Path) -> None:
    assert read_status(1, tmp_path) is None


def test_processes_are_added_up(tmp_path: Path) -> None:
    write_tree(tmp_path, {"10/status": STATUS, "11/status": STATUS})

    memory = phase_memory(LOAD, [10, 11, 12], None, Watched(cpu=1.5), proc=tmp_path)

    assert memory.phase == LOAD
    assert memory.rss_bytes == 2 * 2_048_000
    assert memory.high_water_bytes == 2 * 3_072_000
    assert (memory.processes, memory.threads) == (2, 14)
    assert memory.cpu_seconds == pytest.approx(1.5)


def test_the_peak_is_the_samplers_or_what_is_now(tmp_path: Path) -> None:
    write_tree(tmp_path, {"10/status": STATUS})

    watched = Watched(rss={LOAD: 2_500_000, SETTLED: 5})

    assert phase_memory(LOAD, [10], None, watched, tmp_path).rss_peak_bytes == 2_500_000
    assert phase_memory(SETTLED, [10], None, watched, tmp_path).rss_peak_bytes == 2_048_000


def test_the_peak_of_a_start_is_the_kernels_mark_for_one_process(tmp_path: Path) -> None:
    """The sum of two marks would be more than was ever in use at one time."""
    write_tree(tmp_path, {"10/status": STATUS, "11/status": STATUS})
    watched = Watched(rss={STARTUP: 2_100_000})

    one = phase_memory(STARTUP, [10], None, watched, tmp_path)
    two = phase_memory(STARTUP, [10, 11], None, watched, tmp_path)

    assert one.rss_peak_bytes == 3_072_000
    assert two.rss_peak_bytes == 2 * 2_048_000


def test_the_group_is_split_into_what_it_is_made_of(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {"memory.current": "700\n", "memory.stat": "anon 400\nfile 200\nkernel 100\n"},
    )
    group = Cgroup(2, tmp_path, tmp_path, tmp_path)

    memory = phase_memory(LOAD, [], group, Watched(cgroup_peak=650), tmp_path)

    assert memory.cgroup_bytes == 700
    assert memory.cgroup_anonymous_bytes == 400
    assert memory.cgroup_file_bytes == 200
    assert memory.cgroup_kernel_bytes == 100
    # Read a moment before, a peak below the usage would be a contradiction.
    assert memory.cgroup_peak_bytes == 700


def test_a_high_water_mark_outlives_the_memory_itself() -> None:
    """Before Linux 6.17 every reading, and the kept mark ever since, may be some pages off."""
    with puppet() as doll:
        before = phase_memory(STARTUP, [doll.pid], None, Watched())
        doll.tell("touch(48)")
        held = phase_memory(LOAD, [doll.pid], None, Watched())
        doll.tell("free()")
        freed = phase_memory(SETTLED, [doll.pid], None, Watched())

    assert held.rss_bytes - before.rss_bytes == pytest.approx(48 * MEBIBYTE, abs=MEBIBYTE)
    assert freed.high_water_bytes == pytest.approx(held.rss_bytes, abs=MEBIBYTE)
    assert freed.rss_bytes == pytest.approx(before.rss_bytes, abs=MEBIBYTE)


@pytest.mark.parametrize(
    ("phase", "shares"), [(STARTUP, False), (LOAD, False), (IDLE, True), (SETTLED, True)]
)
def test_shares_are_read_only_where_the_app_is_left_alone(
    phase: Phase.ValueType, shares: bool
) -> None:
    memory = phase_memory(phase, [os.getpid()], None, Watched())

    assert (memory.pss_bytes > 0) is shares
    assert (memory.uss_bytes > 0) is shares
    assert memory.uss_bytes <= memory.pss_bytes <= memory.rss_bytes + MEBIBYTE


def test_shares_that_may_not_be_read_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum over only some of the processes would pass for the whole."""

    def denied_for_one(process: psutil.Process) -> object:
        if process.pid != os.getpid():
            raise psutil.AccessDenied(process.pid)
        return original(process)

    original = psutil.Process.memory_full_info
    monkeypatch.setattr(psutil.Process, "memory_full_info", denied_for_one)

    with puppet() as doll:
        memory = phase_memory(IDLE, [os.getpid(), doll.pid], None, Watched())

    assert memory.rss_bytes > 0
    assert (memory.pss_bytes, memory.uss_bytes) == (0, 0)


def test_a_process_that_ended_is_left_out() -> None:
    with puppet() as doll:
        doll.kill()

        memory = phase_memory(IDLE, [os.getpid(), doll.pid], None, Watched())

    assert memory.processes == 1
    assert memory.pss_bytes > 0
