"""Raw batches go by age and by size, results stay."""

import asyncio
from pathlib import Path

from headstart.collector import (
    store_fleet,
    store_queries,
    store_records,
    store_results,
    store_runs,
    store_sqlite,
)
from headstart.collector.config import Retention
from headstart.collector.retention import prune
from headstart.collector.store import Store
from headstart.collector.store_results import StoredResult
from headstart.collector.store_writer import Append, Appended
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.attending import ending, envelope, hello, in_loop

DAY = 86400.0


class Clock:
    """Unix seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1.8e9

    def __call__(self) -> float:
        return self.now


async def record(store: Store, stream: str, batches: int, end: bool = True) -> str:
    """A run with some 1 kB batches and a result."""
    await store.write(lambda c: store_fleet.greet(c, hello(stream_id=stream), store.now()))
    (run_id,) = await store.write(
        lambda c: store_runs.submit(c, Experiment(name="players"), ["h1"], store.now())
    )
    await store.write(lambda c: store_runs.lease_next(c, "h1", store.now()))
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
async def test_batches_of_old_runs_go_and_their_results_stay(tmp_path: Path) -> None:
    clock = Clock()
    async with Store(tmp_path, now=clock) as store:
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
        assert (await store.read(lambda c: store_queries.summary(c, old))).run_id == old
        # A stream's watermark outlives its batches: resent records are not taken again.
        assert await store.write(lambda c: store_records.open_stream(c, "s1", "h1")) == 5000


@in_loop
async def test_the_oldest_runs_go_until_the_size_is_met(tmp_path: Path) -> None:
    clock = Clock()
    async with Store(tmp_path, now=clock) as store:
        runs = []
        for stream in ("s1", "s2", "s3"):
            runs.append(await record(store, stream, 1000))
            clock.now += DAY
        full = await store.read(store_sqlite.used_bytes)

        assert await prune(store, Retention(store_bytes=full - 500_000)) == runs[:1]
        assert [batches_of(store, run_id) for run_id in runs] == [0, 1000, 1000]
        assert await store.read(store_sqlite.used_bytes) < full - 500_000


@in_loop
async def test_a_run_that_goes_on_is_never_touched(tmp_path: Path) -> None:
    clock = Clock()
    async with Store(tmp_path, now=clock) as store:
        run_id = await record(store, "s1", 100, end=False)
        clock.now += 365 * DAY

        assert await prune(store, Retention(age_seconds=1.0, store_bytes=1)) == []
        assert batches_of(store, run_id) == 100


@in_loop
async def test_nothing_goes_unless_asked_for(tmp_path: Path) -> None:
    clock = Clock()
    async with Store(tmp_path, now=clock) as store:
        run_id = await record(store, "s1", 100)
        clock.now += 10_000 * DAY

        assert await prune(store, Retention()) == []
        assert batches_of(store, run_id) == 100
