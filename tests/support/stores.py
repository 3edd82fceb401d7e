"""Stores of a test on each database that can hold one, looked into from outside."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from headstart.collector.store.database import Database, database_of
from headstart.collector.store.store import FILE_NAME, Store


class Stores:
    """Opens the store of a folder, again and again; on PostgreSQL that of a database."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        # Empty: SQLite's file.
        self.url = url

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
