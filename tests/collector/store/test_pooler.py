"""A database by way of PgBouncer: a session of a collector's own, or none."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault, StoreInUse
from headstart.collector.store import hosts as store_hosts
from headstart.collector.store.database import database_of
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from headstart.collector.turns import Turns
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import OPEN_PORT, in_loop
from support.pooler import Pooler, pooler
from support.postgres_server import PostgresServer
from support.stores import Stores
from support.waiting import until

pytestmark = [pytest.mark.postgresql, pytest.mark.pgbouncer]
_WORDS = "a pooler that hands out sessions by transaction"


def opened(folder: Path, url: str) -> Store:
    return Store(folder, database_of(url, folder))


def greet(connection: Connection) -> None:
    store_hosts.greet(connection, HostFacts(host="h1"), Policy(), 1.0)


@in_loop
async def test_a_pooler_that_hands_out_sessions_keeps_collectors_apart(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with pooler(postgres, "session") as way:
        url = way.url_of(postgres.new_database())
        async with opened(tmp_path, url) as store:
            await store.write(greet)
            with pytest.raises(StoreInUse):
                opened(tmp_path / "other", url)
            assert len(await store.read(store_hosts.states)) == 1
        async with opened(tmp_path / "other", url) as other:
            await other.write(greet)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@in_loop
async def test_a_pooler_that_hands_out_transactions_is_refused_and_keeps_no_lock(
    tmp_path: Path, postgres: PostgresServer, mode: str
) -> None:
    straight = postgres.new_database()
    with pooler(postgres, mode) as way:
        url = way.url_of(straight)
        with pytest.raises(StartFault, match=_WORDS):
            opened(tmp_path, url)
        config = CollectorConfig(data=tmp_path, store=url, stand_by=True, **OPEN_PORT)
        with pytest.raises(StartFault, match=_WORDS):
            await Turns.start(config)
        async with opened(tmp_path, straight) as store:
            await store.write(greet)


@in_loop
async def test_a_pooler_that_begins_to_hand_out_transactions_gets_nothing_to_store(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    straight = postgres.new_database()
    with pooler(postgres, "session") as way:
        url = way.url_of(straight)
        async with opened(tmp_path, url) as store:
            await store.write(greet)
            way.reload("transaction")
            await until(lambda: _hands_out_transactions(way, straight))
            # The writer's session is given away once it was used; whoever has it keeps it.
            await store.write(greet)
            with psycopg.connect(url) as another:
                another.execute("SELECT 1")
                with pytest.raises(StoreFault, match=_WORDS):
                    await store.write(
                        lambda c: store_hosts.greet(c, HostFacts(host="h2"), Policy(), 1.0)
                    )
            assert _WORDS in store.problem
        found = Stores(tmp_path, straight).rows("SELECT host FROM hosts")
    assert found == [("h1",)]


def _hands_out_transactions(way: Pooler, straight: str) -> bool:
    url = way.url_of(straight)
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as two:
        asked = "SELECT pg_backend_pid()"
        return one.execute(asked).fetchone() == two.execute(asked).fetchone()
