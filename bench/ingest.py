"""How many batches a second the collector makes durable, and what stands beside it.

Agents in this process stream seconds of samples to a collector in another one, which is
held to one core. The reference inserts the same payloads into the same tables with the
bare sqlite3 module, in groups as large as a group commit's.
"""

import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from sqlalchemy import func, select

from bench.table import BenchRow
from headstart.agent.sampling.columns import Row, sample_batch
from headstart.agent.uplink.wire import envelope_of
from headstart.collector.config import CollectorConfig
from headstart.collector.store.database import Database, database_of
from headstart.collector.store.records import row_of
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.tables import batches as stored_batches
from headstart.v1.records_pb2 import Envelope, Quantity
from support.attending import attend, hello, submit
from support.collector_process import CollectorProcess, collector_process

BUDGET_PER_SECOND = 5_000
AGENTS = 8
# What an agent puts into one message when it delivers a backlog.
BACKLOG_ENVELOPES = 32


@dataclass(frozen=True)
class Ingested:
    """Batches a second, and batches a second of the collector's CPU time."""

    per_second: float
    per_cpu_second: float
    # Of the store, with its indexes, for each batch.
    bytes_each: float = 0.0


def run(quick: bool) -> list[BenchRow]:
    """Three rows; a few seconds when quick, else a quarter of a minute."""
    batches = 16_000 if quick else 80_000
    single = ingest(batches, per_message=1)
    backlog = ingest(batches, per_message=BACKLOG_ENVELOPES)
    # A group is what arrives within its time.
    raw = insert_raw(batches, group=max(1, round(single.per_second * 0.05)))
    size = len(second_of_samples(1).payload)
    return [
        _row("one batch a message", single, raw),
        _row(f"{BACKLOG_ENVELOPES} batches a message", backlog, raw),
        BenchRow(
            what=f"reference: sqlite3 alone, the same payloads of {size} bytes",
            measured=f"{raw:,.0f} batches/s",
            budget="-",
            ratio="1",
            ok=None,
        ),
    ]


def _row(what: str, found: Ingested, raw: float) -> BenchRow:
    fast = found.per_second >= BUDGET_PER_SECOND
    # Enough for its CPU time, but it did not get the core: other work was there.
    starved = found.per_cpu_second >= BUDGET_PER_SECOND
    return BenchRow(
        what=f"durable ingest from {AGENTS} agents on one core, {what}",
        measured=(
            f"{found.per_second:,.0f} batches/s, "
            f"{found.per_cpu_second:,.0f} per second of collector CPU"
        ),
        budget=f">= {BUDGET_PER_SECOND:,} batches/s",
        ratio=f"{found.per_second / raw:.2f} x sqlite3 alone",
        ok=True if fast else None if starved else False,
    )


def ingest(batches: int, per_message: int, url: str = "") -> Ingested:
    """Stream so many batches from all agents together until the last is acked.

    `url`: of the database that holds the store; empty: SQLite's file.
    """
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
        # Inherited by what is started now.
        os.sched_setaffinity(0, cores[:1])
        try:
            with collector_process(CollectorConfig(data=Path(folder), store=url)) as process:
                os.sched_setaffinity(0, cores[1:] or cores)
                found = asyncio.run(_stream_all(process, batches // AGENTS, per_message))
        finally:
            os.sched_setaffinity(0, cores)
        stored, size = _stored(database_of(url, Path(folder) / FILE_NAME))
    assert stored == batches // AGENTS * AGENTS, f"{stored} batches are stored"
    return replace(found, bytes_each=size / stored)


async def _stream_all(process: CollectorProcess, each: int, per_message: int) -> Ingested:
    names = [f"bench-{number}" for number in range(AGENTS)]
    for name in names:
        async with attend(process.port, hello(name, name)):
            pass
    runs = await submit(process.port)
    prepared = [list(_seconds(each, run_id)) for run_id in runs]
    collector = psutil.Process(process.process.pid)
    before = collector.cpu_times()
    began = time.perf_counter()
    await asyncio.gather(
        *(
            _stream(process.port, name, run_id, envelopes, per_message)
            for name, run_id, envelopes in zip(names, runs, prepared, strict=True)
        )
    )
    seconds = time.perf_counter() - began
    after = collector.cpu_times()
    cpu_seconds = after.user + after.system - before.user - before.system
    return Ingested(each * AGENTS / seconds, each * AGENTS / cpu_seconds)


async def _stream(
    port: int, name: str, run_id: str, envelopes: list[Envelope], per_message: int
) -> None:
    async with attend(port, hello(name, name)) as agent:
        # Only records of a run that is leased are stored.
        assert (await agent.until("lease")).attempt.run_id == run_id
        window = agent.welcome.ack_window
        acked = sent = 0
        while acked < len(envelopes):
            while sent < min(acked + window, len(envelopes)):
                upto = min(sent + per_message, acked + window, len(envelopes))
                await agent.send(*envelopes[sent:upto])
                sent = upto
            acked = (await agent.until("ack")).sequence


def _seconds(count: int, run_id: str) -> Iterator[Envelope]:
    """Consecutive seconds; a hundred contents in turn."""
    contents = [second_of_samples(n) for n in range(min(count, 100))]
    for sequence in range(1, count + 1):
        envelope = Envelope()
        envelope.CopyFrom(contents[sequence % len(contents)])
        envelope.sequence = sequence
        envelope.run_id = run_id
        yield envelope


def second_of_samples(number: int) -> Envelope:
    """A second of samples at 50 Hz as the sampler makes it, of a process that does something."""
    rng = random.Random(number)  # noqa: S311  # readings that vary, not a secret
    rows, rss, cpu = [], 90_000_000, 0
    for reading in range(50):
        rss += rng.choice((0, 0, 4096, 40_960))
        cpu += rng.randrange(14_000, 20_000)
        values = {
            Quantity.QUANTITY_RSS_BYTES: rss,
            Quantity.QUANTITY_CPU_USER_US: cpu,
            Quantity.QUANTITY_CPU_SYSTEM_US: cpu // 7,
            Quantity.QUANTITY_THREADS: 21,
            Quantity.QUANTITY_PROCESSES: 1,
            Quantity.QUANTITY_CGROUP_MEMORY_BYTES: rss + 12_000_000,
            Quantity.QUANTITY_CGROUP_CPU_US: cpu + cpu // 7,
            Quantity.QUANTITY_GENERATOR_CPU_US: cpu // 3,
        }
        rows.append(Row(reading * 20_000 + rng.randrange(200), values))
    return envelope_of(sample_batch(1, number * 10**9, rows, 0), "run", 1)


def _stored(database: Database) -> tuple[int, int]:
    """Batches, and bytes of the whole store."""
    readers = database.reader_engine()
    with readers.begin() as connection:
        count = connection.execute(select(func.count()).select_from(stored_batches)).scalar_one()
        size = database.used_bytes(connection)
    readers.dispose()
    return int(count), size


def insert_raw(batches: int, group: int) -> float:
    """Batches a second that sqlite3 alone makes durable in groups, in the store's tables."""
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
        asyncio.run(_make_store(Path(folder)))
        rows = [tuple(row_of("s1", second).values()) for second in _seconds(batches, "run")]
        database = sqlite3.connect(Path(folder) / FILE_NAME, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        places = ", ".join("?" * len(rows[0]))
        began = time.perf_counter()
        for start in range(0, batches, group):
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                f"INSERT INTO batches VALUES ({places})",  # noqa: S608  # question marks alone
                rows[start : start + group],
            )
            database.execute("COMMIT")
        seconds = time.perf_counter() - began
        database.close()
    return batches / seconds


async def _make_store(folder: Path) -> None:
    await Store(folder).close()
