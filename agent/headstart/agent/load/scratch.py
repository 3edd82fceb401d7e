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
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SHARED = Path("/dev/shm")  # noqa: S108  # tmpfs on every Linux; mkdtemp makes a private folder


@contextmanager
def scratch(root: Path | None = None) -> Iterator[Path]:
    """A private folder, removed at the end. A lock says that its owner lives."""
    path, lock = _locked(root or _root())
    try:
        yield path
    finally:
        os.close(lock)
        shutil.rmtree(path, ignore_errors=True)


def remove_abandoned(root: Path | None = None) -> list[str]:
    """Remove this user's folders whose owners ended without doing so; their names."""
    found = sorted((root or _root()).glob(f"{_PREFIX}*"))
    return [path.name for path in found if _removed(path)]


def _locked(root: Path) -> tuple[Path, int]:
    """A new folder, and the file that holds its lock."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        # Another agent may take one for abandoned before it is locked, and remove it.
        with suppress(FileNotFoundError):
            lock = os.open(path, _FOLDER)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.is_dir():
                return path, lock
            os.close(lock)


def _removed(path: Path) -> bool:
    """Whether it was abandoned; locked meanwhile, so that nobody has a half of it."""
    # OSError: locked, no folder (everybody may put a link there), or gone.
    with suppress(OSError):
        folder = os.open(path, _FOLDER)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(folder).st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
                return True
        finally:
            os.close(folder)
    return False


def _root() -> Path:
    return _SHARED if _SHARED.is_dir() else Path(tempfile.gettempdir())
