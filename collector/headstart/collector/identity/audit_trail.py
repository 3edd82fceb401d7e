"""The audit: what was done and refused, to the store and the log, and never in anybody's way.

An entry is durable before its command is answered, unless the store takes longer than a
second. Refusals are counted: the first of somebody is told at once, those that follow it in one
entry a minute.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from headstart.collector.identity.caller import Caller
from headstart.collector.identity.wrong_secrets import network_of
from headstart.collector.store import audit_rows
from headstart.collector.store.audit_rows import DENIED, AuditBounds, Entry
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreClosed
from headstart.collector.tasks import traceback_of
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

# How long a command waits for its entry.
_PATIENCE_SECONDS = 1.0
# Entries that wait for a store which takes none; the oldest are lost, and the log says so.
_MOST_WAITING = 5000
_FINISH_SECONDS = 3.0
_TICK_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_DENIALS_SECONDS = 60.0
# Looking for what is too old or too many reads the whole audit.
_PRUNED_ENTRIES = 500
# Callers whose refusals are counted apart; those beyond are counted together.
_MOST_DENIED = 100
_OTHERS = "others"
# Of these, callers without a certificate: anybody can be many of them.
_MOST_UNKNOWN_DENIED = 20
# A reason may have words of whoever was refused in it.
_MOST_REASONS = 8


@dataclass
class _Denied:
    entry: Entry
    until: float
    more: int = 0
    # Of those that are not told yet.
    reasons: set[str] = field(default_factory=set)


class AuditTrail:
    """Use from one event loop."""

    def __init__(self, store: Store, bounds: AuditBounds | None = None) -> None:
        self._store = store
        self._bounds = bounds or AuditBounds()
        self._waiting: deque[tuple[Entry, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        # The first is due: what was there before may be too old.
        self._unpruned = _PRUNED_ENTRIES
        self._lost = 0
        self._denied: dict[tuple[str, str], _Denied] = {}

    async def done(
        self, caller: Caller, action: str, what: str, outcome: str, detail: str = ""
    ) -> None:
        """Somebody changed something, or tried to. Returns when it is durable, or soon."""
        self._log(logging.INFO, entry := self._entry(caller, action, what, outcome, detail))
        self._put(entry)
        await self.written()

    def left(self, caller: Caller, action: str, what: str) -> None:
        """Somebody went away before the answer; what was asked for may have been done."""
        self._log(logging.INFO, entry := self._entry(caller, action, what, "left", ""))
        self._put(entry)

    def denied(self, caller: Caller, action: str, detail: str) -> int:
        """Somebody was refused; how often since the last entry of it."""
        # Nobody has the same name everywhere: those of one host are together.
        key = (caller.serial or f"{caller.name} at {network_of(caller.peer)}", action)
        if key not in self._denied and self._is_crowded(known=bool(caller.serial)):
            key = (_OTHERS, _OTHERS)
        if (known := self._denied.get(key)) is not None:
            known.more += 1
            if len(known.reasons) < _MOST_REASONS:
                known.reasons.add(detail)
            return known.more
        entry = self._entry(caller, action, "", DENIED, detail)
        if key[0] == _OTHERS:
            entry = replace(entry, who=_OTHERS, serial="", role="", peer="", action=_OTHERS)
        self._denied[key] = _Denied(entry, self._store.now() + _DENIALS_SECONDS)
        self._log(logging.WARNING, entry)
        self._put(entry)
        return 0

    def _is_crowded(self, known: bool) -> bool:
        if known:
            return len(self._denied) >= _MOST_DENIED
        unknown = sum(1 for each in self._denied.values() if not each.entry.serial)
        return unknown >= _MOST_UNKNOWN_DENIED

    async def written(self) -> None:
        """Return when all entries so far are durable, or soon."""
        if not self._waiting:
            return
        _, durable = self._waiting[-1]
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.shield(durable)

    async def keep(self) -> None:
        """Write what comes, for as long as the collector lives."""
        pause = _TICK_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            self._count_denied(self._store.now())
            try:
                # What waits for a store that takes nothing keeps `finish` from nothing.
                await self._store.at_last(self._write, "the audit is not stored yet")
                pause = _TICK_SECONDS
            except Exception as error:
                log.error("the audit is not stored: %s", error, exc_info=traceback_of(error))
                # Each try fails what is written beside it.
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def finish(self) -> None:
        """Write what is left; called before `keep` is cancelled and the store closed."""
        self._count_denied(float("inf"))
        try:
            async with asyncio.timeout(_FINISH_SECONDS):
                await self._write()
        except TimeoutError:
            log.error(
                "%d entries of the audit are lost: the store took none of them within %g s",
                len(self._waiting),
                _FINISH_SECONDS,
            )
        except Exception as error:
            log.error("%d entries of the audit are lost: %s", len(self._waiting), error)

    async def _write(self) -> None:
        """Raises StoreFault, and then all that waits still does."""
        async with self._writing:
            if self._waiting:
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        taken = list(self._waiting)
        now = self._store.now() if self._store.believes_clock else None
        entries = [entry for entry, _ in taken]
        self._unpruned += len(entries)
        is_due = self._unpruned >= _PRUNED_ENTRIES

        def change(connection: Connection) -> None:
            audit_rows.append(connection, entries)
            if is_due:
                audit_rows.prune(connection, now, self._bounds)

        with suppress(StoreClosed):
            await self._store.write(change)
        if is_due:
            self._unpruned = 0
        for each in taken:
            # What is new came behind these; a flood may have pushed some of them out.
            if self._waiting and self._waiting[0] is each:
                self._waiting.popleft()
            if not each[1].done():
                each[1].set_result(None)
        if self._lost:
            log.error("%d entries of the audit are lost: the store was too slow", self._lost)
            self._lost = 0

    def _put(self, entry: Entry) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append((entry, asyncio.get_running_loop().create_future()))
        self._wake.set()

    def _count_denied(self, now: float) -> None:
        """Tell of refusals that repeated; who repeats none is forgotten."""
        for key, known in list(self._denied.items()):
            if known.until > now:
                continue
            if known.more == 0:
                del self._denied[key]
                continue
            said = sorted(known.reasons)
            detail = said[0] if len(said) == 1 else f"{len(said)} reasons, such as: {said[0]}"
            entry = replace(
                known.entry, time_seconds=self._store.now(), times=known.more, detail=detail
            )
            known.more, known.until = 0, now + _DENIALS_SECONDS
            known.reasons.clear()
            self._log(logging.WARNING, entry)
            self._put(entry)

    def _entry(self, caller: Caller, action: str, what: str, outcome: str, detail: str) -> Entry:
        return Entry(
            self._store.now(),
            *(caller.name, caller.role, caller.serial, caller.peer),
            *(action, what, outcome, detail),
        )

    def _log(self, level: int, entry: Entry) -> None:
        fields = with_fields(
            who=entry.who,
            role=entry.role,
            serial=entry.serial,
            peer=entry.peer,
            action=entry.action,
            object=entry.object,
            outcome=entry.outcome,
            detail=entry.detail,
            times=entry.times if entry.times > 1 else None,
        )
        log.log(level, "call refused" if entry.outcome == DENIED else "command", extra=fields)
