"""A store that is copied to PostgreSQL, and back, is the same store."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from headstart.collector.faults import FolderInUse, StartFault, StoreInUse
from headstart.collector.store.copying import Copied, CopyFault, CopyRefused, copy
from headstart.collector.store.database import database_of
from headstart.collector.store.migrations import KNOWN_VERSION
from headstart.collector.store.moving import move
from headstart.collector.store.opening import FILE_NAME, FolderLock
from headstart.collector.store.tables import experiments
from support import older_schemas

if TYPE_CHECKING:
    from support.postgres_server import PostgresServer

pytestmark = pytest.mark.postgresql

_EXPERIMENTS, _BATCHES = 25, 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a store that has a row in each table, and more in two."""
    folder = tmp_path / "source"
    folder.mkdir(mode=0o700)
    older_schemas.make(folder / FILE_NAME, KNOWN_VERSION)
    with closing(sqlite3.connect(folder / FILE_NAME)) as database, database:
        database.executemany(
            "INSERT INTO experiments VALUES (?, ?, '', ?, ?, 0.1)",
            [(10 + n, f"e{n}", "täxt\n" * n, bytes(range(n))) for n in range(_EXPERIMENTS)],
        )
        row = older_schemas.rows_of(database)["batches"]
        for number in range(_BATCHES):
            more = row | {"sequence": 100 + number, "payload": bytes([number]) * 1000}
            more["run_id"] = f"2026{1 + number % 3:02}01-000000-0001"
            names = ", ".join(f'"{name}"' for name in more)
            places = ", ".join("?" * len(more))
            database.execute(
                f"INSERT INTO batches ({names}) VALUES ({places})",  # noqa: S608  # our own names
                tuple(more.values()),
            )
    return folder


def _all_rows(folder: Path) -> dict[str, list[Any]]:
    """Each table's rows, by their columns' names, in an order of their own."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        found = {}
        for table in older_schemas.tables_of(database):
            cursor = database.execute(f"SELECT * FROM {table}")  # noqa: S608  # our own names
            names = [each[0] for each in cursor.description]
            rows = [sorted(zip(names, row, strict=True)) for row in cursor]
            found[table] = sorted(rows, key=repr)
    return found


def _copy(source: Path, url: str, tell: Callable[[str, int, int], None], rows: int) -> Copied:
    """In pages of so many rows."""
    return copy(
        database_of("", source / FILE_NAME), database_of(url, Path()), tell=tell, page_rows=rows
    )


def _interrupt_at(name: str) -> Callable[[str, int, int], None]:
    """After a page of a table; those that others refer to are copied before it."""

    def tell(table: str, _done: int, _everything: int) -> None:
        if table == name:
            raise KeyboardInterrupt

    return tell


def test_every_row_goes_to_a_database_and_back(
    source: Path, tmp_path: Path, postgres: "PostgresServer"
) -> None:
    url = postgres.new_database()
    there = _copy(source, url, lambda *_: None, 7)
    back = move(url, f"sqlite:{tmp_path / 'back' / FILE_NAME}")

    assert there == back
    assert there.rows["experiments"] == 1 + _EXPERIMENTS
    assert there.rows["batches"] == 1 + _BATCHES
    assert _all_rows(tmp_path / "back") == _all_rows(source)


def test_rows_that_come_after_a_copy_are_numbered_after_those_of_before(
    source: Path, postgres: "PostgresServer"
) -> None:
    url = postgres.new_database()
    move(str(source), url)
    engine = database_of(url, Path()).writer_engine()
    row = {"name": "n", "revision": "", "source_text": "", "experiment": b""}
    with engine.begin() as connection:
        made = connection.execute(insert(experiments).values(submitted_seconds=0, **row))
        key = made.inserted_primary_key
    engine.dispose()

    assert key is not None
    assert key[0] == 10 + _EXPERIMENTS


def test_a_copy_that_was_interrupted_is_no_store_and_goes_on(
    source: Path, tmp_path: Path, postgres: "PostgresServer"
) -> None:
    url = postgres.new_database()
    with pytest.raises(KeyboardInterrupt):
        _copy(source, url, _interrupt_at("batches"), 7)
    with pytest.raises(CopyRefused, match="itself a copy that was not finished"):
        move(url, str(tmp_path / "other"))
    with pytest.raises(StartFault, match="headstart store copy"):
        _open(url)
    done: dict[str, int] = {}
    _copy(source, url, lambda table, rows, _all: done.update({table: rows}), 5)
    move(url, str(tmp_path / "back"))

    assert done["batches"] == 1 + _BATCHES
    assert _all_rows(tmp_path / "back") == _all_rows(source)


def _open(url: str) -> None:
    from headstart.collector.store.migrations import prepare

    engine = database_of(url, Path()).writer_engine()
    try:
        with engine.begin() as connection:
            prepare(connection)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE experiments SET name = 'other' WHERE id = 11", "in experiments: the rows up to"),
        ("DELETE FROM batches WHERE sequence = 102", "in batches: the rows up to"),
        ("DELETE FROM audit", "in audit: 1 rows for 0"),
    ],
)
def test_a_source_that_changed_since_a_copy_began_is_found(
    source: Path, postgres: "PostgresServer", statement: str, where: str
) -> None:
    url = postgres.new_database()

    with pytest.raises(KeyboardInterrupt):
        _copy(source, url, _interrupt_at("shifts"), 100)
    with closing(sqlite3.connect(source / FILE_NAME)) as database, database:
        database.execute(statement)

    with pytest.raises(CopyFault, match=where):
        _copy(source, url, lambda *_: None, 100)


def test_an_unfinished_copy_of_another_store_is_not_gone_on_with(
    source: Path, postgres: "PostgresServer"
) -> None:
    url = postgres.new_database()
    with pytest.raises(KeyboardInterrupt):
        _copy(source, url, _interrupt_at("batches"), 7)
    with closing(sqlite3.connect(source / FILE_NAME)) as database, database:
        database.execute("UPDATE version SET store_id = 'other'")

    with pytest.raises(CopyRefused, match="of another store"):
        move(str(source), url)


def test_a_copy_replaces_no_store(source: Path, tmp_path: Path, postgres: "PostgresServer") -> None:
    url = postgres.new_database()
    move(str(source), url)

    with pytest.raises(CopyRefused, match="a copy replaces nothing"):
        move(str(source), url)
    with pytest.raises(CopyRefused, match="a copy replaces nothing"):
        move(url, str(source))


def test_a_store_that_a_collector_has_is_not_copied(
    source: Path, tmp_path: Path, postgres: "PostgresServer"
) -> None:
    url = postgres.new_database()
    lock = FolderLock(source)
    with pytest.raises(FolderInUse):
        move(str(source), url)
    lock.release()
    move(str(source), url)
    engine = database_of(url, Path()).writer_engine()
    with engine.connect(), pytest.raises(StoreInUse):
        move(url, str(tmp_path / "other"))
    engine.dispose()


def test_a_store_of_an_older_version_is_refused_with_what_to_do(
    tmp_path: Path, postgres: "PostgresServer"
) -> None:
    older_schemas.make(tmp_path / FILE_NAME, KNOWN_VERSION - 1)

    with pytest.raises(CopyRefused, match="start a collector of this release on it once"):
        move(str(tmp_path), postgres.new_database())


def test_two_folders_are_told_to_be_backed_up(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CopyRefused, match="headstart backup"):
        move(str(source), str(tmp_path / "other"))


def test_a_folder_without_a_store_is_none(tmp_path: Path, postgres: "PostgresServer") -> None:
    with pytest.raises(CopyRefused, match=f"there is no {FILE_NAME}"):
        move(str(tmp_path), postgres.new_database())
