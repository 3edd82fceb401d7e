"""Files and folders that nobody else on the machine may read, and keys that nobody else reads.

Every part keeps some. They are private whatever the umask, and those of an older
release, which had left it to the umask, are tightened when they are opened.
"""

import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger(__name__)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# What SQLite keeps beside a database; it gives them the database's mode when it makes them.
DATABASE_SUFFIXES = ("-wal", "-shm", "-journal")


class KeyExposed(Exception):
    """Others can read a private key; the message says which and what to do."""


def private_folder(path: Path, marks: Iterable[str] = ()) -> Path:
    """Make a folder of mode 0700 and its parents; the same path.

    One that exists is tightened when it is empty or holds one of `marks`, names that
    only we give: a shared folder such as /tmp is not ours to close. Raises OSError.
    """
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise
        if any((path / mark).exists() for mark in marks) or not any(path.iterdir()):
            _tighten(path, 0o700)
    else:
        path.chmod(0o700)
    return path


def private_file(path: Path) -> Path:
    """Make an empty file of mode 0600 unless it exists, else tighten it; the same path."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _tighten(path, 0o600)
    else:
        # A umask may have taken bits of the owner's own.
        path.chmod(0o600)
    return path


def locked_file(path: Path) -> int:
    """A descriptor of a `private_file`, locked for as long as it is open.

    Raises BlockingIOError when somebody else has it locked, and other OSErrors.
    """
    descriptor = os.open(private_file(path), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def private_database(path: Path) -> Path:
    """`private_file` for a SQLite database and what SQLite keeps beside it."""
    private_file(path)
    for suffix in DATABASE_SUFFIXES:
        if (beside := path.with_name(path.name + suffix)).exists():
            _tighten(beside, 0o600)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    private_file(path).write_bytes(content)


def replace_private(path: Path, content: bytes) -> None:
    """Put a file that only its owner reads in the place of another: whole, or not at all.

    It is on disk when this returns. Raises OSError.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # A umask may have taken bits of the owner's own.
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _tighten(path: Path, mode: int) -> None:
    found = stat.S_IMODE(path.stat().st_mode)
    if not found & _OTHERS:
        return
    try:
        path.chmod(mode)
    except OSError as error:
        log.warning("%s: others may read it (mode %04o): %s", path, found, error.strerror)
        return
    log.warning("%s: others could read it (mode %04o); now it has mode %04o", path, found, mode)


def read_private_key(path: Path) -> bytes:
    """A key's bytes. Raises KeyExposed when others can read it, OSError when we cannot.

    As PostgreSQL has it: no access for others; none for a group either unless the file
    is root's, as systemd's credentials and certificates of a group are given to a
    service. Checked on the open file, so that it is the one that is read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        mode = stat.S_IMODE(status.st_mode)
        by_group = stat.S_IRGRP if status.st_uid == 0 else 0
        if mode & _OTHERS & ~by_group:
            raise KeyExposed(
                f"{path}: others can read this private key (mode {mode:04o}): "
                f"chmod 0600 {path}, or 0640 for a file of root whose group may read it"
            )
        return file.read()
