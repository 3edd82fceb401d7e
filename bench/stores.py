"""SQLite's file and a PostgreSQL database side by side: what each makes of the same load.

The server is Debian's, on this machine and a socket, as durable as it comes (fsync, full pages),
so that both write to one disk. Its CPU time is not the collector's.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

from sqlalchemy import Connection, Engine, insert

from bench.ingest import Ingested, ingest
from bench.scale import working
from bench.start import scrape
from bench.table import BenchRow
from headstart.collector.config import CollectorConfig
from headstart.collector.findings.points import points_of
from headstart.collector.server import Collector
from headstart.collector.store import points as store_points
from headstart.collector.store.database import database_of
from headstart.collector.store.store import FILE_NAME
from headstart.collector.store.tables import points, runs
from support.metrics_results import of_a_service, run_result
from support.postgres_server import PostgresServer, missing
from support.stored_results import fill

_DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB"}
_AGENTS = 1_000
_RESULTS, _REVISIONS = 5_000, 200
# Of a run of half an hour.
_BATCHES_A_RUN = 1_800
_START_SECONDS, _HISTORY_SECONDS = 10.0, 1.0


@dataclass(frozen=True)
class Side:
    """One kind of store; `new` gives a URL, or nothing for a file in the data folder."""

    name: str
    new: Callable[[], str]


@contextmanager
def sides() -> Iterator[list[Side]]:
    """SQLite, and PostgreSQL where its server is installed."""
    found = [Side("SQLite", lambda: "")]
    if (why := missing()) is not None:
        print(f"PostgreSQL is left out: {why}")
        yield found
        return
    server = PostgresServer(_DURABLE)
    try:
        server.start()
        yield [*found, Side("PostgreSQL", server.new_database)]
    finally:
        server.close()


def run(quick: bool) -> list[BenchRow]:
    """Five rows for each; ten minutes, three when quick."""
    with sides() as each:
        return [
            *_durable(each, 8_000 if quick else 40_000),
            *_acknowledged(each, 250 if quick else _AGENTS, 10 if quick else 30),
            *_started(each, 500 if quick else _RESULTS),
            *_history(each, 20 if quick else 100),
        ]


def _durable(each: list[Side], batches: int) -> list[BenchRow]:
    """Each twice, by turns: a disk has its moments."""
    found: dict[str, list[Ingested]] = {side.name: [] for side in each}
    for _ in range(2):
        for side in each:
            found[side.name].append(ingest(batches, per_message=1, url=side.new()))
    best = {name: max(rates, key=lambda r: r.per_second) for name, rates in found.items()}
    rows = []
    for side in each:
        rate = best[side.name]
        both = "; ".join(f"{one.per_second:,.0f}" for one in found[side.name])
        rows.append(
            BenchRow(
                f"{side.name}: durable batches from 8 agents, one a message",
                f"{both} batches/s, {rate.per_cpu_second:,.0f} per second of collector CPU",
                "-",
                f"{rate.per_second / best['SQLite'].per_second:.2f} x SQLite",
                ok=None,
            )
        )
        rows.append(
            BenchRow(
                f"{side.name}: bytes of a run of half an hour ({_BATCHES_A_RUN:,} batches)",
                f"{rate.bytes_each * _BATCHES_A_RUN / (1 << 20):.2f} MiB",
                "-",
                f"{rate.bytes_each:.0f} bytes a batch, "
                f"{rate.bytes_each / best['SQLite'].bytes_each:.2f} x SQLite",
                ok=None,
            )
        )
    return rows


def _acknowledged(each: list[Side], agents: int, seconds: int) -> list[BenchRow]:
    rows = []
    for side in each:
        with working(agents, side.new()) as (_, simulated, _began):
            simulated.order("work 3")
            worked = simulated.order(f"work {seconds}")
        rows.append(
            BenchRow(
                f"{side.name}: {agents:,} agents by TLS, a batch a second each: ack, p99",
                f"{worked['p99_ms']:.0f} ms (p50 {worked['p50_ms']:.0f})",
                "-",
                f"{worked['cpu_seconds'] / worked['seconds']:.0%} of a core; sent "
                f"{worked['late_p99_ms']:.0f} ms late (p99)",
                ok=None,
            )
        )
    return rows


def _started(each: list[Side], count: int) -> list[BenchRow]:
    rows = []
    for side in each:
        with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
            seconds = asyncio.run(_start(Path(folder) / "data", side.new(), count))
        rows.append(
            BenchRow(
                f"{side.name}: start with {count:,} results, until its first scrape is whole",
                f"{seconds:.2f} s",
                f"<= {_START_SECONDS:g} s",
                "",
                ok=seconds <= _START_SECONDS,
            )
        )
    return rows


async def _start(data: Path, url: str, count: int) -> float:
    await fill(data, count, url=url)
    began = time.perf_counter()
    config = CollectorConfig(data, store=url, metrics_listen="127.0.0.1:0")
    async with await Collector.start(config) as made:
        await asyncio.to_thread(_whole, f"http://127.0.0.1:{made.metrics_port}/metrics")
        return time.perf_counter() - began


def _whole(url: str) -> None:
    """A scrape that comes before all results are taken up is told so after some seconds."""
    while True:
        try:
            scrape(url)
            return
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise


def _history(each: list[Side], repetitions: int) -> list[BenchRow]:
    rows = []
    for side in each:
        with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
            data, url = Path(folder) / "data", side.new()
            asyncio.run(fill(data, _REVISIONS, url=url))
            database = database_of(url, data / FILE_NAME)
            writer = database.writer_engine()
            with writer.begin() as connection:
                series = _put_points(connection)
            writer.dispose()
            seconds = _read_history(database.reader_engine(), repetitions)
        rows.append(
            BenchRow(
                f"{side.name}: history of {_REVISIONS} revisions, {series} series",
                f"{seconds * 1e3:.0f} ms",
                f"<= {_HISTORY_SECONDS:g} s",
                "",
                ok=seconds <= _HISTORY_SECONDS,
            )
        )
    return rows


def _put_points(connection: Connection) -> int:
    """Make all runs revisions of one experiment; how many series it has."""
    found = points_of(of_a_service(run_result("e0", "h0", variants=("jit", "aot"))))
    for number, run_id in enumerate(connection.execute(runs.select()).scalars().all()):
        rows = [asdict(point) | {"run_id": run_id, "revision": str(number)} for point in found]
        connection.execute(insert(points), rows)
    return len(found)


def _read_history(readers: Engine, repetitions: int) -> float:
    """Seconds, the median."""
    taken = []
    for _ in range(repetitions):
        began = time.perf_counter()
        with readers.begin() as connection:
            found = store_points.series_of(connection, "e0", "", "", "", _REVISIONS)
        taken.append(time.perf_counter() - began)
        assert sum(len(series.points) for series in found) >= _REVISIONS
    readers.dispose()
    return sorted(taken)[len(taken) // 2]
