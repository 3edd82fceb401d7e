"""The store as a whole: durability in groups, its folder, its version."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from headstart.collector.faults import FolderInUse
from headstart.collector.store import (
    hosts as store_hosts,
    leasing,
    records as store_records,
    submitting,
)
from headstart.collector.store.migrations import UPGRADES, StoreVersionError, prepare
from headstart.collector.store.records import Watermark
from headstart.collector.store.sqlite import writer_engine
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.tables import batches, runs
from headstart.collector.store.writer import Append, Appended, StoreFault
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import envelope, in_loop
from support.older_stores import STORE_ID, without_a_queue
from support.stores import Stores


def greet(connection: Connection, host: str = "h1") -> None:
    store_hosts.greet(connection, HostFacts(host=host), Policy(), 1.0)


def open_stream(connection: Connection) -> None:
    """A stream of the host that has run r1: records of no other are stored."""
    greet(connection)
    store_records.open_stream(connection, "s1", "h1")
    submitting.submit(connection, Experiment(name="e"), ["h1"], 1.0)
    connection.execute(update(runs).values(run_id="r1"))
    leasing.lease_next(connection, "h1", 1.0)


def append(sequences: range, done: Callable[[Appended], None]) -> Append:
    rows = [store_records.row_of("s1", envelope(n, "r1")) for n in sequences]
    return Append("s1", rows, sequences[-1], [], done)


def stored_sequences(stores: Stores) -> list[int]:
    return [row[0] for row in stores.rows("SELECT sequence FROM batches ORDER BY sequence")]


@in_loop
async def test_what_is_reported_durable_is_in_the_file(stores: Stores) -> None:
    async with stores.open() as store:
        await store.write(open_stream)
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        store.append(append(range(1, 6), done.set_result))

        appended = await done

        assert appended.fault is None
        assert stored_sequences(stores) == [1, 2, 3, 4, 5]


@in_loop
async def test_what_came_together_is_committed_together(stores: Stores) -> None:
    async with stores.open(group_seconds=0.2) as store:
        await store.write(open_stream)
        seen: list[int] = []
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        # The first callback looks: everything of the group must be there already.
        store.append(append(range(1, 3), lambda _: seen.extend(stored_sequences(stores))))
        store.append(append(range(3, 5), done.set_result))

        await done

        assert seen == [1, 2, 3, 4]


@in_loop
async def test_a_resent_batch_is_stored_once(stores: Stores) -> None:
    async with stores.open() as store:
        await store.write(open_stream)
        for sequences in (range(1, 4), range(2, 6)):
            done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
            store.append(append(sequences, done.set_result))
            assert (await done).fault is None

        assert stored_sequences(stores) == [1, 2, 3, 4, 5]


@in_loop
async def test_a_change_that_raises_undoes_itself_alone(stores: Stores) -> None:
    async with stores.open() as store:

        def broken(connection: Connection) -> None:
            greet(connection, "half")
            raise KeyError("half done")

        failing = asyncio.create_task(store.write(broken))
        passing = asyncio.create_task(store.write(greet))
        with pytest.raises(KeyError, match="half done"):
            await failing
        await passing

        hosts = await store.read(store_hosts.states)
        assert [state.host.host for state in hosts] == ["h1"]


@in_loop
async def test_a_full_disk_fails_the_group_and_not_the_store(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        await store.write(open_stream)

        def cap(connection: Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

        def lift(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")

        await store.write(cap)
        big = [store_records.row_of("s1", envelope(1, "r1", payload=bytes(100_000)))]
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        store.append(Append("s1", big, 1, [], done.set_result))
        fault = (await done).fault

        assert isinstance(fault, StoreFault)
        assert "full" in str(fault)
        assert "full" in store.problem
        assert stored_sequences(Stores(tmp_path)) == []
        mark = await store.write(lambda c: store_records.open_stream(c, "s1", "h1"))
        assert mark == Watermark(0)

        await store.write(lift)
        again: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        store.append(Append("s1", big, 1, [], again.set_result))

        assert (await again).fault is None
        assert store.problem == ""


@in_loop
async def test_what_could_not_be_stored_is_not_told_to_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store(tmp_path) as store:
        await store.write(greet)

        def submit(connection: Connection) -> None:
            experiment = Experiment(name="e", source_text="env: {PASSWORD: hunter2}")
            submitting.submit(connection, experiment, ["h1"], 1.0)

        await store.write(lambda c: c.exec_driver_sql("PRAGMA query_only = ON"))
        with pytest.raises(StoreFault) as caught:
            await store.write(submit)

        told = "the store cannot write: attempt to write a readonly database"
        assert store.problem == str(caught.value) == told
        assert "hunter2" not in caplog.text


@in_loop
async def test_closing_commits_what_was_taken(stores: Stores) -> None:
    done: list[Appended] = []
    async with stores.open(group_seconds=10) as store:
        await store.write(open_stream)
        store.append(append(range(1, 4), done.append))

    assert [appended.fault for appended in done] == [None]
    assert stored_sequences(stores) == [1, 2, 3]


@in_loop
async def test_records_are_read_in_order_over_several_transactions(stores: Stores) -> None:
    async with stores.open() as store:
        await store.write(open_stream)
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        store.append(append(range(1, 1202), done.set_result))
        await done

        found = list(store_records.envelopes(store.readers, "r1", 1))

        assert [e.sequence for e in found] == list(range(1, 1202))
        assert found[700] == envelope(701, "r1")
        assert list(store_records.envelopes(store.readers, "r1", 2)) == []


@in_loop
async def test_a_folder_has_one_collector(stores: Stores) -> None:
    async with stores.open():
        with pytest.raises(FolderInUse, match="in use by another collector"):
            stores.open()
    async with stores.open():
        pass


@in_loop
async def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with Store(tmp_path):
        pass
    path = tmp_path / FILE_NAME
    with sqlite3.connect(path) as database:
        database.execute("UPDATE version SET version = 99")
    database.close()
    before = path.read_bytes()

    with pytest.raises(StoreVersionError, match=r"version 99.*upgrade headstart"):
        Store(tmp_path)

    assert path.read_bytes() == before
    # The refusal freed the folder.
    with pytest.raises(StoreVersionError):
        Store(tmp_path)


def test_an_older_store_is_upgraded_step_by_step(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / FILE_NAME)
    done: list[str] = []

    def first(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE hosts ADD COLUMN rack TEXT")
        done.append("first")

    def second(_connection: Connection) -> None:
        done.append("second")

    with engine.begin() as connection:
        assert prepare(connection, []) == 1
    with engine.begin() as connection:
        assert prepare(connection, [first, second]) == 3
    with engine.begin() as connection:
        assert prepare(connection, [first, second]) == 3
        columns = connection.exec_driver_sql("PRAGMA table_info(hosts)").all()
    engine.dispose()

    assert done == ["first", "second"]
    assert "rack" in {column.name for column in columns}


def test_a_store_from_before_there_was_a_queue_gets_what_it_lacks(tmp_path: Path) -> None:
    def schema(connection: Connection) -> dict[str, list[tuple[str, str, int]]]:
        return {
            table: sorted(
                (row.name, row.type, row.notnull)
                for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")
            )
            for table in ("hosts", "runs", "former_names")
        }

    engines = [writer_engine(tmp_path / name) for name in ("old", "new")]
    found = []
    for engine in engines:
        with engine.begin() as connection:
            prepare(connection)
            if engine is engines[0]:
                without_a_queue(connection)
                connection.exec_driver_sql("UPDATE version SET version = 5")
                prepare(connection)
            found.append(schema(connection))
        engine.dispose()

    assert found[0] == found[1]


@in_loop
async def test_a_store_has_an_id_of_its_own_that_it_keeps(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "one", "other"):
        async with Store(tmp_path / name) as store:
            ids.append(store.id)

    assert ids[0] == ids[1] != ids[2]
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in ids)


@in_loop
async def test_a_store_from_before_stores_had_ids_gets_one(tmp_path: Path) -> None:
    async with Store(tmp_path):
        pass
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        for statement in STORE_ID:
            database.execute(statement)
        database.execute("UPDATE version SET version = 9")
    database.close()
    ids = []
    for _ in range(2):
        async with Store(tmp_path) as store:
            ids.append(store.id)

    assert ids[0] == ids[1]
    assert re.fullmatch("[0-9a-f]{12}", ids[0])


def test_a_store_from_before_there_were_identities_gets_their_tables(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / FILE_NAME)
    with engine.begin() as connection:
        prepare(connection, UPGRADES[:3])
        for table in ("tokens", "certificates", "revoked", "identities", "audit"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        without_a_queue(connection)
    with engine.begin() as connection:
        prepare(connection)
        columns = {
            table: [row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
            for table in ("tokens", "certificates", "revoked", "identities", "audit")
        }
    engine.dispose()

    assert columns["tokens"][:2] == ["token_id", "secret_hash"]
    assert columns["certificates"][:2] == ["serial", "role"]
    assert columns["revoked"][:2] == columns["identities"][:2] == ["serial", "name"]
    assert columns["audit"][:2] == ["id", "time_seconds"]


def test_an_upgrade_that_breaks_changes_nothing(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / FILE_NAME)

    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE hosts ADD COLUMN rack TEXT")
        raise RuntimeError("half way")

    with engine.begin() as connection:
        prepare(connection, [])
    with pytest.raises(RuntimeError), engine.begin() as connection:
        prepare(connection, [broken])
    with engine.begin() as connection:
        columns = connection.exec_driver_sql("PRAGMA table_info(hosts)").all()
        assert prepare(connection, []) == 1
    engine.dispose()

    assert "rack" not in {column.name for column in columns}


@in_loop
async def test_a_commit_survives_a_reader_that_stays(stores: Stores) -> None:
    async with stores.open() as store:
        await store.write(open_stream)
        with store.readers.begin() as reader:
            before = reader.execute(select(batches.c.sequence)).all()
            done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
            store.append(append(range(1, 4), done.set_result))
            await done
            during = reader.execute(select(batches.c.sequence)).all()

        assert before == during == []
        assert stored_sequences(stores) == [1, 2, 3]


@in_loop
async def test_runs_of_one_submission_have_ids_of_their_own(tmp_path: Path) -> None:
    hosts = [f"h{n}" for n in range(300)]
    async with Stores(tmp_path).open() as store:

        def submit(connection: Connection) -> list[str]:
            for host in hosts:
                greet(connection, host)
            return submitting.submit(connection, Experiment(name="players"), hosts, 1.8e9)

        run_ids = await store.write(submit)

    assert len(set(run_ids)) == 300
    assert {run_id[:16] for run_id in run_ids} == {"20270115-080000-"}
