"""The sampler: a thread that reads memory and CPU of a trial at the times of a fixed grid.

Slot k lies at origin + k x interval, whatever the slots before it took, so that
readings do not drift; a slot that was missed because a reading (or another
thread) took too long is skipped and counted, and every row carries the time at
which it was really taken.

Two cadences keep the cost at 50 Hz below 1 % of a core. Every slot:
what one system call through a kept descriptor or a clock yields: RSS, number of
processes, memory and CPU of the control group, CPU of the generator. Once a
second, and where a phase begins or the sampler stops: what psutil opens and
parses files for (CPU split, threads, IO, CPU of the host) and throttling; never
in the first second of a start, where it would compete with app and prober.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psutil

from headstart.agent.linux.cgroup import Cgroup, CgroupReader, PeakSince, open_cgroup
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.sampling.columns import Row, sample_batch
from headstart.agent.sampling.processes import ProcessGroup
from headstart.v1.records_pb2 import (
    QUANTITY_CGROUP_CPU_US,
    QUANTITY_CGROUP_MEMORY_BYTES,
    QUANTITY_CGROUP_THROTTLED_US,
    QUANTITY_GENERATOR_CPU_US,
    QUANTITY_HOST_BUSY_US,
    QUANTITY_HOST_STEAL_US,
    QUANTITY_PROCESSES,
    QUANTITY_RSS_BYTES,
    Phase,
    Quantity,
    SampleBatch,
)

_SECOND_NS = 1_000_000_000
# Listing the processes may take this part of a core; without a control group it
# can mean reading every process of the host (1 ms for 100).
_LISTING_SHARE = 0.002


@dataclass(frozen=True)
class SamplerSummary:
    """Rows taken and slots of the grid missed, over the whole trial."""

    samples: int
    missed_slots: int
    # Processes that were too many to be read, at most at a time.
    unread_processes: int = 0
    # The longest time without a reading that fell into each phase, in seconds; a host that
    # slept meanwhile counts.
    gaps: Mapping[Phase.ValueType, float] = field(default_factory=dict)


@dataclass
class _Peaks:
    """The largest readings of one phase."""

    rss_bytes: int = 0
    cgroup_bytes: int = 0
    gap_ns: int = 0


@dataclass
class _Pending:
    """Rows not emitted yet."""

    rows: list[Row] = field(default_factory=list)
    missed_slots: int = 0


class Sampler:
    """Samples one trial. Make it before the gate opens, `start` it then, always `stop` it.

    Making it opens the control group's files and resets the group's memory peak,
    which else holds what the container engine needed (4 MB with runc 1.1).
    `emit` is called in the sampler's thread, about once a second.
    """

    def __init__(
        self,
        trial: int,
        pids: Callable[[], list[int]],
        cgroup: Cgroup | None,
        interval_seconds: float,
        emit: Callable[[SampleBatch], None],
    ) -> None:
        if interval_seconds <= 0:
            raise ValueError(f"interval_seconds must be positive, not {interval_seconds}")
        self._trial = trial
        self._interval_ns = round(interval_seconds * _SECOND_NS)
        self._emit = emit
        self._cgroup: CgroupReader | None = open_cgroup(cgroup) if cgroup else None
        self._cgroup_counts_cpu = self._cgroup is not None and self._cgroup.cpu_ns() is not None
        self._processes = ProcessGroup(self._listing(pids))
        self._next_listing_ns = 0
        self._generator_pids: list[int] = []
        self._generator_ns: dict[int, int] = {}
        self._phases: dict[Phase.ValueType, _Peaks] = {}
        self._peaks = _Peaks()
        self._peak_since = PeakSince(self._cgroup) if self._cgroup is not None else None
        self._last_read = (0, self._peaks)
        self._origin_ns = 0
        self._next_slow_ns = 0
        self._pending = _Pending()
        self._samples = 0
        self._missed_slots = 0
        self._failure: Exception | None = None
        # Locked for as long as the sampler shall run. Waiting for a lock costs what a
        # sleep does; waiting for an Event costs another 0.2 % of a core at 50 Hz.
        self._running = threading.Lock()
        self._running.acquire()
        # Held during a reading; the trial's thread asks for CPU time meanwhile.
        self._reading = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._cpu_ns = 0
        self._cpu_base_ns = self._read_cpu_ns()
        self.begin_phase(Phase.PHASE_STARTUP)

    def start(self, origin_monotonic_ns: int) -> None:
        """Begin the grid at the gate's opening; the first reading is one interval later."""
        self._origin_ns = origin_monotonic_ns
        self._last_read = (_now_ns(), self._peaks)
        self._next_slow_ns = origin_monotonic_ns + _SECOND_NS
        self._thread.start()

    def begin_phase(self, phase: Phase.ValueType) -> None:
        """Count peaks for this phase from now on."""
        if self._peak_since is not None:
            self._peak_since.begin()
        if phase != Phase.PHASE_STARTUP:
            self._read_all_next()
        self._peaks = self._phases.setdefault(phase, _Peaks())

    def watch_generator(self, pid: int) -> None:
        """Read the CPU time of a load generator's process too, from now until it ends."""
        self._generator_pids.append(pid)

    def peak_rss(self, phase: Phase.ValueType) -> int:
        """The largest sum of RSS read in a phase, in bytes; 0 when none was read."""
        return self._phases.get(phase, _Peaks()).rss_bytes

    def cgroup_peak_bytes(self, phase: Phase.ValueType) -> int:
        """The group's memory peak in a phase; exact only for the current one, before the next.

        Where the kernel cannot reset it (version 2 before Linux 6.12) and it was higher
        before this phase, the largest reading stands in. 0: not measured.
        """
        peaks = self._phases.get(phase, _Peaks())
        exact = None
        if peaks is self._peaks and self._peak_since is not None:
            exact = self._peak_since.bytes()
        return max(exact or 0, peaks.cgroup_bytes)

    def cpu_seconds(self) -> float:
        """CPU time of all processes of the trial since the sampler was made."""
        with self._reading:
            return (self._read_cpu_ns() - self._cpu_base_ns) / _SECOND_NS

    def stop(self) -> SamplerSummary:
        """Take a last reading, emit what is pending, end the thread; again: the same answer.

        Raises what ended the thread early, such as an error of `emit`.
        """
        if self._running.locked():
            self._running.release()
        if self._thread.ident is not None:
            self._thread.join()
        self._processes.close()
        if self._cgroup is not None:
            self._cgroup.close()
        if self._failure is not None:
            raise self._failure
        return SamplerSummary(
            self._samples,
            self._missed_slots,
            self._processes.most_beyond,
            {phase: peaks.gap_ns / _SECOND_NS for phase, peaks in self._phases.items()},
        )

    def _listing(self, pids: Callable[[], list[int]]) -> Callable[[], list[int]]:
        """The group's own list where there is one: a tenth of the cost."""
        cgroup = self._cgroup
        if cgroup is None or cgroup.pids() is None:
            return pids
        return lambda: cgroup.pids() or []

    def _run(self) -> None:
        try:
            self._sample_grid()
            self._read_all_next()
            self._sample()
            self._flush()
        except Exception as failure:
            self._failure = failure

    def _read_all_next(self) -> None:
        self._next_slow_ns = self._next_listing_ns = 0

    def _sample_grid(self) -> None:
        slot = 1
        while True:
            due_ns = self._origin_ns + slot * self._interval_ns
            wait_ns = due_ns - time.monotonic_ns()
            if self._running.acquire(timeout=max(wait_ns, 0) / _SECOND_NS):
                return
            self._sample()
            rows = self._pending.rows
            if rows[-1].time_us - rows[0].time_us + self._interval_ns // 1000 >= 1_000_000:
                self._flush()
            # The first slot whose time has not passed; a wait may end a moment early, so
            # never this one again.
            passed = (time.monotonic_ns() - self._origin_ns) // self._interval_ns
            following = max(slot, passed) + 1
            self._pending.missed_slots += following - slot - 1
            slot = following

    def _sample(self) -> None:
        with self._reading:
            self._refresh_listing()
            now_ns = time.monotonic_ns()
            self._count_gap()
            values = self._fast()
            if now_ns >= self._next_slow_ns:
                self._next_slow_ns = now_ns + _SECOND_NS
                values.update(self._slow())
        self._pending.rows.append(Row((now_ns - self._origin_ns) // 1000, values))

    def _count_gap(self) -> None:
        """Of the phase in which it began and of the one in which it ended."""
        read_ns, peaks = _now_ns(), self._peaks
        last_ns, before = self._last_read
        for each in (before, peaks):
            each.gap_ns = max(each.gap_ns, read_ns - last_ns)
        self._last_read = read_ns, peaks

    def _fast(self) -> dict[Quantity.ValueType, int]:
        peaks = self._peaks
        rss = self._processes.rss_bytes()
        peaks.rss_bytes = max(peaks.rss_bytes, rss)
        values = {
            QUANTITY_RSS_BYTES: rss,
            QUANTITY_PROCESSES: len(self._processes),
        }
        if self._cgroup is not None:
            if (memory := self._cgroup.memory_bytes()) is not None:
                peaks.cgroup_bytes = max(peaks.cgroup_bytes, memory)
                values[QUANTITY_CGROUP_MEMORY_BYTES] = memory
            if (cpu_ns := self._cgroup.cpu_ns()) is not None:
                values[QUANTITY_CGROUP_CPU_US] = cpu_ns // 1000
        if self._generator_pids:
            values[QUANTITY_GENERATOR_CPU_US] = self._generator_cpu_ns() // 1000
        return values

    def _slow(self) -> dict[Quantity.ValueType, int]:
        values = self._processes.counters()
        if self._cgroup is not None and (throttled := self._cgroup.throttled_ns()) is not None:
            values[QUANTITY_CGROUP_THROTTLED_US] = throttled // 1000
        host = psutil.cpu_times()
        busy = host.user + host.nice + host.system + host.irq + host.softirq
        values[QUANTITY_HOST_BUSY_US] = round(busy * 1e6)
        values[QUANTITY_HOST_STEAL_US] = round(host.steal * 1e6)
        return values

    def _refresh_listing(self) -> None:
        begun_ns = time.monotonic_ns()
        if begun_ns < self._next_listing_ns:
            return
        self._processes.refresh()
        ended_ns = time.monotonic_ns()
        self._next_listing_ns = ended_ns + round((ended_ns - begun_ns) / _LISTING_SHARE)

    def _generator_cpu_ns(self) -> int:
        for pid in self._generator_pids:
            if (cpu_ns := process_cpu_ns(pid)) is not None:
                self._generator_ns[pid] = cpu_ns
        return sum(self._generator_ns.values())

    def _read_cpu_ns(self) -> int:
        """From the control group where it counts CPU; once it is gone, as last read."""
        if self._cgroup_counts_cpu and self._cgroup is not None:
            self._cpu_ns = self._cgroup.cpu_ns() or self._cpu_ns
        else:
            self._processes.refresh()
            self._cpu_ns = self._processes.cpu_ns()
        return self._cpu_ns

    def _flush(self) -> None:
        pending, self._pending = self._pending, _Pending()
        self._samples += len(pending.rows)
        self._missed_slots += pending.missed_slots
        self._emit(sample_batch(self._trial, self._origin_ns, pending.rows, pending.missed_slots))


def _now_ns() -> int:
    """Goes on while the host sleeps, which CLOCK_MONOTONIC does not."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
