"""A collector that shares its database: when it stands by, and when it cannot."""

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from headstart.collector import server as server_module, turns as turns_module
from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.server import Collector
from headstart.collector.store.epoch import Epoch
from headstart.collector.store.epoch_tables import make_ready
from headstart.collector.store.postgresql import PostgresDatabase, sever_all
from headstart.collector.store.turn import Term, Turn
from headstart.collector.store.writer import StoreFault
from headstart.collector.turns import Turns
from support.attending import in_loop
from support.postgres_server import PostgresServer, missing
from support.waiting import until

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


@in_loop
async def test_one_whose_turn_it_is_says_so_while_it_upgrades_the_store(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: the other one would end the upgrade, and begin it anew."""
    upgraded = threading.Event()
    make = server_module._prepared

    def slowly(turn: Turn | None) -> Callable[[Connection], object]:
        prepared = make(turn)

        def wait(connection: Connection) -> None:
            prepared(connection)
            assert upgraded.wait(30)

        return wait

    monkeypatch.setattr(server_module, "_prepared", slowly)
    starting = asyncio.create_task(Turns.start(config(url, tmp_path / "one")))
    other = Epoch(url, "process 2", "two:7070")
    await until(lambda: not other.look().released)
    before = other.look().beats
    await until(lambda: other.look().beats > before)
    upgraded.set()
    turns = await starting
    other.close()
    assert turns.is_active
    await turns.stop()


@in_loop
async def test_one_that_is_superseded_as_it_begins_cannot_start(
    url: str, active: Epoch, tmp_path: Path
) -> None:
    former = Turn(Term(active.look().number))
    assert active.take(active.look()) is not None

    with pytest.raises(StartFault, match="another collector took over from this one"):
        await Collector.start(config(url, tmp_path / "one"), turn=former)


class Hanging:
    """Stands for a collector whose parts wait for what never comes."""

    def __init__(self) -> None:
        self.asked = 0

    async def stop(self) -> None:
        self.asked += 1
        await asyncio.Event().wait()


@in_loop
async def test_what_does_not_end_when_it_should_keeps_no_process_from_its_end(
    url: str, active: Epoch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(turns_module, "_STOP_SECONDS", 0.05)
    active.release(Term(active.look().number))
    turns = await Turns.start(config(url, tmp_path / "one"))
    served, turns.collector = turns.collector, cast("Collector", hanging := Hanging())
    assert active.take(active.look()) is not None

    with pytest.raises(StartFault, match="does not end: start anew"):
        await turns.run(asyncio.Event())

    assert hanging.asked == 1
    await served.stop()


class Breaking:
    """Stands for a collector that cannot end."""

    async def stop(self) -> None:
        raise StoreFault("nothing is written any more")


@in_loop
async def test_the_store_is_given_back_whatever_it_ends_with(
    url: str, active: Epoch, tmp_path: Path
) -> None:
    active.release(Term(active.look().number))
    turns = await Turns.start(config(url, tmp_path / "one"))
    served, turns.collector = turns.collector, cast("Collector", Breaking())

    with pytest.raises(StoreFault, match="nothing is written any more"):
        await turns.stop()

    assert active.look().released
    await served.stop()


@in_loop
async def test_what_served_and_ended_with_an_error_is_said_with_why_it_had_to_end(
    url: str, active: Epoch, tmp_path: Path
) -> None:
    active.release(Term(active.look().number))
    turns = await Turns.start(config(url, tmp_path / "one"))
    served, turns.collector = turns.collector, cast("Collector", Breaking())
    assert active.take(active.look()) is not None

    with pytest.raises(StartFault, match="ended with: nothing is written any more"):
        await turns.run(asyncio.Event())

    await served.stop()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Whoever opens the store waits, as for a connection that is silent, until it is cut."""
    cut, make = threading.Event(), server_module._prepared
    waits = threading.Event()

    def cut_all() -> None:
        sever_all()
        cut.set()

    def silently(turn: Turn | None) -> Callable[[Connection], object]:
        prepared = make(turn)

        def wait(connection: Connection) -> None:
            prepared(connection)
            waits.set()
            assert cut.wait(30)
            raise OperationalError("SELECT 1", None, psycopg.OperationalError("it was cut"))

        return wait

    monkeypatch.setattr(server_module, "_prepared", silently)
    monkeypatch.setattr(turns_module, "sever_all", cut_all)
    return waits


@in_loop
async def test_one_that_was_taken_from_as_it_begins_waits_for_no_silent_connection(
    url: str, tmp_path: Path, silent: threading.Event
) -> None:
    starting = asyncio.create_task(Turns.start(config(url, tmp_path / "one")))
    await until(silent.is_set)
    other = Epoch(url, "process 2", "two:7070")
    while other.take(other.look()) is None:
        pass
    other.close()

    with pytest.raises(StartFault, match="cannot hold the store"):
        await starting


@in_loop
async def test_one_that_stands_by_waits_for_no_silent_connection(
    url: str,
    active: Epoch,
    tmp_path: Path,
    silent: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns_module, "_OPEN_SECONDS", 1.0)

    with pytest.raises(StartFault, match="cannot hold the store"):
        await Turns.start(config(url, tmp_path / "two"))

    assert silent.is_set()


@in_loop
async def test_a_database_that_lets_one_in_and_answers_nothing_holds_up_no_later_question(
    url: str, active: Epoch, tmp_path: Path
) -> None:
    """As a pooler that is paused."""
    turns = await Turns.start(config(url, tmp_path / "one"))
    async with silent_server() as port:
        turns._epoch._url = f"postgresql://tester@127.0.0.1:{port}/x?sslmode=disable"
        turns._epoch.sever()
        for _ in range(3):
            with pytest.raises((TimeoutError, psycopg.Error)):
                await turns._asked(turns._epoch.look, 0.5)
        turns._epoch._url = url
        await until_answered(turns)
    await turns.stop()


async def until_answered(turns: Turns) -> None:
    while True:
        with suppress(TimeoutError, psycopg.Error):
            await turns._asked(turns._epoch.look, 5.0)
            return


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Shakes hands as PostgreSQL does, and says nothing to any statement."""
    said = {
        b"server_version": b"15.1",
        b"server_encoding": b"UTF8",
        b"client_encoding": b"UTF8",
        b"default_transaction_read_only": b"off",
        b"in_hot_standby": b"off",
    }
    hello = struct.pack("!cII", b"R", 8, 0)
    for name, value in said.items():
        hello += struct.pack("!cI", b"S", 6 + len(name) + len(value)) + name + b"\0" + value + b"\0"
    hello += struct.pack("!cIII", b"K", 12, 1, 2) + struct.pack("!cIc", b"Z", 5, b"I")

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!I", await reader.readexactly(4))
        await reader.readexactly(size - 4)
        writer.write(hello)
        with suppress(OSError):
            while await reader.read(1000):
                pass
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
