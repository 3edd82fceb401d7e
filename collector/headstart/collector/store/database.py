"""What holds a store, SQLite's file or PostgreSQL's database, as the rest of the store sees it."""

import sqlite3
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from headstart.collector.faults import StartFault
from headstart.collector.store.fault_kinds import FaultKind

_URLS = ("postgresql://", "postgres://")


class Database(Protocol):
    """Methods with an engine are called in the thread that writes, between two transactions."""

    # What `open_readers` takes, in any process. It may hold a password: it is not to be shown.
    where: str
    # The same for people.
    shown: str
    # What a slow commit waits for, in words.
    whose: str

    def make_place(self) -> None:
        """Make what an engine opens, where that is a file. Raises OSError."""

    def writer_engine(self) -> Engine:
        """One connection that writes, kept open. Each transaction is the only one that writes."""

    def reader_engine(self) -> Engine:
        """Connections that cannot write; a transaction sees one state."""

    def check(self, connection: Connection, /) -> None:
        """Raise StartFault where a store cannot be in this database, before it is touched."""

    def words_of(self, error: Exception, /) -> str:
        """What an error says, without any value that is or was to be stored, or a password."""

    def advice_on_damage(self) -> str:
        """What to do about it."""

    def touch(self, connection: Connection, /) -> None:
        """Change what means nothing, so that the commit writes."""

    def used_bytes(self, connection: Connection, /) -> int:
        """Bytes that hold something."""

    def taken_bytes(self, connection: Connection, /) -> int:
        """The same with what is free within, as far as it can be given back."""

    def gives_back(self, connection: Connection, /) -> bool:
        """Whether room can be given back in small steps."""

    def give_back(self, engine: Engine, /) -> bool:
        """Give some room back; whether there is more of it."""

    def compact(self, engine: Engine, /) -> None:
        """Write all anew, so that later room can be given back in small steps."""

    def scrub(self, engine: Engine, patience_seconds: float, /) -> str:
        """Remove what was masked or deleted from wherever it still is; why not, or nothing."""

    def begin_group(self, connection: Connection, /) -> str:
        """First in each transaction that writes: a name by which it is found again, or nothing.

        Raises StoreFault where this process is not to write any more.
        """

    def is_committed(self, name: str, give_up: Callable[[], bool], /) -> bool:
        """Whether the transaction of `begin_group` counts, whose commit did not answer.

        Waits until that is known. Raises the last error when `give_up` says so.
        """


def is_url(where: str) -> bool:
    """Whether it names a database, not a file."""
    return where.startswith(_URLS)


def kind_of(error: DBAPIError) -> FaultKind:
    """What an error of a statement means, whichever database it is of."""
    if error.connection_invalidated:
        # Whatever the driver calls it.
        return FaultKind.AWAY
    if isinstance(error.orig, sqlite3.Error):
        from headstart.collector.store import sqlite

        return sqlite.kind_of(error.orig)
    from headstart.collector.store import postgresql_faults

    return postgresql_faults.kind_of(error.orig)


def words_of(error: DBAPIError) -> str:
    """What it says, without any value that is or was to be stored; see `Database.words_of`."""
    if isinstance(error.orig, sqlite3.Error):
        from headstart.collector.store import sqlite

        return sqlite.words_of(error.orig)
    from headstart.collector.store import postgresql_faults

    return postgresql_faults.words_of(error.orig or error)


def open_readers(where: str) -> Engine:
    """Connections that cannot write, of `Database.where`."""
    if is_url(where):
        from headstart.collector.store import postgresql

        return postgresql.reader_engine(where)
    from headstart.collector.store import sqlite

    return sqlite.reader_engine(Path(where))


def database_of(url: str, file: Path) -> Database:
    """The database of a URL; of an empty one SQLite's file. Raises StartFault."""
    if url:
        if not is_url(url):
            raise StartFault("--store is no URL of a database; expected postgresql://...")
        if find_spec("psycopg") is None:
            raise StartFault(
                "--store needs psycopg, which is not installed where this collector runs: "
                "pip install 'headstart[postgresql]'"
            )
        from headstart.collector.store.postgresql import PostgresDatabase

        return PostgresDatabase(url)
    from headstart.collector.store.sqlite_file import SqliteFile

    return SqliteFile(file)
