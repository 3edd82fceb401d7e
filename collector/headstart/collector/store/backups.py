"""A backup of a collector: the store, its authority and its contexts, as of one moment.

A backup is a folder with the same names as the collector's own and a list of what is in it. It
has its name once it is whole and on disk. The store is read as any reader does, so that a
collector that runs goes on; one in a database becomes a file of SQLite's, which holds the same.
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version as release_of
from pathlib import Path

from headstart.collector.store import sqlite
from headstart.collector.store.copying import CopyFault, CopyRefused, copy
from headstart.collector.store.database import Database
from headstart.collector.store.sqlite_file import SqliteFile
from headstart.collector.store.store import FILE_NAME
from headstart.words.private_files import private_file, private_folder, write_private

log = logging.getLogger(__name__)

LIST_NAME = "backup.json"
FORMAT = 1
# Folders of files that are never changed in place.
_FOLDERS = ("identity", "contexts")
_UNFINISHED = ".headstart-backup-"
_PIECE_BYTES = 1 << 20


class BackupRefused(Exception):
    """What was asked for cannot be; nothing was done. The message says what to change."""


class BackupFault(Exception):
    """The disk or a file is at fault; nothing of the copy is left."""


@dataclass(frozen=True)
class Copied:
    """A file of a backup, as its list has it."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What is in a backup."""

    format: int
    headstart: str
    # Of the tables.
    store_version: int
    made_seconds: float
    files: dict[str, Copied]

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.bytes for file in self.files.values())


def make(data: Path, destination: Path, database: Database | None = None) -> Backup:
    """Write a backup of a collector's folder, and of the database where that holds its store.

    Raises BackupRefused, BackupFault, and StartFault where a database holds no store.
    """
    if database is None and not (data / FILE_NAME).is_file():
        raise BackupRefused(f"{data}: there is no {FILE_NAME}; expected a collector's --data")
    if os.path.lexists(destination):
        raise BackupRefused(f"{destination} is there already: a backup replaces nothing")
    try:
        with unfinished(destination.parent, _UNFINISHED) as folder:
            made = _fill(folder, data, database)
            text = json.dumps(asdict(made), indent=1, sort_keys=True) + "\n"
            write_private(folder / LIST_NAME, text.encode())
            sync_all(folder)
            if os.path.lexists(destination):
                raise BackupRefused(f"{destination} is there already: a backup replaces nothing")
            folder.rename(destination)
            sync(destination.parent)
    except sqlite3.Error as error:
        raise BackupFault(f"the store in {data} cannot be copied: {error}") from error
    except OSError as error:
        raise BackupFault(f"{error.filename or destination}: {error.strerror}") from error
    return made


def _fill(folder: Path, data: Path, database: Database | None) -> Backup:
    files: dict[str, Copied] = {}
    # A file may go when the store needs it no more: what was there before or after is enough.
    _copy_folders(data, folder, files)
    store = private_file(folder / FILE_NAME)
    where = f"in {data}" if database is None else database.shown
    if database is None:
        sqlite.copy_into(data / FILE_NAME, store)
        made = time.time()
    else:
        # What happens from the snapshot on is not in it: a restore has to know the earlier time.
        made = time.time()
        _copy_database(database, store)
    _copy_folders(data, folder, files)
    if faults := sqlite.faults_of(store):
        raise BackupFault(f"the store {where} is damaged: {'; '.join(faults)}")
    files[FILE_NAME] = digest(store)
    return Backup(FORMAT, release_of("headstart"), sqlite.version_of(store), made, files)


def _copy_database(database: Database, store: Path) -> None:
    try:
        copy(database, SqliteFile(store))
    except CopyRefused as error:
        raise BackupRefused(str(error)) from error
    except CopyFault as error:
        raise BackupFault(str(error)) from error
    sqlite.settle(store)


def _copy_folders(data: Path, folder: Path, files: dict[str, Copied]) -> None:
    for name in _FOLDERS:
        if not (data / name).is_dir():
            continue
        private_folder(folder / name)
        for path in sorted((data / name).iterdir()):
            # What has a dot is being written; folders are of what is not yet whole.
            if path.name.startswith(".") or f"{name}/{path.name}" in files:
                continue
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    files[f"{name}/{path.name}"] = copy_file(path, folder / name / path.name)
            except FileNotFoundError:
                log.info("%s went while it was copied: no run needs it", path)


def copy_file(source: Path, target: Path) -> Copied:
    """Copy a file to one that only its owner reads; what was copied. Raises OSError."""
    found = hashlib.sha256()
    size = 0
    with source.open("rb") as read, private_file(target).open("wb") as write:
        while piece := read.read(_PIECE_BYTES):
            found.update(piece)
            size += len(piece)
            write.write(piece)
    return Copied(size, found.hexdigest())


def digest(path: Path) -> Copied:
    """What a file has in it. Raises OSError."""
    with path.open("rb") as file:
        return Copied(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


@contextmanager
def unfinished(parent: Path, prefix: str) -> Iterator[Path]:
    """A private folder that is gone at the end unless it was renamed. Raises OSError.

    Those that were left by somebody who was killed are removed first.
    """
    for left in parent.glob(f"{prefix}*"):
        with ExitStack() as lock:
            if _locked(left, lock):
                shutil.rmtree(left, ignore_errors=True)
    folder = private_folder(parent / f"{prefix}{secrets.token_hex(4)}")
    with ExitStack() as lock:
        _locked(folder, lock)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path, lock: ExitStack) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        lock.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sync_all(folder: Path) -> None:
    """Have a folder and all that is in it on disk. Raises OSError."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Have a file or folder on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
