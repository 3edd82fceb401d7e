"""`headstart store copy`, and `headstart backup --store`, as somebody types them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headstart.collector.store.migrations import KNOWN_VERSION
from headstart.collector.store.store import FILE_NAME
from support import older_schemas
from support.running import headstart

if TYPE_CHECKING:
    from support.postgres_server import PostgresServer

_SECRET = "postgresql://headstart:hunter2@db/headstart"  # of nobody


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("store", "copy", "data", _SECRET), "PGPASSFILE"),
        (("backup", "there", "--store", _SECRET), "PGPASSFILE"),
        (("store", "copy", "data", "other"), "expected postgresql://"),
        (("store", "copy", "data", "postgresql://db/headstart"), f"there is no {FILE_NAME}"),
    ],
)
def test_what_cannot_be_copied_is_wrong_input(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = headstart(*arguments, cwd=tmp_path)

    assert done.status == 2
    assert said in done.errors
    assert "hunter2" not in done.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgresql
def test_a_copy_says_what_is_on_both_sides(tmp_path: Path, postgres: "PostgresServer") -> None:
    older_schemas.make(tmp_path / FILE_NAME, KNOWN_VERSION)
    done = headstart("store", "copy", tmp_path, postgres.new_database())

    assert done.status == 0, done.errors
    assert "batches: 1 rows" in done.output.splitlines()
    assert "the same on both sides" in done.output
