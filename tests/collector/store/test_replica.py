"""A database that fails over to its streaming replica, and a URL that names both servers."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.server import Collector
from headstart.collector.store import hosts as store_hosts
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import OPEN_PORT, in_loop
from support.postgres_server import PostgresServer, Replica, with_replica
from support.stores import Stores
from support.waiting import wait_until

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgresServer, Replica]]:
    """The second one has whatever the first one acknowledges."""
    with with_replica() as both:
        yield both


async def greeted(store: Store, host: str) -> None:
    def greet(connection: Connection) -> None:
        store_hosts.greet(connection, HostFacts(host=host), Policy(), 1.0)

    await store.write(greet)


@in_loop
async def test_a_replica_alone_is_refused(
    tmp_path: Path, servers: tuple[PostgresServer, Replica]
) -> None:
    _, second = servers
    config = CollectorConfig(data=tmp_path, store=second.url_of("headstart"), **OPEN_PORT)
    with pytest.raises(StartFault, match="session is read-only; the URL has to name the server"):
        await Collector.start(config)


@in_loop
async def test_what_was_acknowledged_is_read_though_a_replica_that_stands_first_lags(
    tmp_path: Path, servers: tuple[PostgresServer, Replica]
) -> None:
    first, second = servers
    first.sql("CREATE DATABASE lagging")
    stores = Stores(tmp_path, f"postgresql://tester@/lagging?host={second.folder},{first.folder}")
    wait_until(lambda: "lagging" in second.sql("SELECT datname FROM pg_database"))
    second.sql("SELECT pg_wal_replay_pause()")
    try:
        async with stores.open() as store:
            await greeted(store, "h1")
            seen = await store.read(store_hosts.states)
    finally:
        second.sql("SELECT pg_wal_replay_resume()")

    assert [each.host.host for each in seen] == ["h1"]


@in_loop
async def test_a_collector_goes_on_with_the_replica_that_was_promoted(
    tmp_path: Path, servers: tuple[PostgresServer, Replica]
) -> None:
    first, second = servers
    # The replica stands first: who writes passes it by.
    url = f"postgresql://tester@/headstart?host={second.folder},{first.folder}"
    stores = Stores(tmp_path, url)
    async with stores.open() as store:
        await greeted(store, "h1")
        assert len(await store.read(store_hosts.states)) == 1

        first.stop(signal.SIGQUIT)
        with pytest.raises(StoreFault, match="the store cannot write"):
            await greeted(store, "h2")
        # What is there can be read on.
        assert len(await store.read(store_hosts.states)) == 1
        second.promote()
        await greeted(store, "h3")

        assert store.problem == ""
        assert len(await store.read(store_hosts.states)) == 2
    found = Stores(tmp_path, second.url_of("headstart")).rows("SELECT host FROM hosts ORDER BY 1")
    assert found == [("h1",), ("h3",)]
