"""What of a store's faults is tried again, whom it fails, and what is said of it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from headstart.collector.store import (
    hosts as store_hosts,
    leasing,
    records as store_records,
    shifts,
    store as stores_module,
    submitting,
)
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.tables import runs
from headstart.collector.store.writer import Append, Appended, StoreDamaged, StoreFault
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import envelope, in_loop
from support.damage import spoil, spoil_database
from support.postgres_server import PostgresServer
from support.stores import Stores

_PATIENCE_SECONDS = 10.0
# SQLITE_ERROR, and a class of SQLSTATEs that psycopg takes for the operation's.
_TOO_WIDE = f"SELECT {', '.join('1' * 3000)}"


def greet(connection: Connection) -> None:
    store_hosts.greet(connection, HostFacts(host="h1"), Policy(), 1.0)


def stream_of_a_run(connection: Connection) -> None:
    greet(connection)
    store_records.open_stream(connection, "s1", "h1")
    submitting.submit(connection, Experiment(name="e"), ["h1"], 1.0)
    connection.execute(update(runs).values(run_id="r1"))
    leasing.lease_next(connection, "h1", 1.0)


def wrong(connection: Connection) -> None:
    store_hosts.greet(connection, HostFacts(host="half"), Policy(), 1.0)
    connection.exec_driver_sql(_TOO_WIDE)


def judged(connection: Connection) -> None:
    shifts.set_judged(connection, "r", 1.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores_module, "_FIRST_PAUSE_SECONDS", 0.1)


@in_loop
async def test_a_wrong_statement_is_its_own_callers_and_is_tried_once(stores: Stores) -> None:
    async with stores.open(group_seconds=0.2) as store, asyncio.timeout(_PATIENCE_SECONDS):
        tried = 0

        def counted(connection: Connection) -> None:
            nonlocal tried
            tried += 1
            wrong(connection)

        failing = asyncio.create_task(store.write_at_last(counted, "what is wrong"))
        await asyncio.gather(*(store.write(greet) for _ in range(3)))
        with pytest.raises(DBAPIError, match=r"entries|too many columns"):
            await failing
        with pytest.raises(DBAPIError, match=r"entries|too many columns"):
            await store.at_last(lambda: store.read(wrong_reading), "it is not read yet")

        assert tried == 1
        assert store.problem == ""
        hosts = await store.read(store_hosts.states)
        assert [state.host.host for state in hosts] == ["h1"]


def wrong_reading(connection: Connection) -> None:
    connection.exec_driver_sql(_TOO_WIDE)


@in_loop
async def test_a_disk_without_room_is_waited_for(tmp_path: Path) -> None:
    async with Store(tmp_path) as store, asyncio.timeout(_PATIENCE_SECONDS):
        await store.write(lambda c: c.exec_driver_sql("PRAGMA query_only = ON"))
        writing = asyncio.create_task(store.write_at_last(greet, "a host"))
        with pytest.raises(StoreFault, match="readonly"):
            await store.write(greet)
        assert "readonly" in store.problem
        await store.alone(
            # As somebody who made room; a transaction would begin by a write.
            lambda engine: engine.raw_connection().cursor().execute("PRAGMA query_only = OFF")
        )
        await writing

        assert store.problem == ""


async def _damage_is_met_by_a_write(store: Store, log: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        failing = asyncio.create_task(store.write_at_last(judged, "a judgement"))
        # Of the same group; it is done again without the one.
        await asyncio.gather(*(store.write_at_last(greet, "a host") for _ in range(3)))
        with pytest.raises(StoreDamaged, match="the store cannot write: "):
            await failing

    # Though others could be stored meanwhile.
    assert "the store cannot write: " in store.problem
    assert sum("restore" in record.message for record in log.records) == 1


@in_loop
async def test_damage_of_a_file_is_its_finders_and_stays_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store(tmp_path) as store:
        await store.flush()
    spoil(tmp_path / FILE_NAME, "judged")
    async with Store(tmp_path, group_seconds=0.2) as store:
        await _damage_is_met_by_a_write(store, caplog)
        assert "malformed" in store.problem


@pytest.mark.postgresql
@in_loop
async def test_damage_of_a_database_is_its_finders_and_stays_said(
    tmp_path: Path, own_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    at = Stores(tmp_path, own_server.new_database())
    async with at.open() as store:
        await store.flush()
    at.execute("ALTER TABLE judged DROP CONSTRAINT judged_run_id_fkey")
    at.execute("INSERT INTO judged VALUES ('r', 1)")
    spoil_database(own_server, at.url, "judged")
    async with at.open(group_seconds=0.2) as store:
        await _damage_is_met_by_a_write(store, caplog)
        assert "invalid page" in store.problem


@in_loop
async def test_damage_that_the_writer_itself_meets_is_said_as_such(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        await store.write(stream_of_a_run)
    spoil(tmp_path / FILE_NAME, "batches")
    rows = [store_records.row_of("s1", envelope(1, "r1"))]
    async with Store(tmp_path) as store, asyncio.timeout(_PATIENCE_SECONDS):
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        store.append(Append("s1", rows, 1, [], done.set_result))
        fault = (await done).fault

    assert isinstance(fault, StoreDamaged)
    assert "malformed" in str(fault)
    assert "malformed" in store.problem


@in_loop
async def test_a_text_that_cannot_be_decoded_is_damage_and_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def text(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT CAST(x'73656372657420ff' AS TEXT)").all()

    async with Store(tmp_path) as store, asyncio.timeout(_PATIENCE_SECONDS):
        with pytest.raises(StoreDamaged, match="a stored text is not UTF-8") as read:
            await store.at_last(lambda: store.read(text), "it is not read yet")
        with pytest.raises(StoreDamaged, match="a stored text is not UTF-8") as written:
            await store.write_at_last(text, "what reads it")
        problem = store.problem

    assert "not UTF-8" in problem
    for fault in (read.value, written.value):
        assert "secret" not in f"{fault} {problem} {caplog.text}"
