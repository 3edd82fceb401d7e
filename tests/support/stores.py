"""Stores of a test on each database that can hold one, looked into from outside."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from headstart.collector.store.database import Database, database_of
from headstart.collector.store.store import FILE_NAME, Store

# Of a module on `each_store`, a test that looks into the file or makes one.
on_a_file = pytest.mark.parametrize("each_store", ["sqlite"], indirect=True)

# Of a data folder's store, by `url_of`: those of one test that runs on a database.
_new_database: Callable[[], str] | None = None
_urls: dict[Path, str] = {}


def url_of(data: Path) -> str:
    """Where a collector with this data folder keeps its store, the same each time it starts."""
    if _new_database is None:
        return ""
    if data not in _urls:
        _urls[data] = _new_database()
    return _urls[data]


@contextmanager
def on_databases(new_database: Callable[[], str]) -> Iterator[None]:
    """Meanwhile each data folder has a database of its own."""
    global _new_database  # a test's collectors are made in many places
    _new_database = new_database
    try:
        yield
    finally:
        _new_database = None
        _urls.clear()


class Stores:
    """Opens the store of a folder, again and again; on PostgreSQL that of a database."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        # Empty: SQLite's file.
        self.url = url or url_of(folder)

    def database(self) -> Database:
        """As a collector makes it."""
        return database_of(self.url, self.folder / FILE_NAME)

    def open(self, **settings: Any) -> Store:
        """In a running event loop."""
        return Store(self.folder, self.database(), **settings)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What is committed now, by a connection that nobody else has."""
        if not self.url:
            with closing(sqlite3.connect(self.folder / FILE_NAME)) as database:
                return database.execute(query).fetchall()
        import psycopg

        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        """Change what is stored, as somebody else would."""
        if not self.url:
            with closing(sqlite3.connect(self.folder / FILE_NAME)) as database, database:
                database.execute(statement)
            return
        import psycopg

        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())
