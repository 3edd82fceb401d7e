"""Which errors say that a store is away for now, which that it is damaged, and which are the
statement's own.
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from headstart.collector.store import postgresql_connection
from headstart.collector.store.database import kind_of, open_readers, words_of
from headstart.collector.store.fault_kinds import FaultKind
from headstart.collector.store.postgresql_faults import kind_of as kind_of_postgresql
from support.damage import spoil, spoil_database
from support.pooler import pooler
from support.postgres_server import PostgresServer

Work = Callable[[Connection], object]


def error_of(where: str, work: Work) -> DBAPIError:
    engine = open_readers(where)
    try:
        with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
            work(connection)
        return caught.value
    finally:
        engine.dispose()


def saying(statement: str) -> Work:
    return lambda connection: connection.exec_driver_sql(statement).all()


def holding_rows(path: Path) -> str:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE words (word TEXT)")
    connection.execute("INSERT INTO words VALUES ('a')")
    connection.commit()
    connection.close()
    return str(path)


def gone(path: Path) -> str:
    return str(path / "no folder" / "store")


def spoilt(path: Path) -> str:
    holding_rows(path)
    spoil(path, "words")
    return str(path)


def foreign(path: Path) -> str:
    path.write_bytes(bytes(range(256)) * 32)
    return str(path)


@pytest.mark.parametrize(
    ("store", "statement", "kind"),
    [
        (gone, "SELECT 1", FaultKind.AWAY),
        (holding_rows, "INSERT INTO words VALUES ('b')", FaultKind.AWAY),
        (spoilt, "SELECT * FROM words", FaultKind.DAMAGED),
        (foreign, "SELECT * FROM words", FaultKind.DAMAGED),
        (holding_rows, "SELECT CAST(x'73656372657420ff' AS TEXT)", FaultKind.DAMAGED),
        (holding_rows, "SELECT * FROM nothing", FaultKind.WRONG),
        (holding_rows, "SELECT json('{')", FaultKind.WRONG),
        (holding_rows, "SELEKT 1", FaultKind.WRONG),
        # Without a number, as they are Python's.
        (holding_rows, "SELECT ?", FaultKind.WRONG),
        (holding_rows, "SELECT 1; SELECT 2", FaultKind.WRONG),
    ],
)
def test_of_a_file(
    store: Callable[[Path], str], statement: str, kind: FaultKind, tmp_path: Path
) -> None:
    assert kind_of(error_of(store(tmp_path / "store"), saying(statement))) is kind


def test_a_text_that_cannot_be_decoded_is_not_shown(tmp_path: Path) -> None:
    statement = "SELECT CAST(x'73656372657420ff' AS TEXT)"
    error = error_of(holding_rows(tmp_path / "store"), saying(statement))

    assert "secret" in str(error.orig)
    assert words_of(error) == "a stored text is not UTF-8"


def frozen(connection: Connection) -> None:
    """As a process that is stopped amid its reading."""
    connection.exec_driver_sql("SELECT 1").all()
    time.sleep(2.5)
    connection.exec_driver_sql("SELECT 1").all()


def timed_out(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 10")
    connection.exec_driver_sql("SELECT pg_sleep(60)")


def raising(code: str) -> Work:
    """A server that says so."""
    return lambda connection: connection.exec_driver_sql(
        f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$"
    )


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (frozen, FaultKind.AWAY),
        (timed_out, FaultKind.AWAY),
        (saying("SELECT pg_terminate_backend(pg_backend_pid())"), FaultKind.AWAY),
        (saying("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(9)"), FaultKind.AWAY),
        (saying("CREATE TABLE t (n int)"), FaultKind.AWAY),
        (saying("SELECT * FROM nothing"), FaultKind.AWAY),
        (saying("SELECT nothing FROM pg_class"), FaultKind.WRONG),
        (saying("SELECT 1 / 0"), FaultKind.WRONG),
        (saying("SELECT '{'::json"), FaultKind.WRONG),
        (saying(f"SELECT {', '.join('1' * 3000)}"), FaultKind.WRONG),
        # Of the client library, with nothing from the server.
        (lambda c: c.exec_driver_sql("SELECT %s", (1, 2)), FaultKind.WRONG),
        (lambda c: c.exec_driver_sql("SELECT %s", (object(),)), FaultKind.WRONG),
        *[
            (raising(code), FaultKind.AWAY)
            for code in (
                *("08006", "25006", "25P03", "25P04", "28000", "3D000", "40001", "40P01"),
                *("42501", "53100", "53300", "55P03", "57014", "57P01", "58030", "58P01", "72000"),
            )
        ],
        *[(raising(code), FaultKind.DAMAGED) for code in ("XX001", "XX002")],
        *[
            (raising(code), FaultKind.WRONG)
            for code in ("08P01", "0A000", "22021", "23505", "25P02", "54001", "55000", "XX000")
        ],
    ],
)
def test_of_a_database(
    work: Work, kind: FaultKind, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql_connection._IDLE, "reader", "1s")

    assert kind_of(error_of(url, work)) is kind


@pytest.mark.postgresql
def test_a_lock_that_another_one_has_is_waited_for(url: str, postgres: PostgresServer) -> None:
    def waiting(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 100")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7)")

    with psycopg.connect(url) as another:
        another.execute("SELECT pg_advisory_xact_lock(7)")
        assert kind_of(error_of(url, waiting)) is FaultKind.AWAY


@pytest.mark.postgresql
def test_of_a_server_that_is_damaged_and_then_down(own_server: PostgresServer) -> None:
    url = own_server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE words AS SELECT 'a' AS word")
    spoil_database(own_server, url, "words")
    damaged = error_of(url, saying("SELECT * FROM words"))
    own_server.stop()
    down = error_of(url, saying("SELECT 1"))

    assert kind_of(damaged) is FaultKind.DAMAGED
    assert kind_of(down) is FaultKind.AWAY


@pytest.mark.postgresql
@pytest.mark.pgbouncer
def test_a_pooler_that_ends_a_connection_is_waited_for(url: str, postgres: PostgresServer) -> None:
    with pooler(postgres, "session", "idle_transaction_timeout = 1") as way:
        error = error_of(way.url_of(url), frozen)

    assert isinstance(error.orig, psycopg.Error)
    assert error.orig.sqlstate == "08P01"
    assert kind_of(error) is FaultKind.AWAY


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.OperationalError("the connection is lost"), FaultKind.AWAY),
        (psycopg.InterfaceError("the connection is closed"), FaultKind.AWAY),
        (psycopg.ProgrammingError("1 placeholders but 2 parameters"), FaultKind.WRONG),
        (psycopg.DataError("can't parse timestamp"), FaultKind.WRONG),
        (psycopg.NotSupportedError("no such format"), FaultKind.WRONG),
        (ValueError("no error of a database"), FaultKind.WRONG),
    ],
)
def test_of_a_client_library_without_a_server(error: Exception, kind: FaultKind) -> None:
    assert kind_of_postgresql(error) is kind


@pytest.mark.parametrize("error", [psycopg.ProgrammingError, psycopg.DatabaseError])
def test_a_connection_that_is_over_is_waited_for_whatever_the_driver_calls_it(
    error: type[psycopg.Error],
) -> None:
    lost = error("lost synchronization with server")

    assert kind_of(DBAPIError("SELECT 1", None, lost)) is FaultKind.WRONG
    assert kind_of(DBAPIError("SELECT 1", None, lost, connection_invalidated=True)) is (
        FaultKind.AWAY
    )
