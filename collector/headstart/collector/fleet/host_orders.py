"""What an operator orders of a host, durable, and told to its agent."""

import logging
from collections.abc import Mapping

from headstart.collector.fleet.dispatch import Dispatch
from headstart.collector.fleet.session import Session
from headstart.collector.store import host_changes
from headstart.collector.store.store import Store
from headstart.collector.tasks import Tasks
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)


class HostOrders:
    """Use from one event loop. `sessions` are the open streams by host."""

    def __init__(self, store: Store, sessions: Mapping[str, Session], dispatch: Dispatch) -> None:
        self._store = store
        self._sessions = sessions
        self._dispatch = dispatch
        self._tasks = Tasks()

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
