"""Everything of the store that is SQLite's own; another database is another such module."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import Insert
from sqlalchemy.exc import DBAPIError

from headstart.collector.store.fault_kinds import FaultKind

# Longer than any checkpoint; only another program on the file makes a writer wait.
_BUSY_SECONDS = 30
# What an error was about stands in logs and on /healthz: experiments hold secrets, and a
# foreign value may have a megabyte.
_HIDDEN = True
_INCREMENTAL = 2
# The disk, or another program.
_AWAY = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_SCHEMA,
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def writer_engine(path: Path) -> Engine:
    """One connection that writes. Each transaction holds the write lock from its start."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=_HIDDEN,
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction control begins too late and ignores savepoints.
        connection.isolation_level = None
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            # Of a new file; an older one gets it from `compact`. Else no page is given back.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL does not fsync at commit, so that an ack could be lost with the power.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted or masked leaves no bytes in the file's free pages.
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> Engine:
    """Connections that cannot write, one for each reading, in any process.

    A kept one would pin the write-ahead log as soon as somebody forgot a result.
    """
    engine = create_engine(
        URL.create(
            "sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"}
        ),
        poolclass=NullPool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=_HIDDEN,
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def kind_of(error: sqlite3.Error) -> FaultKind:
    """By SQLite's number, whose low byte is the kind."""
    if _is_no_text(error):
        return FaultKind.DAMAGED
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    if code in _AWAY:
        return FaultKind.AWAY
    return FaultKind.DAMAGED if code in _DAMAGED else FaultKind.WRONG


def words_of(error: sqlite3.Error) -> str:
    """What it says, without what is stored."""
    return "a stored text is not UTF-8" if _is_no_text(error) else str(error)


def _is_no_text(error: sqlite3.Error) -> bool:
    # SQLite has read it, so there is no number; Python's words have the whole value in them. Of
    # this class nothing else without a number is raised while a statement is run.
    return isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")


def copy_into(path: Path, target: Path) -> None:
    """Write all that is durable in a file, as of one moment, into an empty one.

    Whoever writes goes on meanwhile; the write-ahead log is cut afterwards. Raises sqlite3.Error.
    """
    with _raw(path) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def settle(path: Path) -> None:
    """Have all of a file in it, and no other file beside it. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()


def faults_of(path: Path) -> list[str]:
    """What is wrong with a file, read through; empty: nothing. Raises sqlite3.Error."""
    with _raw(path) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
        # Some are of several lines.
        found = [" ".join(fault.split())[:300] for fault in found if fault != "ok"]
        return found or [
            f"a row of {row[0]} refers to a row of {row[2]} that is not there"
            for row in connection.execute("PRAGMA foreign_key_check").fetchmany(5)
        ]


def version_of(path: Path) -> int:
    """The version of a store's tables. Raises sqlite3.Error."""
    with _raw(path) as connection:
        row = connection.execute("SELECT version FROM version").fetchone()
    if row is None or not isinstance(row[0], int):
        raise sqlite3.DatabaseError("it has no version")
    return row[0]


@contextmanager
def _raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=ro",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
    )
    try:
        yield connection
    finally:
        connection.close()


def insert_new(table: Table) -> Insert:
    """An INSERT that passes over rows whose key is there already."""
    return insert(table).on_conflict_do_nothing()


def touch(connection: Connection) -> None:
    """Change what means nothing, so that the commit writes. The same value anew writes nothing."""
    before = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    connection.exec_driver_sql(f"PRAGMA user_version = {(before + 1) & 0xFFFF}")


def used_bytes(connection: Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = _pages(connection)
    return (pages - free) * size


def file_bytes(connection: Connection) -> int:
    """Bytes of the file, with what is free within it."""
    pages, _, size = _pages(connection)
    return pages * size


def gives_back(connection: Connection) -> bool:
    """Whether free pages can be given back one by one; files of older releases cannot."""
    return bool(connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() == _INCREMENTAL)


def give_back(engine: Engine, pages: int) -> bool:
    """Give so many free pages back; whether there are more. The file shrinks at a checkpoint."""
    # A script is run to its end; of a statement the driver takes one step, which frees one page.
    _outside(engine, f"PRAGMA incremental_vacuum({pages})")
    with engine.begin() as connection:
        return _pages(connection)[1] > 0


def checkpoint(engine: Engine, patience_seconds: float) -> str:
    """Fold the write-ahead log back and cut both files; why not, or nothing.

    A reader holds it up, which is waited for so long.
    """
    try:
        connection = engine.raw_connection()
        try:
            cursor: Any = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {round(patience_seconds * 1000)}")
            try:
                # It says so in its row; it raises nothing.
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
                cursor.close()
        finally:
            connection.close()
    except (DBAPIError, sqlite3.Error) as error:
        return str(getattr(error, "orig", error))
    return "somebody reads" if busy else ""


def compact(engine: Engine) -> None:
    """Write the whole file anew, so that later ones can give pages back.

    Takes seconds for each gigabyte that holds something, and as much room on the disk.
    """
    _outside(engine, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")


def _outside(engine: Engine, script: str) -> None:
    """Outside of a transaction, which SQLAlchemy would begin."""
    connection = engine.raw_connection()
    try:
        cursor: Any = connection.cursor()
        cursor.executescript(script)
        cursor.close()
    finally:
        connection.close()


def _pages(connection: Connection) -> tuple[int, int, int]:
    """Pages of the file, free ones among them, and the size of one."""
    pages, free, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_count", "freelist_count", "page_size")
    )
    return pages, free, size
