"""A collector's folder made of a backup, which is held against its list and read through first."""

import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.collector.faults import FolderInUse
from headstart.collector.store import sqlite
from headstart.collector.store.backups import (
    FORMAT,
    LIST_NAME,
    Backup,
    BackupFault,
    BackupRefused,
    Copied,
    copy_file,
    sync,
    sync_all,
    unfinished,
)
from headstart.collector.store.later_attempts import after_restore
from headstart.collector.store.migrations import KNOWN_VERSION
from headstart.collector.store.opening import FILE_NAME, FolderLock
from headstart.collector.store.restores import Restore, note
from headstart.words.private_files import private_folder

_UNFINISHED = ".headstart-restore-"
_LARGEST_LIST_BYTES = 64 << 20
# As `make` names them: nothing that leads out of the folder.
_FILE = re.compile(r"headstart\.sqlite|(identity|contexts)/[0-9A-Za-z_-][0-9A-Za-z._-]{0,200}")
# What a collector that was never started may have in its folder.
_NO_STORE = ("collector.lock", "lost+found")


def restore(source: Path, data: Path) -> Backup:
    """Make a collector's folder of a backup. Raises BackupRefused and BackupFault.

    Everything is checked before anything is in its place, and the store comes last: without it
    there is no collector's folder, and whoever is killed may do it again.
    """
    found = read_list(source)
    if found.store_version > KNOWN_VERSION:
        raise BackupRefused(
            f"{source} is of a store of version {found.store_version}, this release of headstart "
            f"knows versions up to {KNOWN_VERSION}: upgrade headstart (it was made by "
            f"{found.headstart})"
        )
    try:
        with _alone(data):
            _require_empty(data)
            with unfinished(data, _UNFINISHED) as folder:
                _copy(source, found, folder)
                _check_store(source, found, folder / FILE_NAME)
                after_restore(folder / FILE_NAME)
                note(folder / FILE_NAME, Restore(found.made_seconds, time.time()))
                _give_to_owner(data, folder)
                sync_all(folder)
                for path in sorted(folder.iterdir(), key=lambda path: path.name == FILE_NAME):
                    path.rename(data / path.name)
                sync(data)
    except FolderInUse as error:
        raise BackupRefused(str(error)) from error
    except sqlite3.Error as error:
        raise BackupFault(f"{source}: its store cannot be read: {error}") from error
    except OSError as error:
        raise BackupFault(f"{error.filename or data}: {error.strerror}") from error
    return found


def read_list(source: Path) -> Backup:
    """What a backup says that it has. Raises BackupRefused."""
    path = source / LIST_NAME
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_LIST_BYTES)
    except OSError as error:
        raise BackupRefused(
            f"{path}: {error.strerror}; expected a folder that `headstart backup` made"
        ) from error
    try:
        said = json.loads(content)
        files = {
            str(name): Copied(int(file["bytes"]), str(file["sha256"]))
            for name, file in said["files"].items()
        }
        found = Backup(
            int(said["format"]),
            str(said["headstart"])[:80],
            int(said["store_version"]),
            float(said["made_seconds"]),
            files,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupRefused(f"{path} is no list of a backup: {error!r:.200}") from error
    if found.format != FORMAT:
        raise BackupRefused(f"{path} has format {found.format}, this release knows {FORMAT}")
    if wrong := [name for name in found.files if not _FILE.fullmatch(name)]:
        raise BackupRefused(f"{path} names {wrong[0]!r:.200}, which is no file of a backup")
    if FILE_NAME not in found.files:
        raise BackupRefused(f"{path} does not name {FILE_NAME}")
    return found


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Make the folder and keep collectors from starting in it; unless all went well, unmake it."""
    made = not data.exists()
    lock = FolderLock(private_folder(data))
    try:
        yield
    except BaseException:
        if made:
            shutil.rmtree(data, ignore_errors=True)
        raise
    finally:
        lock.release()


def _require_empty(data: Path) -> None:
    """Remove what an interrupted restore left; refuse to replace anything else."""
    left = [path for path in data.iterdir() if path.name.startswith(_UNFINISHED)]
    if left and not (data / FILE_NAME).exists():
        # It may have put some things into place already.
        for name in ("identity", "contexts"):
            shutil.rmtree(data / name, ignore_errors=True)
    there = sorted(
        path.name
        for path in data.iterdir()
        if path.name not in _NO_STORE and not path.name.startswith(_UNFINISHED)
    )
    if there:
        raise BackupRefused(
            f"{data} has {', '.join(there[:5])} in it: a restore replaces nothing; move the "
            "folder away, or name another one"
        )


def _copy(source: Path, found: Backup, folder: Path) -> None:
    """Copy all files, each as its list has it."""
    wrong = []
    for name, said in sorted(found.files.items()):
        target = folder / name
        private_folder(target.parent)
        try:
            copied = copy_file(source / name, target)
        except FileNotFoundError:
            wrong.append(f"{name} is not there")
            continue
        if copied.bytes != said.bytes:
            wrong.append(f"{name} has {copied.bytes} bytes, {said.bytes} were written")
        elif copied != said:
            wrong.append(f"{name} is not what was written: its SHA-256 is another")
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise BackupFault(f"{source} is damaged: {'; '.join(wrong[:5])}{more}")


def _check_store(source: Path, found: Backup, store: Path) -> None:
    if faults := sqlite.faults_of(store):
        raise BackupFault(f"the store of {source} is damaged: {'; '.join(faults)}")
    version = sqlite.version_of(store)
    if version != found.store_version:
        raise BackupFault(
            f"the store of {source} has version {version}, its list says {found.store_version}"
        )


def _give_to_owner(data: Path, folder: Path) -> None:
    """Whoever has the folder shall read what is in it, also where root restores."""
    if os.geteuid() != 0:
        return
    owner = data.stat()
    for path in (folder, *folder.rglob("*"), data / "collector.lock"):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
