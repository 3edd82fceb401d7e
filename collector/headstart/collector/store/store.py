"""The store of a collector: a folder with one SQLite file, written by one collector."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from headstart.collector.config import Quotas
from headstart.collector.faults import FolderInUse
from headstart.collector.store import sqlite
from headstart.collector.store.migrations import prepare
from headstart.collector.store.writer import Append, GroupWriter, StoreClosed, StoreFault
from headstart.words.private_files import locked_file, private_database, private_folder

T = TypeVar("T")

FILE_NAME = "headstart.sqlite"
_GROUP_SECONDS = 0.05
# Between tries of what is to be stored at last.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0

log = logging.getLogger(__name__)


class FolderLock:
    """Held for as long as the process lives or until `release`; the kernel frees it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "collector.lock"
        try:
            self._file = locked_file(path)
        except BlockingIOError:
            raise FolderInUse(folder, path.read_text(errors="replace")[:20].strip()) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._file)


class Store:
    """Durable writes in groups, readings in short transactions. Use from one event loop."""

    def __init__(
        self,
        folder: Path,
        *,
        group_seconds: float = _GROUP_SECONDS,
        now: Callable[[], float] = time.time,
        quotas: Quotas | None = None,
    ) -> None:
        """Raises FolderInUse and StoreVersionError."""
        private_folder(folder, marks=(FILE_NAME,))
        self.path = (folder / FILE_NAME).absolute()
        self.now = now
        # False: `now` may be wrong, so that nothing is to be deleted for its age.
        self.believes_clock = True
        # What was said when a page could not be read: it stays damaged.
        self._damage = ""
        self._lock = FolderLock(folder)
        private_database(self.path)
        self._engine = sqlite.writer_engine(self.path)
        try:
            with self._engine.begin() as connection:
                prepare(connection)
        except BaseException:
            self._engine.dispose()
            self._lock.release()
            raise
        self.readers = sqlite.reader_engine(self.path)
        self._writer = GroupWriter(self._engine, group_seconds, now, quotas or Quotas())

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query on what is durable now, outside the event loop. Raises StoreFault."""

        def run() -> T:
            with self.readers.begin() as connection:
                return query(connection)

        try:
            return await asyncio.to_thread(run)
        except DBAPIError as error:
            if not sqlite.is_of_the_file(error):
                raise
            # Such as a folder that was moved away.
            words = f"the store cannot be read: {error.orig}"
            if sqlite.is_damaged(error) and not self._damage:
                self._damage = words
                log.error("%s: restore a backup (headstart restore)", words)
            raise StoreFault(words) from error

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run a change; durable on return. See `GroupWriter.write`."""
        return await self._writer.write(change)

    async def write_at_last(self, change: Callable[[Connection], T], what: str) -> T:
        """As `write`, again and again until it is durable: for what nobody waits for.

        Raises StoreClosed, and what `change` raises.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self.write(change)
            except StoreClosed:
                raise
            except StoreFault as fault:
                log.warning("%s is not stored yet (%s); again in %.0f s", what, fault, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def alone(self, work: Callable[[Engine], T]) -> T:
        """Run something that no transaction may be open for. See `GroupWriter.alone`."""
        return await self._writer.alone(work)

    async def cut_log(self) -> None:
        """Cut the write-ahead log. See `GroupWriter.cut_log`."""
        await self._writer.cut_log()

    def append(self, append: Append) -> None:
        """Take batches; see `GroupWriter.append`."""
        self._writer.append(append)

    @property
    def pending_bytes(self) -> int:
        """Payload that was taken and is not yet durable."""
        return self._writer.pending_bytes

    @property
    def problem(self) -> str:
        """Why the last group could not be made durable, or what is damaged; empty: nothing is."""
        return self._writer.problem or self._damage

    async def flush(self) -> None:
        """Return once everything taken so far is durable."""
        await self.write(lambda _connection: None)

    async def close(self) -> None:
        """Commit what waits and free the folder."""
        await self._writer.close()
        self._engine.dispose()
        self.readers.dispose()
        self._lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()
