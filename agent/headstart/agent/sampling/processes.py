"""The processes of one trial: memory often, through kept descriptors; the rest by psutil.

psutil's `memory_info` opens /proc/<pid>/statm each time, which alone costs 0.6 %
of a core at 50 Hz on top of the wake-ups; the same file through a descriptor
that stays open costs 0.1 %. Everything slower is psutil's.

Processes come, exec and go between two readings. One that ended is left out of
the sums of what is (RSS, threads) and keeps its part in those of what was (CPU,
IO), as far as it had been read.
"""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil

from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.v1.records_pb2 import (
    QUANTITY_CPU_SYSTEM_US,
    QUANTITY_CPU_USER_US,
    QUANTITY_READ_BYTES,
    QUANTITY_THREADS,
    QUANTITY_WRITE_BYTES,
    Quantity,
)

# Each takes a descriptor and some microseconds of every slot; a fork bomb is to cost no more.
_MAXIMUM_READ = 512
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Member:
    """A process, as psutil sees it, and its open statm; that survives an exec.

    Raises psutil.NoSuchProcess when it is gone, now or at a reading.
    """

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        try:
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise psutil.NoSuchProcess(pid) from error

    def rss_bytes(self) -> int:
        """Second field of statm, in pages; 0 for a zombie."""
        try:
            return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE_BYTES
        except ProcessLookupError as error:
            raise psutil.NoSuchProcess(self.process.pid) from error

    def close(self) -> None:
        os.close(self._statm)


class ProcessGroup:
    """The processes that `pids` lists, kept open until they end; `close` it.

    When there are more than 512 the first are read, the others only counted.
    """

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._alive: dict[int, _Member] = {}
        # Cumulative counters: last readings by pid, and the sum of those that ended.
        self._last: dict[int, Counter[Quantity.ValueType]] = {}
        self._ended: Counter[Quantity.ValueType] = Counter()
        # /proc/<pid>/io of another user's process is closed to all but root.
        self._io_denied = False
        # Listed and not read, now and at most.
        self._beyond = 0
        self.most_beyond = 0

    def __len__(self) -> int:
        return len(self._alive) + self._beyond

    def refresh(self) -> None:
        """List anew: take in what came, let go of what ended."""
        all_listed = self._pids()
        listed = all_listed[:_MAXIMUM_READ]
        self._beyond = len(all_listed) - len(listed)
        self.most_beyond = max(self.most_beyond, self._beyond)
        if listed == list(self._alive):
            return
        for pid in self._alive.keys() - set(listed):
            self._let_go(pid)
        for pid in listed:
            if pid not in self._alive:
                with suppress(psutil.NoSuchProcess):
                    self._alive[pid] = _Member(pid)

    def rss_bytes(self) -> int:
        """Resident memory of all; a page that several map counts for each of them."""
        total = 0
        for pid, member in list(self._alive.items()):
            try:
                total += member.rss_bytes()
            except psutil.NoSuchProcess:
                self._let_go(pid)
        return total

    def counters(self) -> dict[Quantity.ValueType, int]:
        """CPU time, IO and threads, as far as they may be read."""
        threads = 0
        for pid, member in list(self._alive.items()):
            try:
                threads += member.process.num_threads()
                self._last[pid] = self._read(member.process)
            except psutil.NoSuchProcess:
                self._let_go(pid)
        total = Counter(self._ended)
        for last in self._last.values():
            total.update(last)
        total[QUANTITY_THREADS] = threads
        if self._io_denied:
            del total[QUANTITY_READ_BYTES], total[QUANTITY_WRITE_BYTES]
        return total

    def cpu_ns(self) -> int:
        """CPU time of all; to the nanosecond for those alive."""
        ended_us = self._ended[QUANTITY_CPU_USER_US] + self._ended[QUANTITY_CPU_SYSTEM_US]
        return ended_us * 1000 + sum(process_cpu_ns(pid) or 0 for pid in self._alive)

    def close(self) -> None:
        """Let go of all."""
        for pid in list(self._alive):
            self._let_go(pid)

    def _read(self, process: psutil.Process) -> Counter[Quantity.ValueType]:
        cpu = process.cpu_times()
        read = Counter(
            {
                QUANTITY_CPU_USER_US: round(cpu.user * 1e6),
                QUANTITY_CPU_SYSTEM_US: round(cpu.system * 1e6),
            }
        )
        if not self._io_denied:
            try:
                io = process.io_counters()
            except psutil.AccessDenied:
                self._io_denied = True
            else:
                read[QUANTITY_READ_BYTES] = io.read_bytes
                read[QUANTITY_WRITE_BYTES] = io.write_bytes
        return read

    def _let_go(self, pid: int) -> None:
        if (member := self._alive.pop(pid, None)) is not None:
            member.close()
        self._ended.update(self._last.pop(pid, Counter()))
