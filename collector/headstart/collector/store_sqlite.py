"""Everything of the store that is SQLite's own; another database is another such module."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import Insert

# Longer than any checkpoint; only another program on the file makes a writer wait.
_BUSY_SECONDS = 30


def writer_engine(path: Path) -> Engine:
    """One connection that writes. Each transaction holds the write lock from its start."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": _BUSY_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction control begins too late and ignores savepoints.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL does not fsync at commit, so that an ack could be lost with the power.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

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
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def insert_new(table: Table) -> Insert:
    """An INSERT that passes over rows whose key is there already."""
    return insert(table).on_conflict_do_nothing()


def used_bytes(connection: Connection) -> int:
    """Bytes of the file that hold something.

    What is deleted becomes free within the file, which stops growing but does not
    shrink: to give pages back the driver would have to be asked for each one.
    """
    pages, free, size = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
