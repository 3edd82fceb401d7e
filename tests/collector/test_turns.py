"""A collector that shares its database: when it stands by, and when it cannot."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.store.epoch import Epoch
from headstart.collector.store.epoch_tables import make_ready
from headstart.collector.store.postgresql import PostgresDatabase
from headstart.collector.turns import Turns
from support.attending import in_loop
from support.postgres_server import PostgresServer, missing

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := missing():
        pytest.skip(reason)
    made = PostgresServer()
    made.start()
    yield made
    made.close()


@pytest.fixture
def url(server: PostgresServer) -> str:
    found = server.new_database()
    make_ready(PostgresDatabase(found, alone=False))
    return found


@pytest.fixture
def active(url: str) -> Iterator[Epoch]:
    """Another collector's, which has the store."""
    made = Epoch(url, "process 1", "one:7070")
    assert made.take(made.look()) is not None
    yield made
    made.close()


def config(url: str, folder: Path) -> CollectorConfig:
    return CollectorConfig(
        data=folder, store=url, stand_by=True, listen="127.0.0.1:0", metrics_listen=None
    )


@in_loop
async def test_one_with_another_authority_ends_as_soon_as_the_active_one_s_is_known(
    url: str, active: Epoch, tmp_path: Path
) -> None:
    """Both began before either had noted one: it does not wait until it is needed to say so."""
    turns = await Turns.start(config(url, tmp_path / "two"))
    active.keep_authority("ff" * 32)

    with pytest.raises(StartFault, match="does not hold the authority"):
        await turns.run(asyncio.Event())

    assert active.look().number == 1


@in_loop
async def test_one_may_be_stopped_twice(url: str, active: Epoch, tmp_path: Path) -> None:
    turns = await Turns.start(config(url, tmp_path / "two"))

    await turns.stop()
    await turns.stop()

    assert not turns.is_active
