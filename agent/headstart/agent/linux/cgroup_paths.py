"""Finding the control group of a process in /sys/fs/cgroup, version 1 or 2.

Sources: cgroups(7), Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of
the kernel.
"""

from pathlib import Path

from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.linux.mountinfo import parse_mountinfo


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
    for mount in parse_mountinfo(mountinfo):
        if mount.kind not in ("cgroup", "cgroup2"):
            continue
        names = mount.super_options.split(",") if mount.kind == "cgroup" else [""]
        for name in names:
            mounts.setdefault(name, (mount.root, Path(mount.point)))
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
