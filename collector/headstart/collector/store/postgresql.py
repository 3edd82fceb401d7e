"""A store in a PostgreSQL database: see `Database`."""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    QueuePool,
    create_engine,
    event,
    func,
    update,
)
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from headstart.collector.faults import StoreInUse
from headstart.collector.store import (
    postgresql_connection as connections,
    postgresql_faults as faults,
    postgresql_tables,
)
from headstart.collector.store.admission import StoreFault
from headstart.collector.store.postgresql_connection import sever_all
from headstart.collector.store.postgresql_tables import begin_term, last_group

__all__ = ["PostgresDatabase", "begin_term", "reader_engine", "sever_all"]

# As many readings as the store has threads, and those that go on beside them.
_READERS = 8
_MORE_READERS = 24
# A connection that is idle for longer is made anew: it keeps memory on the server.
_KEPT_SECONDS = 1800
# "HSTR", and the schema: a database may have several stores.
_LOCK = "SELECT pg_try_advisory_lock(1213420626, hashtext(current_schema())), pg_backend_pid()"
# Of collectors that take turns by the epoch: none of them writes beside one that is alone.
_SHARED_LOCK = (
    "SELECT pg_try_advisory_lock_shared(1213420626, hashtext(current_schema())), pg_backend_pid()"
)
_HOLDER = (
    "SELECT application_name, coalesce(host(client_addr), 'this machine'), pid "
    "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
    "AND classid = 1213420626 AND objsubid = 2 "
    "AND objid = (hashtext(current_schema())::bigint & 4294967295)::oid"
)
# The session of a collector that was killed is there for a moment yet.
_LOCK_TRIES = 30
_LOCK_AGAIN_SECONDS = 0.1

log = logging.getLogger(__name__)


def _engine(
    connect: Callable[[], psycopg.Connection[Any]], size: int, more: int, kept_seconds: int
) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=more,
        # Else what was idle as the database restarted fails whoever comes next.
        pool_pre_ping=True,
        pool_recycle=kept_seconds,
        # As for SQLite: experiments hold secrets.
        hide_parameters=True,
        use_native_hstore=False,
    )


def reader_engine(url: str) -> Engine:
    """Connections that cannot write, in any process."""
    engine = _engine(lambda: connections.as_reader(url), _READERS, _MORE_READERS, _KEPT_SECONDS)
    event.listen(engine, "checkout", _leave_replica)
    return engine


def _leave_replica(
    connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: object
) -> None:
    began = record.info.setdefault("began", time.monotonic())
    aged = time.monotonic() - began > connections.ON_REPLICA_SECONDS
    if aged and connections.is_of_a_replica(connection):
        raise DisconnectionError("whatever can be written to is looked for again")


def _leave_read_only(context: ExceptionContext) -> None:
    """A server that only reads by now: whatever can be written to is looked for again."""
    if isinstance(context.original_exception, errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


class PostgresDatabase:
    """One collector writes, by one session, which holds the database's lock for this store.

    Who loses the session and finds the lock taken stores nothing any more.
    """

    whose = "the store's database"

    def __init__(
        self,
        url: str,
        *,
        alone: bool = True,
        fence: Callable[[Connection], None] = lambda _connection: None,
        term: int = 0,
    ) -> None:
        """`fence` runs first in each transaction that writes, and raises where this process must
        not; without `alone` it is all that keeps two collectors apart. `term`: the number by which
        it writes then, whose `begin_term` was committed. Raises StartFault.
        """
        self.where = url
        self.shown = connections.shown(url)
        self._alone = alone
        self._fence = fence
        self._row = postgresql_tables.row_of_term(term)
        # The server's process of the session that has the lock.
        self._session = 0

    def make_place(self) -> None:
        """The database is there, or nobody can connect."""

    def writer_engine(self) -> Engine:
        """Connections of the one session at a time that may write."""
        engine = _engine(self._as_writer, 1, 0, -1)
        event.listen(engine, "handle_error", _leave_read_only)
        return engine

    def _as_writer(self) -> psycopg.Connection[Any]:
        connection = connections.as_writer(self.where)
        try:
            connections.require_usable(connection, self.shown)
            connections.require_own_session(connection, self.where, self.shown)
            lock = _LOCK if self._alone else _SHARED_LOCK
            self._session = _lock(connection, self.shown, lock)
        except BaseException:
            connection.close()
            raise
        return connection

    def reader_engine(self) -> Engine:
        """Connections that cannot write."""
        return reader_engine(self.where)

    def check(self, connection: Connection) -> None:
        """Raise StartFault where others have tables; warn where a server forgets."""
        postgresql_tables.require_own(connection)
        if connection.exec_driver_sql("SHOW fsync").scalar() == "off":
            log.warning(
                "%s has fsync = off: what is acknowledged to agents may be lost with the power",
                self.shown,
            )

    def words_of(self, error: Exception) -> str:
        """The first line, without the detail, which may have a row in it."""
        return faults.words_of(getattr(error, "orig", None) or error)

    def advice_on_damage(self) -> str:
        """Of a database."""
        return "restore the database from its backup"

    def touch(self, connection: Connection) -> None:
        """`begin_group` has changed something already."""

    def used_bytes(self, connection: Connection) -> int:
        """See `postgresql_tables`."""
        return postgresql_tables.used_bytes(connection)

    def taken_bytes(self, connection: Connection) -> int:
        """The same: what is free within the files is the server's affair."""
        return postgresql_tables.used_bytes(connection)

    def gives_back(self, _connection: Connection) -> bool:
        """By itself: the server's autovacuum does."""
        return True

    def give_back(self, _engine: Engine) -> bool:
        """Nothing more."""
        return False

    def compact(self, engine: Engine) -> None:
        """Never asked."""

    def scrub(self, engine: Engine, _patience_seconds: float) -> str:
        """Have the rows of before removed, as far as nobody can still read them."""
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM experiments")
        except DBAPIError as error:
            return self.words_of(error)
        return ""

    def begin_group(self, connection: Connection) -> str:
        """See `Database`."""
        self._fence(connection)
        name = secrets.token_hex(8)
        named = update(last_group).where(last_group.c.one == self._row).values(name=name)
        done = connection.execute(named.returning(func.pg_backend_pid()))
        session = done.scalar_one_or_none()
        if session is None:
            # Whether a commit counts could not be told.
            raise StoreFault(f"{self.shown} lacks a row of its table last_group")
        if session != self._session:
            # The lock is another session's: somebody between is set otherwise than at the start.
            raise StoreFault(connections.by_transaction(self.shown))
        return name

    def is_committed(self, name: str, give_up: Callable[[], bool]) -> bool:
        """By the name of this one's last group that counts: a commit that goes on is waited for."""

        def look() -> bool:
            with connections.as_writer(self.where) as connection:
                connection.execute("SET lock_timeout = '10s'")
                mine = "SELECT name FROM last_group WHERE one = %s FOR UPDATE"
                row = connection.execute(mine, (self._row,)).fetchone()
                return row is not None and row[0] == name

        return connections.until_known(look, give_up)


def _lock(connection: psycopg.Connection[Any], shown: str, lock: LiteralString) -> int:
    """Take the store's lock for a session; the server's process of it. Raises StoreInUse."""
    for _ in range(_LOCK_TRIES):
        row = connection.execute(lock).fetchone()
        connection.commit()
        if row is not None and row[0]:
            return int(row[1])
        time.sleep(_LOCK_AGAIN_SECONDS)
    holder = connection.execute(_HOLDER).fetchone()
    connection.rollback()
    raise StoreInUse(shown, f"{holder[0]}, {holder[1]}" if holder else "")
