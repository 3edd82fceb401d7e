"""Memory at the end of a phase: what is now, and the peaks since the phase began."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import psutil

from headstart.agent.deadline import Deadline
from headstart.agent.linux.cgroup import Cgroup, MemorySplit, open_cgroup
from headstart.agent.untrusted import within
from headstart.v1.records_pb2 import Phase, PhaseMemory

log = logging.getLogger(__name__)

# PSS and USS walk the whole address space (6.7 ms for a JVM of 750 MB) and hold up
# its mmap meanwhile: only where the app is left alone and nothing is timed.
_PHASES_WITH_SHARES = (Phase.PHASE_IDLE, Phase.PHASE_SETTLED)
_SHARES_SECONDS = 5.0
_NO_SPLIT = MemorySplit(0, 0, 0)


class Peaks(Protocol):
    """What only someone who watched the whole phase can say: the sampler."""

    def peak_rss(self, phase: Phase.ValueType) -> int: ...

    def cgroup_peak_bytes(self, phase: Phase.ValueType) -> int: ...

    def cpu_seconds(self) -> float: ...


@dataclass(frozen=True)
class ProcessStatus:
    """Of one process, from /proc/<pid>/status."""

    rss_bytes: int
    high_water_bytes: int
    threads: int


def phase_memory(
    phase: Phase.ValueType,
    pids: Iterable[int],
    cgroup: Cgroup | None,
    sampler: Peaks,
    proc: Path = Path("/proc"),
) -> PhaseMemory:
    """Read at once, while the processes live; call it before the next phase begins.

    What cannot be read stays 0, "not measured".
    """
    pids = list(pids)
    now_ns = time.monotonic_ns()
    statuses = [status for pid in pids if (status := read_status(pid, proc)) is not None]
    memory = PhaseMemory(
        phase=phase,
        rss_bytes=sum(status.rss_bytes for status in statuses),
        high_water_bytes=sum(status.high_water_bytes for status in statuses),
        processes=len(statuses),
        threads=sum(status.threads for status in statuses),
        monotonic_ns=now_ns,
        cpu_seconds=sampler.cpu_seconds(),
        cgroup_peak_bytes=sampler.cgroup_peak_bytes(phase),
    )
    peaks = [sampler.peak_rss(phase), memory.rss_bytes]
    if phase == Phase.PHASE_STARTUP and len(statuses) == 1:
        # A start of 10 ms lies between two samples; the kernel's mark covers just it.
        peaks.append(memory.high_water_bytes)
    memory.rss_peak_bytes = max(peaks)
    _fill_from_cgroup(memory, cgroup)
    if phase in _PHASES_WITH_SHARES:
        memory.pss_bytes, memory.uss_bytes = _shares_in_time(pids)
    return memory


def read_status(pid: int, proc: Path = Path("/proc")) -> ProcessStatus | None:
    """None when the process ended."""
    try:
        return parse_status((proc / str(pid) / "status").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def parse_status(text: str) -> ProcessStatus | None:
    """From the lines VmRSS, VmHWM and Threads; None for a zombie, which has no memory."""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if not fields.keys() >= {"VmRSS", "VmHWM", "Threads"}:
        return None
    return ProcessStatus(
        rss_bytes=_kibibytes(fields["VmRSS"]),
        high_water_bytes=_kibibytes(fields["VmHWM"]),
        threads=int(fields["Threads"]),
    )


def _kibibytes(field: str) -> int:
    return int(field.strip().partition(" ")[0]) * 1024


def _fill_from_cgroup(memory: PhaseMemory, cgroup: Cgroup | None) -> None:
    if cgroup is None:
        return
    reader = open_cgroup(cgroup)
    try:
        split = reader.memory_split() or _NO_SPLIT
        memory.cgroup_bytes = reader.memory_bytes() or 0
    finally:
        reader.close()
    memory.cgroup_anonymous_bytes = split.anonymous_bytes
    memory.cgroup_file_bytes = split.file_bytes
    memory.cgroup_kernel_bytes = split.kernel_bytes
    # The peak is read before the usage, which may have grown in between.
    memory.cgroup_peak_bytes = max(memory.cgroup_peak_bytes, memory.cgroup_bytes)


def _shares_in_time(pids: list[int]) -> tuple[int, int]:
    """(0, 0) also where the app keeps the kernel from its mappings, or has millions of them."""
    deadline = Deadline(_SHARES_SECONDS)
    try:
        # A thread that is left behind ends with the process that it reads at the time.
        found = within(deadline, lambda: _shares(takewhile(lambda _: not deadline.passed(), pids)))
        if deadline.passed():
            raise TimeoutError
        return found
    except TimeoutError:
        log.warning("the shared memory of %d processes could not be read in time", len(pids))
        return 0, 0


def _shares(pids: Iterable[int]) -> tuple[int, int]:
    """Sums of PSS and USS; (0, 0) when one may not be read: a part would pass for the whole."""
    pss = uss = 0
    for pid in pids:
        try:
            full = psutil.Process(pid).memory_full_info()
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            return 0, 0
        pss += full.pss
        uss += full.uss
    return pss, uss
