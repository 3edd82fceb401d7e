"""Memory and processes of a build, seen from outside in the control groups of its steps.

A step runs in a container of the classic builder, whose id is in the path of its
group, or in one of BuildKit's, whose path has a form of its own (`BUILDKIT`). A step
is found by its processes; one that lives shorter than two looks is not seen.
"""

import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from headstart.agent.linux.cgroup import CgroupReader, open_cgroup
from headstart.agent.linux.cgroup_paths import find_cgroup

# How BuildKit names a step's group: a folder below one of its own, or (where the engine
# leaves groups to systemd, the default with version 2) by its id after "docker:" or
# "docker-": 25 letters and digits, where a container's has 64. Sources: moby,
# cmd/dockerd, newCgroupParent; buildkit, executor/oci, GenerateSpec; seen with Docker 20.10.
BUILDKIT = r"/buildkit/|docker[-:][0-9a-z]{25}\b"
# A process joins its group a moment after it is made.
_LOOKS_AT_A_PROCESS = 2


class Usage:
    """Groups by their paths; `look` a few times a second, `close` it."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        # Regular expressions, of which one is found in the path of a step's group.
        self.marks: set[str] = set()
        # Highest of any one group: page cache included, and anonymous memory alone.
        self.peak_bytes = 0
        self.anonymous_peak_bytes = 0
        # Of all groups; what a step used since the last look at it is not in it.
        self._cpu_ns: dict[Path, int] = {}
        self._looks: dict[int, int] = dict.fromkeys(self._pids(), _LOOKS_AT_A_PROCESS)
        self._groups: dict[Path, CgroupReader] = {}

    def look(self) -> set[str]:
        """Read all groups; the names of the processes in them."""
        self._find()
        names: set[str] = set()
        for path, reader in list(self._groups.items()):
            pids = reader.pids()
            if pids is None:
                reader.close()
                del self._groups[path]
                continue
            self.peak_bytes = max(
                self.peak_bytes, reader.peak_bytes() or reader.memory_bytes() or 0
            )
            self._cpu_ns[path] = reader.cpu_ns() or self._cpu_ns.get(path, 0)
            if split := reader.memory_split():
                self.anonymous_peak_bytes = max(self.anonymous_peak_bytes, split.anonymous_bytes)
            names |= self._names(pids)
        return names

    def cpu_seconds(self) -> float:
        """CPU time of all that was seen."""
        return sum(self._cpu_ns.values()) / 1e9

    def close(self) -> None:
        """Close what is open."""
        for reader in self._groups.values():
            reader.close()
        self._groups.clear()

    def _find(self) -> None:
        pids = self._pids()
        for pid in pids:
            if self._looks.get(pid, 0) < _LOOKS_AT_A_PROCESS:
                self._look_at(pid)
        self._looks = {pid: min(self._looks.get(pid, 0) + 1, _LOOKS_AT_A_PROCESS) for pid in pids}

    def _look_at(self, pid: int) -> None:
        try:
            membership = (self._proc / str(pid) / "cgroup").read_text()
        except OSError:
            return
        if not self._is_marked(membership):
            return
        cgroup = find_cgroup(pid, self._proc)
        if cgroup is None or cgroup.memory is None or cgroup.memory in self._groups:
            return
        # Of version 1 a process joins one controller after the other: until it has
        # joined all of them, some of these are groups of the whole host.
        folders = filter(None, (cgroup.memory, cgroup.cpu, cgroup.pids))
        if all(self._is_marked(str(folder)) for folder in folders):
            self._groups[cgroup.memory] = open_cgroup(cgroup)

    def _is_marked(self, path: str) -> bool:
        return any(re.search(mark, path) for mark in self.marks)

    def _pids(self) -> list[int]:
        return [int(entry.name) for entry in self._proc.iterdir() if entry.name.isdigit()]

    def _names(self, pids: Collection[int]) -> set[str]:
        names = set()
        for pid in pids:
            with suppress(OSError):
                names.add((self._proc / str(pid) / "comm").read_text().rstrip("\n"))
        return names
