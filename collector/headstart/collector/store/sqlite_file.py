"""A store in a file of SQLite's: see `Database`."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine

from headstart.collector.store import sqlite
from headstart.words.disks import with_refusal
from headstart.words.private_files import private_database

# Nobody can write while pages are given back.
_PAGES_AT_ONCE = 2000


class SqliteFile:
    """Its file is written by one connection, whose transactions hold the write lock."""

    whose = "the store's disk"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = self.shown = str(path)

    def make_place(self) -> None:
        """Make the file of a new store, which nobody else may read."""
        private_database(self.path)

    def writer_engine(self) -> Engine:
        """See `sqlite`."""
        return sqlite.writer_engine(self.path)

    def reader_engine(self) -> Engine:
        """See `sqlite`."""
        return sqlite.reader_engine(self.path)

    def check(self, connection: Connection) -> None:
        """A file of its own holds nothing else."""

    def words_of(self, error: Exception) -> str:
        """SQLite's words, and those of a disk that takes nothing now."""
        found = getattr(error, "orig", None) or error
        said = sqlite.words_of(found) if isinstance(found, sqlite3.Error) else str(found)
        # Of a file system that is read-only SQLite says "disk I/O error".
        return with_refusal(said, self.path.parent)

    def advice_on_damage(self) -> str:
        """Of a file."""
        return "restore a backup (headstart restore)"

    def touch(self, connection: Connection) -> None:
        """A number in the file's head."""
        sqlite.touch(connection)

    def used_bytes(self, connection: Connection) -> int:
        """Bytes of the file that hold something."""
        return sqlite.used_bytes(connection)

    def taken_bytes(self, connection: Connection) -> int:
        """Bytes of the file."""
        return sqlite.file_bytes(connection)

    def gives_back(self, connection: Connection) -> bool:
        """Not so in files of older releases."""
        return sqlite.gives_back(connection)

    def give_back(self, engine: Engine) -> bool:
        """Some free pages."""
        return sqlite.give_back(engine, _PAGES_AT_ONCE)

    def compact(self, engine: Engine) -> None:
        """The whole file."""
        sqlite.compact(engine)

    def scrub(self, engine: Engine, patience_seconds: float) -> str:
        """Cut the write-ahead log."""
        return sqlite.checkpoint(engine, patience_seconds)

    def begin_group(self, _connection: Connection) -> str:
        """A commit that fails is none: nobody has to look."""
        return ""

    def is_committed(self, _name: str, _give_up: Callable[[], bool]) -> bool:
        """Never asked."""
        return False
