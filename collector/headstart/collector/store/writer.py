"""Group commit: what came within some tens of milliseconds shares one fsync.

One thread writes. The event loop gathers changes while the previous group is
being committed, so a slow disk makes the groups larger, not the queue longer.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from headstart.collector.config import Quotas
from headstart.collector.faults import StartFault
from headstart.collector.store import (
    ends,
    records as store_records,
    stored_values,
)
from headstart.collector.store.admission import (
    Admitted,
    Append,
    Appended,
    Spoil,
    StoreClosed,
    StoreDamaged,
    StoreFault,
    admit,
)
from headstart.collector.store.damage import Damage
from headstart.collector.store.database import Database, kind_of
from headstart.collector.store.fault_kinds import FaultKind
from headstart.collector.store.records import Watermark
from headstart.collector.store.standing import Standings
from headstart.words.commit_times import CommitTimes

__all__ = [
    "Append",
    "Appended",
    "GroupWriter",
    "Spoil",
    "StoreClosed",
    "StoreDamaged",
    "StoreFault",
]

log = logging.getLogger(__name__)

T = TypeVar("T")

# A group is committed early when this much waits.
_FULL_ROWS = 4096
# For the answer of a database that went away in a commit, when the collector stops.
_LAST_WORD_SECONDS = 5.0
# How long readings may keep what was masked from being removed, while all that is taken waits.
_CUT_SECONDS = 0.05
# Between tries where nothing is written.
_CUT_AGAIN_SECONDS = 1.0


@dataclass
class _Control:
    change: Callable[[Connection], Any]
    done: asyncio.Future[Any]
    # Nothing by which records count: neither a run nor what is stored of it.
    is_note: bool = False


@dataclass
class _Group:
    appends: list[Append] = field(default_factory=list)
    controls: list[_Control] = field(default_factory=list)
    rows: int = 0


class GroupWriter:
    """Use from one event loop. `now` gives Unix seconds."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        group_seconds: float,
        now: Callable[[], float],
        quotas: Quotas,
        damage: Damage,
    ) -> None:
        self._damage = damage
        self._database = database
        self._engine = engine
        self._quotas = quotas
        self._standings = Standings()
        self._group_seconds = group_seconds
        self._now = now
        self._group = _Group()
        self._committing_bytes = 0
        self._pending_bytes = 0
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closing = False
        self.problem = ""
        self.times = CommitTimes(database.whose)
        # Whether what was masked or deleted may be somewhere yet: after a crash, too.
        self._uncut = True
        self._told_uncut = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._task = asyncio.create_task(self._run(), name="store-writer")

    @property
    def pending_bytes(self) -> int:
        """Payload that was taken and is not yet durable."""
        return self._pending_bytes + self._committing_bytes

    def append(self, append: Append) -> None:
        """Take batches; `append.done` is called once they are durable or have failed."""
        self._group.appends.append(append)
        self._group.rows += len(append.rows)
        self._pending_bytes += append.payload_bytes
        # Somebody waits for the end of a run; nobody waits for a sample.
        if append.outcomes or append.spoils or self._group.rows >= _FULL_ROWS:
            self._hurry.set()
        self._wake.set()

    async def note(self, change: Callable[[Connection], T]) -> T:
        """As `write`, for what changes nothing by which records count: what is known of runs stays.

        That is their attempt, state, host, stream and stored bytes, and those of hosts.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._take(_Control(change, done, is_note=True))
        return await done

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run a change after everything taken before; returns once it is durable.

        What `change` raises undoes its own work alone and is raised here, as the error of a
        statement that is wrong. Raises StoreFault when the commit failed, or would have to wait
        for one that hangs; StoreDamaged where this change met the damage.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._take(_Control(change, done))
        return await done

    def _take(self, control: _Control) -> None:
        if self._closing:
            raise StoreClosed("the store is closed")
        if self.times.hangs:
            raise StoreFault(f"{self.times.slowness}; nothing of this was stored")
        self._group.controls.append(control)
        self._wake.set()
        self._hurry.set()

    async def alone(self, work: Callable[[Engine], T]) -> T:
        """Run something between two groups, outside of a transaction; what is taken waits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._engine)

    async def cut_log(self) -> None:
        """Remove what was masked or deleted from SQLite's write-ahead log, and where it still is.

        If a reading holds it up, as soon as it does not.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._cut, _CUT_SECONDS)
        if self._uncut:
            self._wake.set()

    async def close(self) -> None:
        """Commit what waits, then end the thread."""
        last: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._standings.owes or self._group.appends or self.pending_bytes:
            # So that all that is stored is counted.
            self._group.controls.append(_Control(lambda _connection: None, last))
        self._closing = True
        self._wake.set()
        self._hurry.set()
        await self._task
        if last.done():
            # Whoever closes has the log of what was not stored.
            last.exception()
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(_CUT_AGAIN_SECONDS if self._uncut else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            if not self._hurry.is_set():
                try:
                    async with asyncio.timeout(self._group_seconds):
                        await self._hurry.wait()
                except TimeoutError:
                    pass
            group, self._group = self._group, _Group()
            self._committing_bytes, self._pending_bytes = self._pending_bytes, 0
            self._wake.clear()
            self._hurry.clear()
            if group.appends or group.controls:
                finish = await loop.run_in_executor(self._thread, self._commit, group)
                self._committing_bytes = 0
                finish()
            elif self._uncut:
                await loop.run_in_executor(self._thread, self._cut, 0)
            if self._closing and not self._wake.is_set():
                return

    def _commit(self, group: _Group) -> Callable[[], None]:
        """In the thread: one transaction; returns what the event loop shall do then."""
        changes = any(not control.is_note for control in group.controls)
        # Who meets damage, if it is met now; empty: all of them.
        at_work: Sequence[Append | _Control] = ()
        try:
            with self.times.one(), self._engine.connect() as connection:
                transaction = connection.begin()
                name = self._database.begin_group(connection)
                at_work = group.appends
                appended = self._append_all(connection, group.appends, changes)
                answers = []
                # Such as the removal of a year's records.
                with self.times.paused():
                    for control in group.controls:
                        at_work = (control,)
                        answers.append(self._attempt(connection, control))
                at_work = ()
                forgotten = connection.info.pop(stored_values.FORGOTTEN, False)
                try:
                    transaction.commit()
                except DBAPIError as error:
                    self._require_committed(name, error)
        except Exception as error:
            self._standings.failed()
            # Without the statement: agents are told, and whoever asks for /healthz. A database's
            # traceback has a row's values in it.
            self.problem = f"the store cannot write: {self._database.words_of(error)}"
            known = isinstance(error, DBAPIError | StoreFault | StartFault)
            log.error(
                "a group of %d batches and %d other changes was not stored: %s",
                len(group.appends),
                len(group.controls),
                self.problem,
                exc_info=None if known else error,
            )
            fault = StoreFault(self.problem)
            if isinstance(error, DBAPIError) and kind_of(error) is FaultKind.DAMAGED:
                damaged = self._damage.met(self.problem)
                return lambda: _fail(group, fault, damaged, at_work)
            return lambda: _fail(group, fault)
        self._standings.committed()
        self.problem = ""
        if forgotten:
            self._cut(_CUT_SECONDS)
        elif self._uncut:
            self._cut(0)
        return lambda: _succeed(group, appended, answers)

    def _require_committed(self, name: str, error: DBAPIError) -> None:
        """Return where a commit that failed counts all the same; else raise its error.

        Until that is known nothing else is taken: who asked would do it again.
        """
        if not name:
            raise error
        words = self._database.words_of(error)
        self.problem = f"the store cannot write: a commit did not answer ({words})"
        log.warning("%s; whether it counts is asked for until the database says so", self.problem)
        began = time.monotonic()

        def give_up() -> bool:
            return self._closing and time.monotonic() - began > _LAST_WORD_SECONDS

        try:
            is_committed = self._database.is_committed(name, give_up)
        except Exception as unknown:
            words = self._database.words_of(unknown)
            raise StoreFault(f"whether the last commit counts is not known: {words}") from error
        if not is_committed:
            raise error
        log.info("the commit that did not answer counts")

    def _cut(self, patience_seconds: float) -> None:
        """In the thread: remove what was masked from wherever it still is."""
        try:
            reason = self._database.scrub(self._engine, patience_seconds)
        except Exception as error:
            # Such as a session that is made anew, and whose lock another collector has by now.
            reason = self._database.words_of(error)
        self._uncut = bool(reason)
        if reason and not self._told_uncut:
            log.warning(
                "the write-ahead log, which may hold masked values, is not cut yet (%s); again "
                "after each commit and each second",
                reason,
            )
        self._told_uncut = self._uncut

    def _attempt(self, connection: Connection, control: _Control) -> tuple[Any, Exception | None]:
        savepoint = connection.begin_nested()
        try:
            answer = control.change(connection)
            savepoint.commit()
        except DBAPIError as error:
            if kind_of(error) is not FaultKind.WRONG:
                # Not this change is at fault: nothing of the group counts. After damage SQLite
                # does not do the rest of a transaction either.
                raise
            savepoint.rollback()
            return None, error
        except Exception as error:
            savepoint.rollback()
            return None, error
        return answer, None

    def _append_all(
        self, connection: Connection, appends: list[Append], changes: bool
    ) -> list[Appended]:
        standings = self._standings.of(
            connection,
            {row["run_id"] for append in appends for row in append.rows}
            | {spoil.attempt.run_id for append in appends for spoil in append.spoils},
        )
        rows: list[dict[str, Any]] = []
        watermarks: dict[str, Watermark] = {}
        done = []
        for append in appends:
            admitted = admit(append, standings, self._quotas)
            rows += admitted.rows
            watermarks[append.stream_id] = Watermark(append.upto, append.mark)
            done.append(admitted)
        store_records.append(connection, rows, watermarks)
        ends_runs = any(each.outcomes or each.spoils for each in done)
        self._standings.write(connection, changes_runs=changes or ends_runs)
        return [self._end_runs(connection, admitted) for admitted in done]

    def _end_runs(self, connection: Connection, admitted: Admitted) -> Appended:
        appended = Appended(batches=len(admitted.rows), fenced=admitted.fenced)
        now = self._now()
        for attempt, outcome in admitted.outcomes:
            if change := ends.finish(connection, attempt, outcome, now):
                appended.ended.append(change)
        for spoil in admitted.spoils:
            if change := ends.fail(connection, spoil.attempt, spoil.reason, now):
                appended.ended.append(change)
                appended.spoiled.append(spoil)
        return appended


def _succeed(
    group: _Group, appended: list[Appended], answers: list[tuple[Any, Exception | None]]
) -> None:
    for append, what in zip(group.appends, appended, strict=True):
        _tell(append, what)
    for control, (answer, error) in zip(group.controls, answers, strict=True):
        if control.done.cancelled():
            continue
        if error is None:
            control.done.set_result(answer)
        else:
            control.done.set_exception(error)


def _tell(append: Append, what: Appended) -> None:
    """Whatever one of them makes of it, the others hear, and the next group is written."""
    try:
        append.done(what)
    except Exception:
        log.exception("what was to follow on a commit of stream %s failed", append.stream_id)


def _fail(
    group: _Group,
    fault: StoreFault,
    damaged: StoreFault | None = None,
    who_met_it: Sequence[Append | _Control] = (),
) -> None:
    """`damaged` is for who met the damage, empty: for all. Others may try again without them."""
    met = {id(each) for each in who_met_it or (*group.appends, *group.controls)}

    def fault_of(each: Append | _Control) -> StoreFault:
        return damaged if damaged is not None and id(each) in met else fault

    for append in group.appends:
        _tell(append, Appended(fault=fault_of(append)))
    for control in group.controls:
        if not control.done.cancelled():
            control.done.set_exception(fault_of(control))
