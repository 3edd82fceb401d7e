"""As what a collector writes that shares its database with others: by a term, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from headstart.collector.store.admission import StoreFault

_MINE = text("SELECT 1 FROM epoch WHERE one = 1 AND number = :number FOR SHARE")


class Superseded(StoreFault):
    """Another collector is the active one by now: nothing was stored."""


@dataclass(frozen=True)
class Term:
    """A number of the epoch, by which a collector writes. Picklable."""

    number: int

    def fence(self, connection: Connection) -> None:
        """First in each transaction that writes. Raises Superseded."""
        if connection.execute(_MINE, {"number": self.number}).first() is None:
            raise Superseded("another collector took over from this one; nothing was stored")


@dataclass(frozen=True)
class Turn:
    """As what a collector is started that shares its database with others."""

    # None: it stands by.
    term: Term | None = None
    # By what the active one says it is reached; empty: not known.
    active_address: Callable[[], str] = lambda: ""

    def fence(self, connection: Connection) -> None:
        """As `Term.fence`; whoever stands by writes nothing."""
        if self.term is None:
            raise Superseded("this collector stands by; nothing was stored")
        self.term.fence(connection)
