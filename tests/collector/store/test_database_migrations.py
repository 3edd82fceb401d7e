"""Databases of every version that PostgreSQL has had become what a new one is."""

from typing import TYPE_CHECKING

import pytest

from headstart.collector.store.migrations import KNOWN_VERSION
from support import older_databases
from support.older_databases import VERSIONS, lines_of, prepared, schema_of

if TYPE_CHECKING:
    from support.postgres_server import PostgresServer

pytestmark = pytest.mark.postgresql

# `--store` came with it.
_FIRST = 12


def test_there_is_a_schema_of_each_version() -> None:
    assert list(range(_FIRST, KNOWN_VERSION + 1)) == VERSIONS


def test_a_database_of_each_version_gets_the_tables_of_a_new_one(
    postgres: "PostgresServer",
) -> None:
    new = postgres.new_database()
    assert prepared(new) == KNOWN_VERSION
    wanted = lines_of(schema_of(new))
    for number in VERSIONS:
        older = older_databases.make(postgres, number)

        assert prepared(older) == KNOWN_VERSION
        assert lines_of(schema_of(older)) == wanted
        assert any("CREATE TABLE public.batches" in line for line in wanted)
