"""Raw batches go by age and by size, results stay."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import column, select, table

from headstart.collector.config import Retention
from headstart.collector.store import (
    hello as store_hello,
    leasing,
    queries,
    records as store_records,
    results as store_results,
    submitting,
)
from headstart.collector.store.records import Watermark
from headstart.collector.store.results import StoredResult
from headstart.collector.store.retention import keep_within, prune
from headstart.collector.store.store import Store
from headstart.collector.store.writer import Append, Appended
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.attending import ending, envelope, hello, in_loop
from support.older_stores import QUEUE
from support.stores import Stores

DAY = 86400.0


class Clock:
    """Unix seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1.8e9

    def __call__(self) -> float:
        return self.now


async def record(store: Store, stream: str, batches: int, end: bool = True) -> str:
    """A run with some 1 kB batches and a result."""
    await store.write(lambda c: store_hello.greet(c, hello(stream_id=stream), store.now()))
    (run_id,) = await store.write(
        lambda c: submitting.submit(c, Experiment(name="players"), ["h1"], store.now())
    )
    await store.write(lambda c: leasing.lease_next(c, "h1", store.now()))
    rows = [
        store_records.row_of(stream, envelope(n, run_id, payload=bytes(1000)))
        for n in range(1, batches + 1)
    ]
    if end:
        rows[-1] = store_records.row_of(stream, ending(batches, run_id))
    attempt = Attempt(run_id=run_id, attempt=1)
    outcomes = [(attempt, RunOutcome(status=RunStatus.RUN_STATUS_DONE))] if end else []
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
    store.append(Append(stream, rows, batches, outcomes, done.set_result))
    await done
    await store.write(
        lambda c: store_results.put(c, StoredResult(run_id, 1, "{}", ""), store.now())
    )
    return run_id


def batches_of(store: Store, run_id: str) -> int:
    return len(list(store_records.envelopes(store.readers, run_id, 1)))


@in_loop
async def test_batches_of_old_runs_go_and_their_results_stay(stores: Stores) -> None:
    clock = Clock()
    async with stores.open(now=clock) as store:
        old = await record(store, "s1", 5000)
        clock.now += 20 * DAY
        new = await record(store, "s2", 10)
        clock.now += 15 * DAY

        assert await prune(store, Retention(age_seconds=30 * DAY)) == [old]
        assert await prune(store, Retention(age_seconds=30 * DAY)) == []

        assert batches_of(store, old) == 0
        assert batches_of(store, new) == 10
        stored = await store.read(lambda c: store_results.get(c, old))
        assert stored is not None
        assert (await store.read(lambda c: queries.summary(c, old))).run_id == old
        # A stream's watermark outlives its batches: resent records are not taken again.
        mark = await store.write(lambda c: store_records.open_stream(c, "s1", "h1"))
        assert mark == Watermark(5000)


@in_loop
async def test_the_oldest_runs_go_until_the_size_is_met(stores: Stores) -> None:
    clock = Clock()
    async with stores.open(now=clock) as store:
        runs = []
        for stream in ("s1", "s2", "s3"):
            runs.append(await record(store, stream, 1000))
            clock.now += DAY
        full = await store.read(store.database.used_bytes)

        assert await prune(store, Retention(store_bytes=full - 500_000)) == runs[:1]
        assert [batches_of(store, run_id) for run_id in runs] == [0, 1000, 1000]
        assert await store.read(store.database.used_bytes) < full - 500_000


@in_loop
async def test_a_run_that_goes_on_is_never_touched(stores: Stores) -> None:
    clock = Clock()
    async with stores.open(now=clock) as store:
        run_id = await record(store, "s1", 100, end=False)
        clock.now += 365 * DAY

        assert await prune(store, Retention(age_seconds=1.0, store_bytes=1)) == []
        assert batches_of(store, run_id) == 100


@in_loop
async def test_nothing_goes_unless_asked_for(stores: Stores) -> None:
    clock = Clock()
    async with stores.open(now=clock) as store:
        run_id = await record(store, "s1", 100)
        clock.now += 10_000 * DAY

        assert await prune(store, Retention()) == []
        assert batches_of(store, run_id) == 100


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("headstart.sqlite*"))


@pytest.mark.parametrize("made_by", ["this release", "an older one"])
@in_loop
async def test_the_file_gives_back_what_was_deleted(tmp_path: Path, made_by: str) -> None:
    if made_by == "an older one":
        with sqlite3.connect(tmp_path / "headstart.sqlite") as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE of_an_older_release (x)")
        database.close()
    clock = Clock()
    async with Store(tmp_path, now=clock) as store:
        kept = []
        for stream in ("s1", "s2", "s3", "s4"):
            kept.append(await record(store, stream, 1000))
            clock.now += DAY
        full = bytes_on_disk(tmp_path)

        pruned = await prune(store, Retention(store_bytes=1_800_000))

        assert pruned == kept[: len(pruned)]
        assert 0 < bytes_on_disk(tmp_path) <= 1_800_000 < full
        assert batches_of(store, kept[-1]) == 1000
        assert await store.read(store.database.gives_back)
        # It still takes what comes.
        await record(store, "s5", 100)


@in_loop
async def test_a_store_that_grows_too_large_is_pruned_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.collector.store.retention._LOOK_SECONDS", 0.01)
    async with Store(tmp_path) as store:
        keeping = asyncio.create_task(keep_within(store, Retention(store_bytes=1_000_000)))
        # The hourly look is over before there is anything to delete.
        await asyncio.sleep(0.05)
        run_id = await record(store, "s1", 2000)
        async with asyncio.timeout(10):
            while bytes_on_disk(tmp_path) > 1_000_000:
                await asyncio.sleep(0.01)
        keeping.cancel()

        assert batches_of(store, run_id) == 0


@in_loop
async def test_a_store_that_holds_nothing_to_delete_says_so(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    async with stores.open() as store:
        await record(store, "s1", 100, end=False)
        await prune(store, Retention(store_bytes=1000))

        assert "no ended run has raw batches that could be deleted" in caplog.text


@in_loop
async def test_what_is_deleted_counts_no_more_against_the_quota_of_its_host(
    stores: Stores,
) -> None:
    def stored(of: str) -> list[int]:
        with store.readers.begin() as connection:
            return list(
                connection.execute(select(column("stored_bytes")).select_from(table(of))).scalars()
            )

    async with stores.open() as store:
        await record(store, "s1", 100)
        before = stored("runs")
        await record(store, "s2", 100)

        assert 100_000 < before[0] < 130_000
        assert stored("hosts") == [sum(stored("runs"))]
        await prune(store, Retention(store_bytes=1))
        assert (stored("runs"), stored("hosts")) == ([0, 0], [0])


@in_loop
async def test_an_older_store_learns_what_its_runs_take(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        await record(store, "s1", 100)
        with store.readers.begin() as connection:
            before = connection.exec_driver_sql("SELECT stored_bytes FROM runs").scalar_one()
    with sqlite3.connect(tmp_path / "headstart.sqlite") as database:
        for of in ("runs", "hosts"):
            database.execute(f"ALTER TABLE {of} DROP COLUMN stored_bytes")
        # What later versions added.
        for added in ("streams DROP mark", "runs DROP returns", "runs DROP stream_id"):
            database.execute(f"ALTER TABLE {added}")
        for statement in QUEUE:
            database.execute(statement)
        database.execute("UPDATE version SET version = 2")
    database.close()
    async with Store(tmp_path) as store:
        with store.readers.begin() as connection:
            for of in ("runs", "hosts"):
                stored: int = connection.execute(
                    select(column("stored_bytes")).select_from(table(of))
                ).scalar_one()
                assert stored == before
