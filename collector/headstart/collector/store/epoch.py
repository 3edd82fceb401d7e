"""Which of several collectors on one PostgreSQL database is the active one.

The epoch is a number of the store that only grows. Whoever raised it last is active; each
transaction of it that writes holds the number's row, so that nobody who was active before can
commit anything. Beats tell that it lives: whoever stands by raises the number when it saw no beat
for a while by its own steady clock. No clock is compared with another one.

Use `Epoch` from one thread at a time: each call is answered within seconds, or raises.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from headstart.collector.store import postgresql_connection as connections
from headstart.collector.store.admission import StoreFault
from headstart.collector.store.turn import Term

T = TypeVar("T")

log = logging.getLogger(__name__)

# Between two beats, and two looks of whoever stands by.
BEAT_SECONDS = 1.0
# Without a beat for so long the active one is taken for gone, and takes itself for it.
GONE_SECONDS = 8.0
_ANSWER_MILLISECONDS = 3_000
# A transaction of the former one that goes on is ended after so long.
_LOCK_MILLISECONDS = 500

_SEE = """
SELECT beats.number, beats.beats, beats.released, epoch.holder, epoch.address, epoch.authority
FROM epoch JOIN epoch_beats beats USING (one)
"""
_RAISE_BEATS = """
UPDATE epoch_beats SET number = number + 1, beats = beats + 1, released = FALSE
WHERE one = 1 AND number = %s AND (beats = %s OR released)
"""
_RAISE = """
UPDATE epoch SET number = %s, holder = %s, address = %s WHERE one = 1 AND number = %s
"""
# What holds the row up: transactions of whoever was active, frozen in the middle of them. A
# database that was made of this one has a table of the same number.
_END_WRITERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_locks
WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND relation = 'epoch'::regclass AND mode = 'RowShareLock' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Seen:
    """The epoch as it was at a look. Number 0: no collector ever had it."""

    number: int
    beats: int
    released: bool
    # Which process that is, and by what others reach it.
    holder: str
    address: str
    # SHA-256 of its authority's certificate, in hexadecimal; empty: none has one yet.
    authority: str


class Epoch:
    """By a connection of its own, made anew whenever the one before is gone.

    Every method raises psycopg.Error where the database does not answer.
    """

    def __init__(self, url: str, holder: str, address: str) -> None:
        self._url = url
        self._holder = holder
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None

    def look(self) -> Seen:
        """What it is now."""
        return self._asked(_see)

    def take(self, seen: Seen) -> Term | None:
        """Raise the number, unless somebody lives since `seen`; None: somebody does.

        Transactions of the former one that go on are ended: a frozen process would hold them
        for as long as it likes.
        """
        return self._asked(lambda connection: self._take(connection, seen))

    def beat(self, term: Term) -> bool:
        """Tell that this collector lives; whether it is still the active one."""
        beats = "UPDATE epoch_beats SET beats = beats + 1 WHERE one = 1 AND number = %s"
        return self._asked(lambda c: c.execute(beats, (term.number,)).rowcount == 1)

    def release(self, term: Term) -> None:
        """Let whoever stands by take over at once."""
        free = "UPDATE epoch_beats SET released = TRUE WHERE one = 1 AND number = %s"
        self._asked(lambda c: c.execute(free, (term.number,)))

    def keep_authority(self, fingerprint: str) -> None:
        """Note whose certificates the collectors of this store show, where that is not known."""
        note = "UPDATE epoch SET authority = %s WHERE one = 1 AND authority = ''"
        self._asked(lambda c: c.execute(note, (fingerprint,)))

    def sever(self) -> None:
        """End the question that goes on, from another thread: nobody waits for it any more."""
        if (connection := self._connection) is not None:
            connections.sever(connection)

    def close(self) -> None:
        """Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, ask: Callable[[psycopg.Connection[Any]], T]) -> T:
        connection = self._connection
        try:
            if connection is None or connection.closed:
                connection = connections.as_writer(self._url, self._made)
                connection.autocommit = True
                connection.execute(f"SET statement_timeout = {_ANSWER_MILLISECONDS}")
                connection.execute(f"SET lock_timeout = {_LOCK_MILLISECONDS}")
            return ask(connection)
        except psycopg.Error:
            # Also one that answers, as a server that others have left and that only reads.
            self.close()
            raise

    def _made(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def _take(self, connection: psycopg.Connection[Any], seen: Seen) -> Term | None:
        try:
            return self._raise(connection, seen)
        except errors.LockNotAvailable:
            row = connection.execute(_END_WRITERS).fetchone()
            log.warning(
                "%d transactions of the collector that was active are ended",
                row[0] if row is not None else 0,
            )
        return self._raise(connection, seen)

    def _raise(self, connection: psycopg.Connection[Any], seen: Seen) -> Term | None:
        with connection.transaction():
            beats = connection.execute(_RAISE_BEATS, (seen.number, seen.beats))
            if beats.rowcount != 1:
                return None
            term = Term(seen.number + 1)
            said = (term.number, self._holder, self._address, seen.number)
            if connection.execute(_RAISE, said).rowcount != 1:
                raise StoreFault("the rows of the epoch contradict each other")
            return term


def _see(connection: psycopg.Connection[Any]) -> Seen:
    row = connection.execute(_SEE).fetchone()
    if row is None:
        raise StoreFault("the store has no epoch")
    return Seen(*row)
