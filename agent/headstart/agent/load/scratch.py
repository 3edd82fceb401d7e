"""Folders for the files of a load, in memory; those of an agent that was killed are removed.

A generator's log must not wait for a disk, so they are on tmpfs where there is one: what
is left there is memory that nobody gives back.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "headstart-load-"
_SHARED = Path("/dev/shm")  # noqa: S108  # tmpfs on every Linux; mkdtemp makes a private folder


@contextmanager
def scratch(root: Path | None = None) -> Iterator[Path]:
    """A private folder, removed at the end. A lock says that its owner lives."""
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root or _root()))
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
        finally:
            os.close(lock)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_abandoned(root: Path | None = None) -> list[str]:
    """Remove this user's folders whose owners ended without doing so; their names."""
    abandoned = [path for path in (root or _root()).glob(f"{_PREFIX}*") if _is_abandoned(path)]
    for path in abandoned:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in abandoned]


def _is_abandoned(path: Path) -> bool:
    # OSError: locked, no folder (everybody may put a link there), or gone.
    with suppress(OSError):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.fstat(folder).st_uid == os.geteuid()
        finally:
            os.close(folder)
    return False


def _root() -> Path:
    return _SHARED if _SHARED.is_dir() else Path(tempfile.gettempdir())
