"""Memory, CPU and processes of a control group, version 1 or 2, through kept descriptors.

A kept descriptor costs about 1 us a reading, a tenth of opening the file each
time, and version 2 resets `memory.peak` only for the descriptor it was written
to. Every reading is None where the kernel does not offer it or the group is
gone. Sources: kernel documentation, admin-guide/cgroup-v1/memory.rst,
cgroup-v1/cpuacct.rst and admin-guide/cgroup-v2.rst.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_TEXT_BYTES = 1 << 16
# Version 1 mounts these two controllers together or apart, under any of these names.
_CPU_MOUNTS = ("cpu", "cpuacct", "cpu,cpuacct", "cpuacct,cpu")
# What `kernel` of memory.stat adds up; kernels before 5.18 have only the parts.
_KERNEL_PARTS = ("kernel_stack", "pagetables", "sec_pagetables", "percpu", "slab", "vmalloc")


@dataclass(frozen=True)
class Cgroup:
    """Where the control group of an instance stands in /sys/fs/cgroup.

    Version 2 has one folder for all controllers; version 1 has one each, and
    `cpu` holds cpuacct too.
    """

    version: int
    memory: Path | None
    cpu: Path | None
    pids: Path | None


@dataclass(frozen=True)
class MemorySplit:
    """What the memory of a group is made of; file includes tmpfs and shared memory."""

    anonymous_bytes: int
    file_bytes: int
    kernel_bytes: int


class CgroupReader(Protocol):
    """The readings of one group. `close` it; a closed reader answers None."""

    def pids(self) -> list[int] | None:
        """Its processes, in the kernel's order."""

    def memory_bytes(self) -> int | None:
        """Everything charged to it, page cache included."""

    def memory_split(self) -> MemorySplit | None: ...

    def reset_peak(self) -> bool:
        """Let the peak begin anew; False: this kernel cannot, `peak_bytes` is since creation."""

    def peak_bytes(self) -> int | None: ...

    def cpu_ns(self) -> int | None:
        """CPU time since its creation; lags a running thread by up to one scheduler tick."""

    def throttled_ns(self) -> int | None:
        """Time in which its threads were held back by a CPU limit."""

    def oom_kills(self) -> int | None: ...

    def close(self) -> None: ...


def open_cgroup(cgroup: Cgroup) -> CgroupReader:
    """A reader of this group; files that are not there just have no readings."""
    return CgroupV2(cgroup) if cgroup.version == 2 else CgroupV1(cgroup)


class PeakSince:
    """The peak of a group's memory since `begin`, by the kernel's mark.

    A mark that cannot be reset but has risen was reached since then, too.
    """

    def __init__(self, reader: CgroupReader) -> None:
        self._reader = reader
        self._before = 0

    def begin(self) -> None:
        """Reset the mark, or remember it where this kernel cannot."""
        self._before = 0 if self._reader.reset_peak() else self._reader.peak_bytes() or 0

    def bytes(self) -> int | None:
        """None where all that is known is that it was not above what was before."""
        peak = self._reader.peak_bytes()
        return peak if peak is not None and peak > self._before else None


class _Kept:
    """A file opened once; each read begins at its start, where the kernel writes it anew."""

    def __init__(self, folder: Path | None, name: str, flags: int = os.O_RDONLY) -> None:
        self._descriptor = -1
        if folder is not None:
            with suppress(OSError):
                self._descriptor = os.open(folder / name, flags | os.O_CLOEXEC)

    def text(self) -> bytes | None:
        try:
            text = os.pread(self._descriptor, _TEXT_BYTES, 0)
        except OSError:
            # ENODEV once the group was removed, EBADF when it was never there or closed.
            return None
        # The last line of a longer one is cut: of thousands of pids, another process's.
        return text if len(text) < _TEXT_BYTES else text[: text.rindex(b"\n") + 1]

    def number(self) -> int | None:
        """None also for the word `max`."""
        try:
            return int(os.pread(self._descriptor, 64, 0))
        except (OSError, ValueError):
            return None

    def table(self) -> dict[str, int]:
        return parse_table((self.text() or b"").decode("ascii"))

    def write(self, data: bytes) -> bool:
        try:
            return os.pwrite(self._descriptor, data, 0) == len(data)
        except OSError:
            return False

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _OpenedAnew:
    """A file that is opened for each reading.

    `cgroup.procs` of version 1: its list is made when it is opened and lives until no
    descriptor was read for a second (kernel, cgroup-v1.c, CGROUP_PIDLIST_DESTROY_DELAY),
    so that a kept one, read more often, never tells of a process that came later.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / name if folder is not None else None

    def text(self) -> bytes | None:
        try:
            return self._path.read_bytes() if self._path is not None else None
        except OSError:
            return None

    def close(self) -> None:
        self._path = None


class CgroupV1:
    """Separate hierarchies for memory, cpu and cpuacct."""

    def __init__(self, cgroup: Cgroup) -> None:
        memory = cgroup.memory
        accounting = v1_controller(cgroup.cpu, "cpuacct.usage")
        self._procs = _OpenedAnew(cgroup.pids or memory or cgroup.cpu, "cgroup.procs")
        self._usage = _Kept(memory, "memory.usage_in_bytes")
        self._stat = _Kept(memory, "memory.stat")
        self._kernel = _Kept(memory, "memory.kmem.usage_in_bytes")
        self._peak = _Kept(memory, "memory.max_usage_in_bytes", os.O_RDWR)
        self._oom = _Kept(memory, "memory.oom_control")
        self._cpu = _Kept(accounting, "cpuacct.usage")
        self._throttled = _Kept(v1_controller(cgroup.cpu, "cpu.stat"), "cpu.stat")

    def pids(self) -> list[int] | None:
        return parse_pids(self._procs.text())

    def memory_bytes(self) -> int | None:
        return self._usage.number()

    def memory_split(self) -> MemorySplit | None:
        return split_v1(self._stat.table(), self._kernel.number() or 0)

    def reset_peak(self) -> bool:
        return self._peak.write(b"0")

    def peak_bytes(self) -> int | None:
        return self._peak.number()

    def cpu_ns(self) -> int | None:
        return self._cpu.number()

    def throttled_ns(self) -> int | None:
        return self._throttled.table().get("throttled_time")

    def oom_kills(self) -> int | None:
        return self._oom.table().get("oom_kill")

    def close(self) -> None:
        _close_all(self)


class CgroupV2:
    """The unified hierarchy."""

    def __init__(self, cgroup: Cgroup) -> None:
        folder = cgroup.memory or cgroup.cpu or cgroup.pids
        self._procs = _Kept(folder, "cgroup.procs")
        self._usage = _Kept(folder, "memory.current")
        self._stat = _Kept(folder, "memory.stat")
        self._peak = _Kept(folder, "memory.peak", os.O_RDWR)
        if self._peak.text() is None:
            # Linux 5.19 to 6.11 has the peak but lets nobody write it.
            self._peak = _Kept(folder, "memory.peak")
        self._events = _Kept(folder, "memory.events")
        self._cpu = _Kept(folder, "cpu.stat")

    def pids(self) -> list[int] | None:
        return parse_pids(self._procs.text())

    def memory_bytes(self) -> int | None:
        return self._usage.number()

    def memory_split(self) -> MemorySplit | None:
        return split_v2(self._stat.table())

    def reset_peak(self) -> bool:
        return self._peak.write(b"reset\n")

    def peak_bytes(self) -> int | None:
        return self._peak.number()

    def cpu_ns(self) -> int | None:
        return _thousandfold(self._cpu.table().get("usage_usec"))

    def throttled_ns(self) -> int | None:
        return _thousandfold(self._cpu.table().get("throttled_usec"))

    def oom_kills(self) -> int | None:
        return self._events.table().get("oom_kill")

    def close(self) -> None:
        _close_all(self)


def parse_table(text: str) -> dict[str, int]:
    """Lines of `key number`; other lines are left out."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def parse_pids(text: bytes | None) -> list[int] | None:
    """The pids of `cgroup.procs`; 0 stands for a process outside of our pid namespace."""
    if text is None:
        return None
    return [pid for line in text.split() if (pid := int(line)) > 0]


def split_v1(stat: Mapping[str, int], kernel_bytes: int) -> MemorySplit | None:
    """From `memory.stat` of version 1; `total_*` includes the groups below."""
    if not stat.keys() >= {"rss", "cache"}:
        return None
    return MemorySplit(
        stat.get("total_rss", stat["rss"]), stat.get("total_cache", stat["cache"]), kernel_bytes
    )


def split_v2(stat: Mapping[str, int]) -> MemorySplit | None:
    """From `memory.stat` of version 2, which always includes the groups below."""
    if not stat.keys() >= {"anon", "file"}:
        return None
    kernel = stat.get("kernel", sum(stat.get(part, 0) for part in _KERNEL_PARTS))
    return MemorySplit(stat["anon"], stat["file"], kernel)


def v1_controller(path: Path | None, file: str) -> Path | None:
    """The folder of the same group that holds `file`, whichever CPU hierarchy `path` is in."""
    if path is None or (path / file).exists():
        return path
    for index, part in enumerate(path.parts):
        if part not in _CPU_MOUNTS:
            continue
        for mount in _CPU_MOUNTS:
            other = Path(*path.parts[:index], mount, *path.parts[index + 1 :])
            if (other / file).exists():
                return other
    return path


def _thousandfold(value: int | None) -> int | None:
    return None if value is None else value * 1000


def _close_all(reader: CgroupV1 | CgroupV2) -> None:
    for kept in vars(reader).values():
        kept.close()
