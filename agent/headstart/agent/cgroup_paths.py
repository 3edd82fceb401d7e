"""Finding the control group of a process in /sys/fs/cgroup, version 1 or 2.

Sources: cgroups(7), Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of
the kernel, proc_pid_mountinfo(5).
"""

import re
from pathlib import Path

from headstart.agent.runtime import Cgroup


def find_cgroup(pid: int, proc: Path = Path("/proc")) -> Cgroup | None:
    """Where the group of a process stands; None when it cannot be seen from here.

    That is so where this agent runs in a container without the host's
    /sys/fs/cgroup, or the process has ended.
    """
    try:
        membership = (proc / str(pid) / "cgroup").read_text()
        mounts = parse_mounts((proc / "self" / "mountinfo").read_text())
    except OSError:
        return None
    found = parse_cgroup(membership, mounts)
    if found is None or (found.memory is None and found.cpu is None):
        return None
    return found


def parse_mounts(mountinfo: str) -> dict[str, tuple[str, Path]]:
    """Controller -> (root of the mount within its hierarchy, mount point).

    Version 2 stands under "" with all its controllers.
    """
    mounts: dict[str, tuple[str, Path]] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        where = (_unescape(fields[3]), Path(_unescape(fields[4])))
        names = kind[2].split(",") if kind[0] == "cgroup" else [""]
        for name in names:
            mounts.setdefault(name, where)
    return mounts


def parse_cgroup(membership: str, mounts: dict[str, tuple[str, Path]]) -> Cgroup | None:
    """What /proc/PID/cgroup says, as folders that exist.

    On a host with both versions mounted (systemd's hybrid) the controllers are
    where a line of version 1 names them.
    """
    paths: dict[str, Path | None] = {}
    for line in membership.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = _folder(mounts.get(name), path)
    if "memory" in paths or "cpuacct" in paths:
        return Cgroup(
            version=1,
            memory=paths.get("memory"),
            cpu=paths.get("cpuacct"),
            pids=paths.get("pids"),
        )
    if "" in paths:
        return Cgroup(version=2, memory=paths[""], cpu=paths[""], pids=paths[""])
    return None


def _folder(mount: tuple[str, Path] | None, path: str) -> Path | None:
    if mount is None:
        return None
    root, point = mount
    prefix = root.rstrip("/")
    if not (path + "/").startswith(prefix + "/"):
        return None
    folder = point / path[len(prefix) :].lstrip("/")
    return folder if folder.is_dir() else None


def _unescape(text: str) -> str:
    """mountinfo writes blanks and backslashes as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
