"""A store in a PostgreSQL database: what can go wrong with a server, and who may have it."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from headstart.collector.config import Retention
from headstart.collector.faults import StartFault, StoreInUse
from headstart.collector.store import (
    hosts as store_hosts,
    leasing,
    records as store_records,
    submitting,
)
from headstart.collector.store.database import database_of, open_readers
from headstart.collector.store.postgresql_faults import refusal_of
from headstart.collector.store.retention import prune
from headstart.collector.store.store import Store
from headstart.collector.store.writer import Append, Appended, StoreFault
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.attending import ending, envelope, in_loop
from support.cut_connections import CutConnections
from support.postgres_server import PostgresServer
from support.small_disk import fill, free, small_disk
from support.stores import Stores

pytestmark = pytest.mark.postgresql


def greet(connection: Connection) -> None:
    store_hosts.greet(connection, HostFacts(host="h1"), Policy(), 1.0)


def submitted_at(now: float) -> Callable[[Connection], list[str]]:
    return lambda c: submitting.submit(c, Experiment(name="e"), ["h1"], now)


submitted = submitted_at(1.8e9)


def leased(connection: Connection) -> str:
    """A run of the only host, which its only stream delivers."""
    greet(connection)
    store_records.open_stream(connection, "s1", "h1")
    (run_id,) = submitted(connection)
    leasing.lease_next(connection, "h1", 1.8e9, "s1")
    return run_id


async def append(
    store: Store, run_id: str, *sequences: int, end: str | None = None, size: int = 20
) -> Appended:
    sent = [envelope(n, run_id, payload=bytes(size)) for n in sequences]
    outcomes = []
    if end is not None:
        failed = RunStatus.RUN_STATUS_FAILED
        sent[-1] = ending(sequences[-1], run_id, status=failed, reason=end)
        outcome = RunOutcome(status=failed, reason=end)
        outcomes = [(Attempt(run_id=run_id, attempt=1), outcome)]
    rows = [store_records.row_of("s1", each) for each in sent]
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
    store.append(Append("s1", rows, sequences[-1], outcomes, done.set_result))
    return await done


@pytest.fixture
def database(tmp_path: Path, postgres: PostgresServer) -> Stores:
    """A new store."""
    return Stores(tmp_path, postgres.new_database())


@pytest.fixture
def way(database: Stores, postgres: PostgresServer) -> Iterator[CutConnections]:
    """The store is reached by a way that can be cut."""
    with CutConnections(postgres.folder) as way:
        database.url = database.url.replace(str(postgres.folder), str(way.folder))
        yield way
        database.url = database.url.replace(str(way.folder), str(postgres.folder))


@in_loop
async def test_a_commit_that_did_not_answer_and_counts_is_told_as_one(
    database: Stores, way: CutConnections
) -> None:
    async with database.open() as store:
        run_id = await store.write(leased)
        way.cut = "after"
        made = await store.write(submitted)
        # By a new session, of which the next commit is the second.
        await store.write(greet)
        way.cut = "after"
        appended = await append(store, run_id, 1, 2, end="no disk")

        assert store.problem == ""
    assert appended.fault is None
    assert [change.reason for change in appended.ended] == ["no disk"]
    assert {(run_id,), (made[0],)} == set(database.rows("SELECT run_id FROM runs"))
    assert database.rows("SELECT sequence FROM batches ORDER BY sequence") == [(1,), (2,)]


@in_loop
async def test_a_commit_that_did_not_answer_and_does_not_count_is_a_fault(
    database: Stores, way: CutConnections
) -> None:
    async with database.open() as store:
        await store.write(greet)
        way.cut = "before"
        with pytest.raises(StoreFault, match="the store cannot write"):
            await store.write(submitted)
        assert "the store cannot write" in store.problem
        await store.write(submitted)

        assert store.problem == ""
    assert database.rows("SELECT count(*) FROM runs") == [(1,)]


@in_loop
async def test_a_server_that_restarts_loses_nothing_that_was_acknowledged(
    database: Stores, postgres: PostgresServer
) -> None:
    async with database.open() as store:
        run_id = await store.write(leased)
        await append(store, run_id, 1, 2)
        postgres.stop()
        try:
            fault = (await append(store, run_id, 3)).fault
            with pytest.raises(StoreFault, match="the store cannot be read: connection"):
                await store.read(store_hosts.states)
        finally:
            postgres.start()
        assert "the store cannot write: " in str(fault)
        assert (await append(store, run_id, 3)).fault is None

        assert store.problem == ""
        assert len(await store.read(store_hosts.states)) == 1
    assert database.rows("SELECT sequence FROM batches ORDER BY sequence") == [(1,), (2,), (3,)]


@in_loop
async def test_a_database_has_one_collector(tmp_path: Path, database: Stores) -> None:
    async with database.open():
        with pytest.raises(StoreInUse, match=r"in use by another collector \(headstart collector"):
            Store(tmp_path / "other", database.database())
    async with Store(tmp_path / "other", database.database()):
        pass


@in_loop
async def test_whoever_lost_the_session_to_another_collector_stores_nothing_more(
    tmp_path: Path, database: Stores, postgres: PostgresServer
) -> None:
    async with database.open() as store:
        await store.write(greet)
        end_session(database, postgres)
        async with Store(tmp_path / "other", database.database()) as other:
            with pytest.raises(StoreFault, match="in use by another collector"):
                await store.write(submitted)
            await other.write(submitted)
    assert database.rows("SELECT count(*) FROM runs") == [(1,)]


def end_session(database: Stores, postgres: PostgresServer) -> None:
    """Of the collector that holds the store."""
    lock = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    ((pid,),) = database.rows(lock)
    postgres.sql(f"SELECT pg_terminate_backend({pid})")


@in_loop
async def test_a_session_that_another_one_has_as_values_are_vacuumed_ends_no_writer(
    tmp_path: Path, database: Stores, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.open() as store:
        await store.write(greet)
        end_session(database, postgres)
        async with Store(tmp_path / "other", database.database()):
            await store.cut_log()
        await store.write(submitted)
    assert "is not cut yet (postgresql://" in caplog.text
    assert database.rows("SELECT count(*) FROM runs") == [(1,)]


@in_loop
async def test_a_word_with_a_nul_in_it_fails_nobody_s_group(database: Stores) -> None:
    async with database.open() as store:
        run_id = await store.write(leased)
        appended = await append(store, run_id, 1, end="dis\0aster")

    assert appended.fault is None
    assert database.rows("SELECT reason FROM runs") == [("dis\ufffdaster",)]


@in_loop
async def test_the_batches_of_a_month_lie_in_a_table_of_their_own(database: Stores) -> None:
    async with database.open() as store:
        run_id = await store.write(leased)
        await append(store, run_id, 1)

    assert run_id.startswith("202701")
    assert database.rows("SELECT sequence FROM batches_202701") == [(1,)]


@in_loop
async def test_a_month_of_which_nothing_is_kept_is_dropped_once_nobody_reads_it(
    database: Stores,
) -> None:
    now = 1.8e9
    async with database.open(now=lambda: now) as store:
        old = await store.write(leased)
        await append(store, old, *range(1, 9), end="over")
        now += 31 * 86400
        (new,) = await store.write(submitted_at(now))
        await store.write(lambda c: leasing.lease_next(c, "h1", now, "s1"))
        await append(store, new, *range(9, 13))
        aged = Retention(age_seconds=86400)
        with store.readers.begin() as reader:
            list(reader.exec_driver_sql("SELECT * FROM batches_202701"))
            # By rows, for now.
            assert await prune(store, aged) == [old]
            assert database.rows("SELECT to_regclass('batches_202701') IS NULL") == [(False,)]
        await prune(store, aged)

        assert database.rows("SELECT to_regclass('batches_202701') IS NULL") == [(True,)]
        assert database.rows("SELECT count(*) FROM batches") == [(4,)]
        assert store.problem == ""
        quotas = "SELECT (SELECT stored_bytes FROM hosts), sum(stored_bytes) FROM runs"
        ((of_host, of_runs),) = database.rows(quotas)
        assert of_host == of_runs > 0


@pytest.mark.root
@in_loop
async def test_a_full_disk_of_the_server_is_said_and_over_when_there_is_room(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with tempfile.TemporaryDirectory(prefix="hs-pg-disk-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with small_disk(place / "disk", 24) as disk:
            database = Stores(tmp_path, postgres.new_database_at(disk))
            async with database.open() as store:
                run_id = await store.write(leased)
                assert (await append(store, run_id, 1)).fault is None
                fill(disk)
                sent = [*range(2, 1200)]
                fault = (await append(store, run_id, *sent, size=20_000)).fault
                free(disk)
                again = (await append(store, run_id, 2)).fault

                assert "No space left on device" in str(fault)
                assert again is None
                assert store.problem == ""
            assert database.rows("SELECT sequence FROM batches ORDER BY 1") == [(1,), (2,)]
            postgres.drop(database.url)


def _foreign_table(server: PostgresServer) -> str:
    url = server.new_database()
    Stores(Path("/"), url).execute("CREATE TABLE accounts (id int)")
    return url


def _other_version_table(server: PostgresServer) -> str:
    url = server.new_database()
    Stores(Path("/"), url).execute("CREATE TABLE version (version int)")
    return url


def _without_rights(server: PostgresServer) -> str:
    url = server.new_database()
    server.sql("DROP ROLE IF EXISTS poor")
    server.sql("CREATE ROLE poor LOGIN")
    return url.replace("tester@", "poor@")


@pytest.mark.parametrize(
    ("url_of", "words"),
    [
        (_foreign_table, r"tables in it that are no store's \(accounts\)"),
        (_other_version_table, r"tables in it that are no store's \(version\)"),
        (_without_rights, "permission denied for schema public"),
        (lambda server: server.url_of("nowhere"), 'database "nowhere" does not exist'),
        (lambda server: server.url_of("postgres", "nobody"), 'role "nobody" does not exist'),
        (lambda _: "postgresql://u@127.0.0.1:1/d", "Connection refused"),
    ],
)
@in_loop
async def test_what_cannot_hold_a_store_is_refused_with_the_reason(
    tmp_path: Path,
    postgres: PostgresServer,
    url_of: Callable[[PostgresServer], str],
    words: str,
) -> None:
    database = database_of(url_of(postgres), tmp_path / "unused")
    with pytest.raises(Exception, match=words) as caught:
        Store(tmp_path, database)
    said = database.words_of(caught.value)

    assert "Traceback" not in said
    assert "\n" not in said


def test_a_url_that_cannot_be_read_is_not_told() -> None:
    with pytest.raises(StartFault, match="--store is no URL") as caught:
        database_of("postgresql://u:hunter2@h:port:5/d?what=1", Path("/unused"))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2@h1,h2:7/d?sslpassword=hunter2", "postgresql://u@h1,h2:7/d"),
        ("postgresql:///d?host=/run/pg&user=u", "postgresql://u@/run/pg/d"),
        ("postgresql:///?service=lab", "postgresql service lab"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    assert database_of(url, Path("/unused")).shown == shown


@in_loop
async def test_a_wrong_password_is_said_and_not_told(
    tmp_path: Path, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres.new_database().replace("tester@", "tester:hunter2@")
    async with Store(tmp_path, database_of(url, tmp_path / "unused")) as store:
        await store.write(greet)
        postgres.stop()
        try:
            with pytest.raises(StoreFault) as caught:
                await store.write(submitted)
        finally:
            postgres.start()

    assert "hunter2" not in f"{caught.value} {store.problem} {caplog.text}"


@pytest.mark.parametrize(
    ("version", "encoding", "words"),
    [
        (130_012, "UTF8", "the server is PostgreSQL 13; expected 14 or later"),
        (150_018, "LATIN1", "the database's encoding is LATIN1; expected UTF8"),
        (150_018, "UTF8", ""),
    ],
)
def test_a_server_that_is_too_old_or_of_another_encoding_is_refused(
    version: int, encoding: str, words: str
) -> None:
    assert refusal_of(version, encoding).startswith(words)
    assert bool(refusal_of(version, encoding)) == bool(words)


@in_loop
async def test_who_reads_cannot_write(database: Stores) -> None:
    async with database.open() as store:
        await store.write(greet)
        readers = open_readers(store.where)
        with readers.begin() as connection, pytest.raises(DBAPIError, match="read-only"):
            submitted(connection)
        readers.dispose()
