"""Whose certificates are refused: kept in the store, and known without asking it."""

from collections.abc import Callable

from sqlalchemy import Connection

from headstart.collector.identity.caller import Caller
from headstart.collector.identity.shown import BEGINS_EARLIER_SECONDS
from headstart.collector.store import revocations as store_revocations
from headstart.collector.store.revocations import Revocation
from headstart.collector.store.store import Store

# Within this an agent has left that is revoked.
_LEAVING_SECONDS = 10.0


class RevokedCallers:
    """Use from one event loop. `on_change` is called when somebody more is refused."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_serial: dict[str, Revocation] = {}
        self._by_name: dict[str, Revocation] = {}
        self._on_change: Callable[[], None] = lambda: None

    def on_change(self, hear: Callable[[], None]) -> None:
        """`hear` is called when a revocation has become durable."""
        self._on_change = hear

    async def load(self) -> None:
        """What the store holds."""
        found = await self._store.read(store_revocations.revocations)
        self._by_serial = {each.serial: each for each in found if each.serial}
        self._by_name = {each.name: each for each in found if not each.serial}

    def reason(self, caller: Caller) -> str:
        """Why a caller is refused, for it to read; empty: it is not.

        A name refuses each certificate of an outside authority that has it. Of the own
        authority's, those of the name that there were then: a host may be let in again.
        """
        found = self._by_serial.get(caller.serial) if caller.serial else None
        if found is None and caller.own and (named := self._by_name.get(caller.name)) is not None:
            # One that the store does not have, as when it was made of a backup.
            # Certificates know whole seconds.
            given_by = caller.begins + BEGINS_EARLIER_SECONDS + 1.0
            found = named if given_by <= named.revoked_seconds else None
        if found is None and not caller.own:
            found = next((self._by_name[n] for n in caller.names if n in self._by_name), None)
        if found is None:
            return ""
        words = f": {found.reason}" if found.reason else ""
        return f"the certificate of '{caller.name[:100]}' was revoked{words}"

    def of(self, serial: str, name: str, own: bool) -> Revocation | None:
        """The revocation that refuses a certificate."""
        found = self._by_serial.get(serial)
        return found or (None if own else self._by_name.get(name))

    def of_host(self, host: str, last_seen_seconds: float) -> str:
        """Why the agent of a host is refused, as far as its name tells; empty: it is not."""
        found = self._by_name.get(host) or next(
            (each for each in self._by_serial.values() if each.name == host), None
        )
        # It was let in again by another certificate.
        if found is None or last_seen_seconds > found.revoked_seconds + _LEAVING_SECONDS:
            return ""
        return f"its certificate was revoked{f': {found.reason}' if found.reason else ''}"

    def names(self) -> list[Revocation]:
        """Revocations by name."""
        return list(self._by_name.values())

    async def revoke(self, name: str, serial: str, reason: str, by: str) -> list[str]:
        """Durable when it returns; the serial numbers that are refused by it."""
        now = self._store.now()

        def change(connection: Connection) -> list[str]:
            # At once: a certificate that is renewed meanwhile is among them.
            serials = [serial] if serial else store_revocations.serials_of(connection, name)
            # Whose it is, where only the number was said.
            of = name or store_revocations.name_of(connection, serial)
            said = reason or (store_revocations.reason_of(connection, of) if of else "")
            entries = [Revocation(each, of, said, by, now) for each in serials]
            if name:
                entries.append(Revocation("", name, said, by, now))
            store_revocations.revoke(connection, entries, is_reason_new=bool(reason))
            return serials

        serials = await self._store.write(change)
        await self.load()
        self._on_change()
        return serials

    async def take_back(self, name: str, serial: str) -> list[str]:
        """The serial numbers that are refused no more. Raises KeyError: there was no such one."""
        serials = {serial} if serial else {*await self._serials(name)}
        serials |= {each.serial for each in self._by_serial.values() if name and each.name == name}
        if not await self._store.write(lambda c: store_revocations.take_back(c, name, serials)):
            raise KeyError(name or serial)
        await self.load()
        return sorted(serials)

    async def _serials(self, name: str) -> list[str]:
        return await self._store.read(lambda c: store_revocations.serials_of(c, name))
