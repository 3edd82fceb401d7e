"""Who was here, for `headstart identities`: noted in memory, written once in a while."""

import asyncio
import logging

from headstart.collector.identity.caller import Caller
from headstart.collector.store import revocations as store_revocations
from headstart.collector.store.revocations import Seen
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault

log = logging.getLogger(__name__)

_WRITE_SECONDS = 10.0
# Somebody who calls all the time is written down so often.
_AGAIN_SECONDS = 60.0
_MOST_WAITING = 10_000


class Sightings:
    """Use from one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[tuple[str, str], Seen] = {}
        self._written: dict[tuple[str, str], float] = {}

    def note(self, caller: Caller) -> None:
        """A caller was let in; without a certificate there is nothing to note."""
        if not caller.serial or len(self._waiting) >= _MOST_WAITING:
            return
        now, key = self._store.now(), (caller.serial, caller.name)
        if now - self._written.get(key, 0.0) < _AGAIN_SECONDS:
            return
        self._waiting[key] = Seen(
            *(caller.serial, caller.name, caller.role, caller.own, caller.expires),
            *(now, now),
        )

    async def keep(self) -> None:
        """Write what comes, for as long as the collector lives."""
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            try:
                await self.write()
            except StoreFault as fault:
                log.warning("who called is not stored yet: %s", fault)

    async def write(self) -> None:
        """Write down what waits. Raises StoreFault."""
        if not self._waiting:
            return
        taken = self._waiting
        self._waiting = {}
        await self._store.write(lambda c: store_revocations.note_seen(c, [*taken.values()]))
        if len(self._written) >= _MOST_WAITING:
            self._written.clear()
        self._written.update({key: each.last_seen_seconds for key, each in taken.items()})
