"""What an operator orders of a host, durable, and told to its agent."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import grpc
from sqlalchemy import Connection

from headstart.collector.fleet.dispatch import Dispatch
from headstart.collector.fleet.refused import Refused
from headstart.collector.fleet.session import Session
from headstart.collector.own_metrics import Refusal
from headstart.collector.store import forgetting, host_changes, renaming, retention
from headstart.collector.store.forgetting import CannotForget, Lost
from headstart.collector.store.hosts import renamed_words
from headstart.collector.store.renaming import CannotRename
from headstart.collector.store.store import Store
from headstart.collector.tasks import Tasks
from headstart.words.foreign.host_names import EXPECTED, is_host_name
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

_FORGOTTEN_AT_ONCE = 20


class HostOrders:
    """Use from one event loop. `sessions` are the open streams by host."""

    def __init__(self, store: Store, sessions: Mapping[str, Session], dispatch: Dispatch) -> None:
        self._store = store
        self._sessions = sessions
        self._dispatch = dispatch
        self._tasks = Tasks()
        self._hears: list[Callable[[], Awaitable[None]]] = []

    def on_changed(self, hear: Callable[[], Awaitable[None]]) -> None:
        """`hear` is called when hosts got other names, or runs were forgotten."""
        self._hears.append(hear)

    async def rename(self, old: str, new: str, who: str) -> None:
        """See `renaming.rename`. Raises NoSuchHost and CannotRename."""
        if not is_host_name(new):
            raise CannotRename(f"{new[:80]!r} is no name of a host; expected {EXPECTED}")
        await self._tasks.through(self._rename(old, new, who), "a new name")

    async def _rename(self, old: str, new: str, who: str) -> None:
        now = self._store.now()
        await self._store.write(lambda c: renaming.rename(c, old, new, now))
        log.info("host renamed", extra=with_fields(host=old, outcome=new, who=who))
        if session := self._sessions.get(old):
            words = renamed_words(old, new)
            session.close(Refused(grpc.StatusCode.FAILED_PRECONDITION, words, Refusal.IDENTITY))
        await self._tell()

    async def remove(self, host: str, who: str, *, force: bool) -> tuple[Lost, str]:
        """What is lost; of a name of before, the host that had it. With its runs by `force`.

        Raises NoSuchHost and CannotForget.
        """
        return await self._tasks.through(self._remove(host, who, force), "a removal")

    async def _remove(self, host: str, who: str, force: bool) -> tuple[Lost, str]:
        if former := await self._store.write(lambda c: renaming.free_name(c, host)):
            log.info("former name freed", extra=with_fields(host=host, outcome=former, who=who))
            return Lost(), former
        await self._store.read(lambda c: host_changes.require(c, host))
        if host in self._sessions:
            raise CannotForget(f"'{host}' is connected: stop its agent first")
        run_ids = await self._store.read(lambda c: forgetting.of_host(c, host))
        lost = await self._store.read(lambda c: forgetting.what_is_lost(c, run_ids))
        if run_ids and not force:
            raise CannotForget(
                f"'{host}' has runs ({len(run_ids)}, of {_few(lost.experiments)}), results "
                f"({lost.results}) and {lost.stored_bytes} bytes of records, all lost then. "
                f"--force removes them too; `headstart host rename {host}` keeps them"
            )
        # Also of those that wait for it among others.
        await self._dispatch.end_all(host, "its host was removed")
        await self._forget(await self._store.read(lambda c: forgetting.of_host(c, host)))

        def remove(connection: Connection) -> None:
            left = forgetting.of_host(connection, host)
            if left or host in self._sessions:
                raise CannotForget(f"'{host}' came back meanwhile: stop its agent first")
            renaming.remove(connection, host)

        await self._store.write(remove)
        log.info("host removed", extra=with_fields(host=host, outcome=len(run_ids), who=who))
        await self._tell()
        return lost, ""

    async def forget(self, names: Sequence[str], who: str, *, dry_run: bool) -> Lost:
        """Runs by experiment or id, with all that came of them.

        Raises NoSuchRun and CannotForget.
        """
        return await self._tasks.through(self._forget_named(names, who, dry_run), "forgetting")

    async def _forget_named(self, names: Sequence[str], who: str, dry_run: bool) -> Lost:
        run_ids = await self._store.read(lambda c: forgetting.named(c, names))
        await self._store.read(lambda c: forgetting.require_ended(c, run_ids))
        lost = await self._store.read(lambda c: forgetting.what_is_lost(c, run_ids))
        if not dry_run:
            await self._forget(run_ids)
            log.info("runs forgotten", extra=with_fields(outcome=len(run_ids), who=who))
            await self._tell()
        return lost

    async def _forget(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            # Piece by piece: nobody can write meanwhile.
            await retention.prune_run(self._store, run_id)
        for start in range(0, len(run_ids), _FORGOTTEN_AT_ONCE):
            part = run_ids[start : start + _FORGOTTEN_AT_ONCE]
            await self._store.write(partial(_forget_ended, run_ids=part))
        for run_id in run_ids:
            self._dispatch.changes.publish(run_id)
        await retention.give_back(self._store)

    async def _tell(self) -> None:
        for hear in self._hears:
            await hear()

    async def stop(self) -> None:
        """What was begun is durable then, or was not done."""
        await self._tasks.stop()

    async def drain(self, host: str, reason: str, who: str) -> None:
        """Give it no new run; what it has goes on. Raises NoSuchHost."""
        await self._tasks.through(self._drain(host, reason, who), "a drain")

    async def _drain(self, host: str, reason: str, who: str) -> None:
        now = self._store.now()
        await self._store.write(lambda c: host_changes.drain(c, host, reason, now))
        log.info("host drained", extra=with_fields(host=host, outcome=reason, who=who))
        if session := self._sessions.get(host):
            session.say_drained(reason)

    async def resume(self, host: str, who: str) -> None:
        """Give it runs again. Raises NoSuchHost."""
        await self._tasks.through(self._resume(host, who), "a resumption")

    async def _resume(self, host: str, who: str) -> None:
        await self._store.write(lambda c: host_changes.resume(c, host))
        log.info("host resumed", extra=with_fields(host=host, who=who))
        if session := self._sessions.get(host):
            session.say_drained(None)
        await self._dispatch.queued([host])


def _forget_ended(connection: Connection, run_ids: Sequence[str]) -> None:
    """One that was LOST may have come back since it was looked at."""
    forgetting.require_ended(connection, run_ids)
    forgetting.forget(connection, run_ids)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
