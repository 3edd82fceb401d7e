"""A control group of its own for each measured process, where this host lets us make one.

It counts memory and CPU exactly, over children too, and makes the plan's limits
hold as they do for a container. As root on version 1 it takes a folder in each
hierarchy, on version 2 one in the unified one. Sources: kernel documentation,
admin-guide/cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst.
"""

import logging
import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.deadline import Deadline
from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.linux.cgroup_paths import parse_mounts
from headstart.agent.runtimes.members import kill_all

log = logging.getLogger(__name__)

_V1_NEEDED = ("memory", "cpuacct", "cpu")
_V1_WANTED = ("pids",)
_CPU_PERIOD_US = 100_000
_REMOVE_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """0: none."""

    memory_bytes: int
    cpus: float
    pids: int


class CgroupParent:
    """The folders under which every process of one agent has its group."""

    def __init__(self, version: int, folders: dict[str, Path]) -> None:
        """Use `open`. `folders`: controller -> folder; on version 2 all under ""."""
        self.version = version
        self.folders = folders

    @classmethod
    def open(
        cls, name: str, mountinfo: Path = Path("/proc/self/mountinfo")
    ) -> "CgroupParent | None":
        """Make the folders; None where that is not permitted (not root, a container)."""
        mounts = {key: point for key, (_, point) in parse_mounts(mountinfo.read_text()).items()}
        v1 = {key: mounts[key] / name for key in (*_V1_NEEDED, *_V1_WANTED) if key in mounts}
        if all(key in v1 for key in _V1_NEEDED):
            return cls._make(1, v1)
        if "" in mounts:
            return cls._make(2, {"": mounts[""] / name})
        return None

    @classmethod
    def _make(cls, version: int, folders: dict[str, Path]) -> "CgroupParent | None":
        parent = cls(version, folders)
        with ExitStack() as undo:
            undo.callback(parent.close)
            try:
                for folder in set(folders.values()):
                    folder.mkdir(exist_ok=True)
                    if version == 2:
                        _enable_controllers(folder.parent)
                        _enable_controllers(folder)
            except OSError as error:
                log.info("processes get no control group of their own: %s", error)
                return None
            undo.pop_all()
        return parent

    def group(self, name: str) -> "ProcessCgroup":
        """The group of this name, made or not."""
        folders = {key: folder / name for key, folder in self.folders.items()}
        return ProcessCgroup(self.version, name, folders)

    def groups(self) -> list["ProcessCgroup"]:
        """What is there, also of an earlier life."""
        names = {child.name for folder in self.folders.values() for child in _children(folder)}
        return [self.group(name) for name in sorted(names)]

    def close(self) -> None:
        """Remove the folders, unless groups of another user of them are still inside."""
        for folder in set(self.folders.values()):
            with suppress(OSError):
                folder.rmdir()


class ProcessCgroup:
    """One instance's group."""

    def __init__(self, version: int, name: str, folders: dict[str, Path]) -> None:
        """Use `CgroupParent.group`."""
        self.name = name
        self._version = version
        self._folders = folders
        unified = folders.get("")
        self.facts = Cgroup(
            version=version,
            memory=unified or folders.get("memory"),
            cpu=unified or folders.get("cpuacct"),
            pids=unified or folders.get("pids") or folders.get("memory"),
        )

    def unique(self) -> list[Path]:
        """Its folders; controllers that are mounted together share one."""
        return sorted(set(self._folders.values()))

    def make(self) -> None:
        """Make its folders; OSError when one cannot be made or is there."""
        for folder in self.unique():
            folder.mkdir()

    def limit(self, limits: Limits) -> None:
        """Set the limits; OSError when the kernel refuses one."""
        if self._version == 2:
            self._limit_v2(self._folders[""], limits)
        else:
            self._limit_v1(limits)

    def place(self, pid: int) -> None:
        """Move a process here; its children are born here. OSError when it cannot be."""
        for folder in self.unique():
            _write(folder / "cgroup.procs", pid)

    def pids(self) -> list[int]:
        """The processes inside now; empty when the group is gone."""
        folder = self.facts.pids
        try:
            text = (folder / "cgroup.procs").read_text() if folder else ""
        except OSError:
            return []
        return [int(line) for line in text.split()]

    def remove(self) -> None:
        """Kill what is inside and remove the group. OSError when something survives."""
        kill_all(self.pids, _REMOVE_SECONDS)
        for folder in self.unique():
            _rmdir(folder)

    def _limit_v1(self, limits: Limits) -> None:
        memory, cpu, pids = (self._folders.get(key) for key in ("memory", "cpu", "pids"))
        if memory and limits.memory_bytes:
            _write(memory / "memory.limit_in_bytes", limits.memory_bytes)
            swap = memory / "memory.memsw.limit_in_bytes"
            if swap.exists():
                _write(swap, limits.memory_bytes)
        if cpu and limits.cpus:
            _write(cpu / "cpu.cfs_period_us", _CPU_PERIOD_US)
            _write(cpu / "cpu.cfs_quota_us", round(limits.cpus * _CPU_PERIOD_US))
        if pids and limits.pids:
            _write(pids / "pids.max", limits.pids)

    def _limit_v2(self, folder: Path, limits: Limits) -> None:
        if limits.memory_bytes:
            _write(folder / "memory.max", limits.memory_bytes)
            if (folder / "memory.swap.max").exists():
                _write(folder / "memory.swap.max", 0)
        if limits.cpus:
            _write(folder / "cpu.max", f"{round(limits.cpus * _CPU_PERIOD_US)} {_CPU_PERIOD_US}")
        if limits.pids and (folder / "pids.max").exists():
            _write(folder / "pids.max", limits.pids)


def _enable_controllers(folder: Path) -> None:
    """Let the groups below be counted; OSError where memory and cpu cannot be."""
    switch = folder / "cgroup.subtree_control"
    enabled = switch.read_text().split()
    for controller, needed in (("memory", True), ("cpu", True), ("pids", False)):
        if controller not in enabled:
            try:
                _write(switch, f"+{controller}")
            except OSError:
                if needed:
                    raise


def _write(path: Path, value: int | str) -> None:
    # One write(2), as these files want it; no creation of what is not there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _children(folder: Path) -> list[Path]:
    try:
        return [child for child in folder.iterdir() if child.is_dir()]
    except OSError:
        return []


def _rmdir(folder: Path) -> None:
    """A group stays busy for some ms after its last process was reaped."""
    deadline = Deadline(_REMOVE_SECONDS)
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if deadline.passed():
                raise
            time.sleep(0.002)
        else:
            return
