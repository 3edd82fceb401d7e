"""A store's folder is locked, and its tables are made what they have to be."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from headstart.collector.faults import FolderInUse
from headstart.collector.store.database import Database
from headstart.collector.store.migrations import store_id
from headstart.collector.store.sqlite_file import SqliteFile
from headstart.words.private_files import locked_file, private_folder

FILE_NAME = "headstart.sqlite"
_LOCK_NAME = "collector.lock"

log = logging.getLogger(__name__)


class FolderLock:
    """Held for as long as the process lives or until `release`; the kernel frees it."""

    def __init__(self, folder: Path) -> None:
        path = folder / _LOCK_NAME
        try:
            self._file = locked_file(path)
        except BlockingIOError:
            raise FolderInUse(folder, path.read_text(errors="replace")[:20].strip()) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._file)


@dataclass(frozen=True)
class Opened:
    """A folder that is locked, and the store's tables as they have to be."""

    lock: FolderLock
    engine: Engine
    id: str

    def close(self) -> None:
        """For others."""
        self.engine.dispose()
        self.lock.release()


def opened(
    folder: Path,
    database: Database,
    before_change: Callable[[], None],
    prepared: Callable[[Connection], object],
) -> Opened:
    """See `Store`. Takes as long as the upgrade of an older store does. Raises StartFault."""
    private_folder(folder, marks=(FILE_NAME, _LOCK_NAME))
    lock = FolderLock(folder)
    if not isinstance(database, SqliteFile) and (folder / FILE_NAME).exists():
        log.warning(
            "%s has a store in it, %s, which is not read: the store is %s",
            *(folder, FILE_NAME, database.shown),
        )
    try:
        before_change()
        database.make_place()
    except BaseException:
        lock.release()
        raise
    engine = database.writer_engine()
    try:
        with engine.begin() as connection:
            database.check(connection)
            prepared(connection)
            found = store_id(connection)
    except BaseException:
        engine.dispose()
        lock.release()
        raise
    return Opened(lock, engine, found)
