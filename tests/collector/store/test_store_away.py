"""Which errors say that a store is away for now, and which say that a statement is wrong."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from headstart.collector.store.database import is_away, open_readers
from support.postgres_server import PostgresServer, missing


def error_of(where: str, statement: str) -> DBAPIError:
    engine = open_readers(where)
    try:
        with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
            connection.exec_driver_sql(statement)
        return caught.value
    finally:
        engine.dispose()


def empty(path: Path) -> str:
    sqlite3.connect(path).close()
    path.touch()
    return str(path)


def gone(path: Path) -> str:
    return str(path / "no folder" / "store")


@pytest.mark.parametrize(
    ("store", "statement", "away"),
    [
        (gone, "SELECT 1", True),
        (empty, "SELECT * FROM nothing", False),
        (empty, "SELECT json('{')", False),
        (empty, "SELEKT 1", False),
    ],
)
def test_of_a_file(
    store: Callable[[Path], str], statement: str, away: bool, tmp_path: Path
) -> None:
    assert is_away(error_of(store(tmp_path / "store"), statement)) is away


@pytest.mark.postgresql
def test_of_a_database() -> None:
    if reason := missing():
        pytest.skip(reason)
    server = PostgresServer()
    try:
        server.start()
        url = server.new_database()
        wrong = [
            error_of(url, "SELECT * FROM nothing"),
            error_of(url, "SET LOCAL statement_timeout = 10; SELECT pg_sleep(60)"),
        ]
        ended = error_of(url, "SELECT pg_terminate_backend(pg_backend_pid())")
        server.stop()
        down = error_of(url, "SELECT 1")
    finally:
        server.close()

    assert [is_away(each) for each in wrong] == [False, False]
    assert is_away(ended)
    assert is_away(down)
