"""The store of a collector, written by one: SQLite's file in its folder, or a database."""

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from headstart.collector.config import Quotas
from headstart.collector.store import opening
from headstart.collector.store.damage import Damage
from headstart.collector.store.database import Database, kind_of
from headstart.collector.store.fault_kinds import FaultKind
from headstart.collector.store.migrations import prepare
from headstart.collector.store.opening import FILE_NAME, Opened
from headstart.collector.store.sqlite_file import SqliteFile
from headstart.collector.store.writer import (
    Append,
    GroupWriter,
    StoreClosed,
    StoreDamaged,
    StoreFault,
)
from headstart.words.commit_times import HANGING_SECONDS

__all__ = ["FILE_NAME", "Store"]

T = TypeVar("T")

_GROUP_SECONDS = 0.05
# Between tries of what is to be stored at last.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_READINGS_AT_ONCE = 8
_LAST_READING_SECONDS = 2.0
# Between looks whether the disk still takes something, where nothing is to be written.
_LOOK_SECONDS = 5.0
# Less is a full disk, even if something small finds room in the log's file yet.
_LEAST_BYTES = 1 << 20

log = logging.getLogger(__name__)


class Store:
    """Durable writes in groups, readings in short transactions. Use from one event loop."""

    def __init__(
        self,
        folder: Path,
        database: Database | None = None,
        *,
        group_seconds: float = _GROUP_SECONDS,
        now: Callable[[], float] = time.time,
        quotas: Quotas | None = None,
        before_change: Callable[[], None] = lambda: None,
        prepared: Callable[[Connection], object] = prepare,
        opened: Opened | None = None,
    ) -> None:
        """Raises FolderInUse, StoreInUse, StoreVersionError and other StartFaults.

        `database`: a file in the folder, unless another one is given.
        `before_change` is called with the folder locked: what it raises leaves an older store as
        it was. `prepared` makes the tables what they have to be, or refuses them; in the calling
        thread, however long that takes: see `open`, which passes `opened`.
        """
        self.folder = folder.absolute()
        self.database = database or SqliteFile(self.folder / FILE_NAME)
        self.now = now
        # False: `now` may be wrong, so that nothing is to be deleted for its age.
        self.believes_clock = True
        self._damage = Damage(self.database.advice_on_damage)
        # That there is no room, as of the last look.
        self._full = ""
        # Of their own: readings of a disk that hangs keep threads from nobody else.
        self._threads = ThreadPoolExecutor(_READINGS_AT_ONCE, thread_name_prefix="store-reader")
        # When each reading that is under way began, by the monotonic clock. Of many threads.
        self._readings: list[float] = []
        self._under_way: set[Future[Any]] = set()
        self._opened = opened or opening.opened(folder, self.database, before_change, prepared)
        self._engine = self._opened.engine
        # Tells the store from others, as a label of its metrics.
        self.id = self._opened.id
        self.readers = self.database.reader_engine()
        self._writer = GroupWriter(
            self.database, self._engine, group_seconds, now, quotas or Quotas(), self._damage
        )

    @classmethod
    async def open(
        cls,
        folder: Path,
        database: Database,
        *,
        before_change: Callable[[], None],
        prepared: Callable[[Connection], object],
        **settings: Any,
    ) -> Self:
        """The same, while the event loop goes on: a large store of an older release takes long."""
        future = asyncio.get_running_loop().run_in_executor(
            None, opening.opened, folder, database, before_change, prepared
        )
        try:
            opened = await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(_close_unused)
            raise
        return cls(folder, database, opened=opened, **settings)

    @property
    def where(self) -> str:
        """What another process reads it by: `database.open_readers`. Not to be shown."""
        return self.database.where

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query on what is durable now, outside the event loop.

        Raises StoreFault, StoreDamaged among them, and what `query` raises, as a DBAPIError of a
        statement that is wrong.
        """
        self._refuse_hanging()

        def run() -> T:
            # Here, since a caller may go away and leave the thread to its disk.
            began = time.monotonic()
            self._readings.append(began)
            try:
                with self.readers.begin() as connection:
                    return query(connection)
            finally:
                self._readings.remove(began)

        try:
            future = self._threads.submit(run)
            self._under_way.add(future)
            future.add_done_callback(self._under_way.discard)
            return await asyncio.wrap_future(future)
        except DBAPIError as error:
            kind = kind_of(error)
            if kind is FaultKind.WRONG:
                raise
            # Such as a folder that was moved away, or a server that does not answer.
            words = f"the store cannot be read: {self.database.words_of(error)}"
            if kind is FaultKind.AWAY:
                raise StoreFault(words) from error
            # The driver's words may have what is stored in them.
            raise self._damage.met(words) from None

    def _refuse_hanging(self) -> None:
        """Raise StoreFault where neither commits nor readings end: one more would hold a thread."""
        oldest = min([*self._readings], default=math.inf)
        if self._writer.times.hangs and time.monotonic() - oldest >= HANGING_SECONDS:
            raise StoreFault(f"the store cannot be read: {self._writer.times.slowness}")

    async def keep_looking(self) -> None:
        """Write something now and then: a disk that takes nothing, or takes it again, is noticed
        before somebody needs it.
        """
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._full = await asyncio.to_thread(self._fullness)
            if self._full or self._writer.times.idle < _LOOK_SECONDS:
                continue
            try:
                await self.write(self.database.touch)
            except StoreFault:
                # `problem` says so, and the log.
                continue

    def _fullness(self) -> str:
        free = shutil.disk_usage(self.folder).free
        if free >= _LEAST_BYTES:
            return ""
        # Of a database's own disk its errors tell.
        whose = "the store's" if isinstance(self.database, SqliteFile) else "the data folder's"
        return f"{whose} disk is full: {free >> 10} KiB are free"

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run a change; durable on return. See `GroupWriter.write`."""
        return await self._writer.write(change)

    async def note(self, change: Callable[[Connection], T]) -> T:
        """As `write`, for what decides nothing about records. See `GroupWriter.note`."""
        return await self._writer.note(change)

    async def write_at_last(self, change: Callable[[Connection], T], what: str) -> T:
        """As `write`, again and again until it is durable: for what nobody waits for.

        Raises StoreClosed, StoreDamaged, and what `change` raises.
        """
        return await self.at_last(lambda: self.write(change), f"{what} is not stored yet")

    async def at_last(self, work: Callable[[], Awaitable[T]], so_far: str) -> T:
        """Do something again and again until the store is not what keeps it from being done.

        `so_far` is said each time. Raises StoreClosed, StoreDamaged, and what `work` raises but
        other StoreFaults.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await work()
            except StoreClosed:
                raise
            except StoreDamaged as damaged:
                # Another process may have met it.
                self._damage.met(str(damaged))
                raise
            except StoreFault as fault:
                log.warning("%s (%s); again in %.0f s", so_far, fault, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def alone(self, work: Callable[[Engine], T]) -> T:
        """Run something that no transaction may be open for. See `GroupWriter.alone`."""
        return await self._writer.alone(work)

    async def cut_log(self) -> None:
        """Remove what was masked or deleted. See `GroupWriter.cut_log`."""
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
        return self._writer.problem or self._full or self._damage.words

    @property
    def slowness(self) -> str:
        """That the disk keeps commits waiting, in words; empty: it does not."""
        return self._writer.times.slowness

    @property
    def commit_seconds(self) -> float:
        """What the commit under way has taken so far, or the last one took, whichever is more."""
        return self._writer.times.latest

    async def flush(self) -> None:
        """Return once everything taken so far is durable."""
        await self.write(lambda _connection: None)

    async def close(self) -> None:
        """Commit what waits and free the folder."""
        await self._writer.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        # Whoever asked may have gone; what a reading has open is closed when it ends.
        await asyncio.to_thread(wait, [*self._under_way], _LAST_READING_SECONDS)
        self.readers.dispose()
        self._opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()


def _close_unused(future: "asyncio.Future[Opened]") -> None:
    if future.exception() is None:
        future.result().close()
