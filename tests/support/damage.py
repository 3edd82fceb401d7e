"""Damages what a store holds, as a broken disk does."""

import os
import sqlite3
from pathlib import Path

import psycopg

from support.postgres_server import PostgresServer

_PAGE_BYTES = 8192


def spoil(file: Path, table: str) -> None:
    """Overwrite the first page of a table of SQLite's, which nobody has open."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
    (page,) = connection.execute(query, (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(os.urandom(size))


def spoil_database(server: PostgresServer, url: str, table: str) -> None:
    """Overwrite the first page of a table that has rows; the server is started anew for it."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_relation_filepath(%s)", (table,)).fetchone()
    assert row is not None
    server.stop()
    with (server.data / str(row[0])).open("r+b") as opened:
        assert os.fstat(opened.fileno()).st_size >= _PAGE_BYTES
        opened.write(b"\xa5" * _PAGE_BYTES)
    server.start()
