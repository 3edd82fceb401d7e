"""Stores of every version since the first become what a new store is."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headstart.collector.store import sqlite
from headstart.collector.store.migrations import KNOWN_VERSION, UPGRADES, prepare
from support import older_schemas
from support.older_schemas import VERSIONS


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The schema of a new store."""
    path = tmp_path_factory.mktemp("new") / "new.sqlite"
    engine = sqlite.writer_engine(path)
    with engine.begin() as connection:
        prepare(connection)
    engine.dispose()
    return _schema(path)


def _migrated(path: Path, number: int) -> dict[str, dict[str, object]]:
    """Make a store of that version and open it; what was in it."""
    older_schemas.make(path, number)
    with closing(sqlite3.connect(path)) as database:
        before = older_schemas.rows_of(database)
    engine = sqlite.writer_engine(path)
    with engine.begin() as connection:
        assert prepare(connection) == KNOWN_VERSION
    engine.dispose()
    return before


def _schema(path: Path) -> dict[str, Any]:
    """Tables with their columns, keys and indexes, in no order but that of keys."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(path)) as database:
        for table in older_schemas.tables_of(database):
            columns = {
                name: (kind, required, _plain(default), key)
                for _, name, kind, required, default, key in database.execute(
                    f"PRAGMA table_info({table})"
                )
            }
            refers = {
                (column, to, its)
                for _, _, to, column, its, *_ in database.execute(
                    f"PRAGMA foreign_key_list({table})"
                )
            }
            found[table] = (columns, refers)
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        found["indexes"] = {name: " ".join(sql.split()) for name, sql in database.execute(query)}
    return found


def _plain(default: str | None) -> str | None:
    """Without the quotes, which change nothing for a column of numbers."""
    return default and re.sub(r"^'(-?[0-9.]+)'$", r"\1", default)


def test_there_is_a_schema_of_each_version() -> None:
    assert list(range(1, len(UPGRADES) + 2)) == VERSIONS


def test_the_schema_of_the_newest_version_is_that_of_a_new_store(
    tmp_path: Path, new: dict[str, Any]
) -> None:
    older_schemas.make(tmp_path / "kept.sqlite", KNOWN_VERSION)

    assert _schema(tmp_path / "kept.sqlite") == new


@pytest.mark.parametrize("number", VERSIONS[:-1])
def test_a_store_of_each_version_becomes_a_new_one_and_keeps_what_is_in_it(
    tmp_path: Path, new: dict[str, Any], number: int
) -> None:
    before = _migrated(tmp_path / "older.sqlite", number)
    with closing(sqlite3.connect(tmp_path / "older.sqlite")) as database:
        after = older_schemas.rows_of(database)
    del before["version"]
    kept = {
        table: {column: after[table][column] for column in row} for table, row in before.items()
    }

    assert _schema(tmp_path / "older.sqlite") == new
    assert sqlite.faults_of(tmp_path / "older.sqlite") == []
    assert len(before) >= 6
    assert kept == before


def test_a_run_that_ended_before_ends_were_numbered_has_a_number(tmp_path: Path) -> None:
    _migrated(tmp_path / "older.sqlite", 1)
    with closing(sqlite3.connect(tmp_path / "older.sqlite")) as database:
        row = older_schemas.rows_of(database)["runs"]

    assert row["end_order"] == 1
