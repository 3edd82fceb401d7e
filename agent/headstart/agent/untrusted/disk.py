"""What an instance writes to disk: its own layer, its volumes, files that the engine lends it.

A file system with quotas for each container (xfs with pquota) is rare, so the agent looks:
a few times a second at how much is free, which costs 6 to 8 us, and at the instance's files
only when that has fallen by a good part of what it may still write. An app that
writes nothing to speak of is never walked through.
"""

import os
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.deadline import Deadline
from headstart.agent.linux.mountinfo import parse_mountinfo, unescaped

_LOOK_SECONDS = 0.25
# Less than this is never worth a walk.
_STEP_BYTES = 64 << 20
_STEP_FILES = 50_000
# What cannot be counted within these is too much.
_MAXIMUM_FILES = 200_000
_MAXIMUM_DEPTH = 100
_WALK_SECONDS = 5.0
_MAXIMUM_PROCESSES = 256
_MAXIMUM_OPEN = 1024
_BLOCK_BYTES = 512
# Of what was free: less than this may be gone without a file that accounts for it. Others
# write too.
_HIDDEN_SHARE = 1 / 4
# In memory, which has a limit of its own, or of the kernel's making.
_NOT_ON_DISK = {
    *("tmpfs", "ramfs", "proc", "sysfs", "cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue"),
    *("securityfs", "debugfs", "tracefs", "bpf", "pstore", "configfs", "fusectl", "hugetlbfs"),
}
_NOT_FILES = ("/memfd:", "/dev/shm/", "/SYSV", "/dev/zero")  # noqa: S108  # names only


class _Stopped(Exception):
    """The watch is being closed."""


class TooMuch(Exception):
    """It holds more than can be counted within bounds; the message says what."""


@dataclass(frozen=True)
class Free:
    """What a file system has left."""

    bytes: int
    files: int


class DiskWatch:
    """Calls `exceeded` once, in a thread of its own, when an instance wrote more than it may.

    Make it while the instance waits in its gate: what it can write to is taken from its
    mounts as they are then, by descriptors, whatever it calls them later. `close` it.
    """

    def __init__(
        self,
        pid: int,
        pids: Callable[[], Iterable[int]],
        limit_bytes: int,
        exceeded: Callable[[str], None],
        lent: Collection[tuple[int, int]] = (),
    ) -> None:
        """`pid` is its first process. OSError when its mounts cannot be read.

        `lent`: folders and files of the host, by device and inode; what lies there already is
        none of the instance's.
        """
        self._pids = pids
        self._exceeded = exceeded
        self._closing = threading.Event()
        with ExitStack() as undo:
            mounts = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
            self._in_memory = devices_in_memory(mounts)
            self._places, self._sees_layer = opened(pid, mounts, undo)
            self._undo = undo.pop_all()
        self.notes: Sequence[str] = ()
        # Where it is counted what it wrote, and what was there before.
        self._counted, self._there = self._places, 0
        self._take_stock(lent)
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        free = self._free()
        self._limit = min(limit_bytes, free.bytes // 2)
        self._before = self._last = free
        self._used = 0

    @property
    def watches(self) -> bool:
        """Whether this agent sees the instance's own layer, and all that it writes there.

        Not in a container of its own without the engine's folder at the same path: what the
        engine lends files from may be seen there all the same.
        """
        return bool(self._places) and self._sees_layer

    def start(self) -> None:
        """Begin to look at what is seen."""
        if self._places:
            self._thread.start()

    def close(self) -> None:
        """Stop looking. Idempotent."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._undo.close()

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with suppress(OSError, _Stopped):
                if reason := self.look():
                    self._exceeded(reason)
                    return

    def look(self) -> str:
        """Why it wrote too much, as a sentence's end; empty: it did not."""
        free = self._free()
        step = max(_STEP_BYTES, (self._limit - self._used) // 2)
        if self._last.bytes - free.bytes < step and self._last.files - free.files < _STEP_FILES:
            return ""
        self._last = free
        try:
            deadline = Deadline(_WALK_SECONDS)
            stopped = self._closing.is_set
            used = bytes_below(self._counted, deadline, stopped, self._in_memory)
            self._used = max(0, used - self._there)
        except TooMuch as error:
            return f"it wrote {error} to disk"
        if self._used <= self._limit < self._before.bytes - free.bytes:
            # What was deleted takes its space as long as a process has it open.
            self._used += deleted_bytes(self._pids())
        if self._used <= self._limit:
            return self._hidden(free)
        return f"it wrote {_mebibytes(self._used)} to disk, {_mebibytes(self._limit)} is its limit"

    def _take_stock(self, lent: Collection[tuple[int, int]]) -> None:
        """Where that cannot be counted, what is gone of the disk holds alone (`_hidden`)."""
        found = {place: os.fstat(place) for place in self._places}
        lies = [place for place, each in found.items() if (each.st_dev, each.st_ino) in lent]
        if not lies:
            return
        try:
            self._there = bytes_below(lies, Deadline(_WALK_SECONDS), in_memory=self._in_memory)
        except TooMuch as error:
            self._counted = [place for place in self._places if place not in lies]
            words = (
                f"what it writes to a folder of the host is not counted, which held {error} before;"
                " it is killed when a quarter of what was free is gone"
            )
            self.notes = [words]

    def _hidden(self, free: Free) -> str:
        """Why what no file accounts for is too much: a deleted one may be mapped, or on its way
        through a socket, and then no list of open files has it.
        """
        hidden = self._before.bytes - free.bytes - self._used
        if hidden <= max(self._limit, self._before.bytes * _HIDDEN_SHARE):
            return ""
        return (
            f"it wrote {_mebibytes(self._used)} to disk, and {_mebibytes(hidden)} more are gone"
            f" that no file accounts for, {_mebibytes(self._limit)} is its limit"
        )

    def _free(self) -> Free:
        """What the file system that has least has left; the others hold a volume at most."""
        found = [os.fstatvfs(place) for place in self._places]
        return Free(
            bytes=min((each.f_bfree * each.f_frsize for each in found), default=0),
            files=min((each.f_ffree for each in found), default=0),
        )


def writable(mountinfo: str) -> tuple[str | None, list[str]]:
    """The folder of the host that an overlay keeps its writes in, and the other mount points
    that are on a disk and can be written to.
    """
    upper: str | None = None
    others = []
    for mount in parse_mountinfo(mountinfo):
        if mount.point == "/" and mount.kind == "overlay":
            keys = dict(part.partition("=")[::2] for part in mount.super_options.split(","))
            upper = unescaped(keys.get("upperdir", "")) or None
        elif "rw" in mount.options and mount.kind not in _NOT_ON_DISK:
            others.append(mount.point)
    return upper, others


def devices_in_memory(mountinfo: str) -> frozenset[int]:
    """What is mounted from memory, as `st_dev` has it: it may lie in a volume."""
    return frozenset(
        mount.device for mount in parse_mountinfo(mountinfo) if mount.kind in _NOT_ON_DISK
    )


def bytes_below(
    places: Iterable[int],
    deadline: Deadline,
    stopped: Callable[[], bool] = lambda: False,
    in_memory: Collection[int] = (),
) -> int:
    """What lies on disk below these descriptors, links not followed. Raises TooMuch.

    A folder that lies below two of them counts once; one on a device `in_memory` does not.
    """
    counter = _Counter(deadline, stopped, in_memory)
    return sum(counter.bytes_of(place) for place in places)


def deleted_bytes(pids: Iterable[int]) -> int:
    """What processes hold open that has no name any more."""
    seen: dict[tuple[int, int], int] = {}
    for pid in list(pids)[:_MAXIMUM_PROCESSES]:
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry, _ in zip(entries, range(_MAXIMUM_OPEN), strict=False):
                with suppress(OSError):
                    found = os.stat(entry.path)  # noqa: PTH116  # of what is open, not the link
                    on_disk = not os.readlink(entry.path).startswith(_NOT_FILES)  # noqa: PTH115
                    if stat.S_ISREG(found.st_mode) and not found.st_nlink and on_disk:
                        seen[found.st_dev, found.st_ino] = found.st_blocks * _BLOCK_BYTES
    return sum(seen.values())


class _Counter:
    """Adds up what lies below descriptors; TooMuch beyond its bounds."""

    def __init__(
        self, deadline: Deadline, stopped: Callable[[], bool], in_memory: Collection[int]
    ) -> None:
        self._deadline = deadline
        self._stopped = stopped
        self._in_memory = in_memory
        self._files = 0
        self._linked: set[tuple[int, int]] = set()
        # A volume may lie in another one.
        self._folders: set[tuple[int, int]] = set()

    def bytes_of(self, place: int) -> int:
        found = os.fstat(place)
        if not stat.S_ISDIR(found.st_mode):
            return found.st_blocks * _BLOCK_BYTES
        if not self._enters(found):
            return 0
        with suppress(OSError):
            return self._below(os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_DIRECTORY), 0)
        return 0

    def _below(self, folder: int, depth: int) -> int:
        """Closes the descriptor. By descriptors, since a path may be longer than any call takes."""
        if depth > _MAXIMUM_DEPTH:
            os.close(folder)
            raise TooMuch(f"folders in folders, {_MAXIMUM_DEPTH} deep,")
        total = 0
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count()
                    with suppress(OSError):
                        found = entry.stat(follow_symlinks=False)
                        if found.st_dev in self._in_memory:
                            continue
                        total += self._own(found)
                        if stat.S_ISDIR(found.st_mode) and self._enters(found):
                            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                            inner = os.open(entry.name, flags, dir_fd=folder)
                            total += self._below(inner, depth + 1)
        finally:
            os.close(folder)
        return total

    def _enters(self, found: os.stat_result) -> bool:
        """Whether a folder was not looked through before."""
        before = len(self._folders)
        self._folders.add((found.st_dev, found.st_ino))
        return len(self._folders) > before

    def _own(self, found: os.stat_result) -> int:
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            key = (found.st_dev, found.st_ino)
            if key in self._linked:
                return 0
            self._linked.add(key)
        return found.st_blocks * _BLOCK_BYTES

    def _count(self) -> None:
        self._files += 1
        if self._files > _MAXIMUM_FILES:
            raise TooMuch(f"more than {_MAXIMUM_FILES} files")
        if self._files % 256 == 0:
            if self._deadline.passed():
                raise TooMuch(f"more than can be counted in {self._deadline.seconds:g} s")
            if self._stopped():
                raise _Stopped


def opened(pid: int, mountinfo: str, undo: ExitStack) -> tuple[list[int], bool]:
    """Descriptors of what a process can write to on disk, closed by `undo`, and whether its own
    layer is among them, or it has none.
    """
    upper, others = writable(mountinfo)
    root = f"/proc/{pid}/root"
    layers = [upper] if upper else []
    places = []
    seen = set()
    for path in [*(f"{root}{point}" for point in others), *layers]:
        # What the host mounts there, an agent in a container of its own does not see.
        with suppress(OSError):
            places.append(os.open(path, os.O_PATH | os.O_CLOEXEC))
            undo.callback(os.close, places[-1])
            seen.add(path)
    return places, seen.issuperset(layers)


def _mebibytes(count: int) -> str:
    return f"{count >> 20} MiB"
