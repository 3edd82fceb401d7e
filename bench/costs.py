"""What an agent, a batch, a run and a series cost a collector: the units of docs/SCALING.md.

`python -m bench.costs bench/costs.json` measures for five minutes and writes them, with the
conditions; `bench.scaling` computes with them. All CPU times are the collector's alone.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.scale import working
from bench.scaling import Costs, Measured, Observed, of_a_fleet, read
from bench.secured import Secured, secured
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings.json import to_json
from headstart.collector.findings.points import points_of
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import sqlite
from headstart.collector.store.store import FILE_NAME
from support.fake_runs import AOT, JIT, Fake
from support.metrics_results import STORE, host_state, of_a_service, run_result

# The unit costs are of the two largest; the model has to foretell the others.
SIZES = (100, 250, 500, 1_000)
_IDLE_SECONDS, _WORK_SECONDS = 15.0, 30
_VARIANTS = ("jit", "r2r", "aot-dynamic", "aot-scratch")
# A row of `points` and what indexes have of it: its columns are some 350 bytes.
_POINT_BYTES = 600


def units() -> dict[str, Any]:
    """The costs by field that no fleet is needed for."""
    result_bytes, points, analysis = _of_a_run()
    standard, detailed, host_series, plain, packed = _of_series()
    return {
        "result_bytes": result_bytes + _POINT_BYTES * points,
        "analysis_cpu_seconds": analysis,
        "result_variants": 2,
        "variant_series": standard,
        "detailed_variant_series": detailed,
        "host_series": host_series,
        "series_bytes": plain,
        "series_packed_bytes": packed,
    }


def observe(agents: int, seconds: int) -> Observed:
    """A collector with so many agents: at rest, at a batch a second each, and after a cut."""
    before_agents = _resident_alone()
    with working(agents) as (collector, simulated, began):
        idle = _idle(collector)
        before = _stored(collector)
        simulated.order("work 3")
        worked = simulated.order(f"work {seconds}")
        grown = _stored(collector) - before
        resident = collector.rss_mebibytes()
        storm = simulated.order("cut")
        return Observed(
            agents=agents,
            load_average=os.getloadavg()[0],
            idle_share=idle,
            busy_share=worked["cpu_seconds"] / worked["seconds"],
            batches_per_second=worked["acked"] / worked["seconds"],
            p99_seconds=worked["p99_ms"] / 1e3,
            late_seconds=worked["late_p99_ms"] / 1e3,
            storm_cpu_seconds=storm["cpu_seconds"],
            storm_seconds=storm["seconds"],
            submission_cpu_seconds=began.submission_cpu,
            resident_before_mib=before_agents,
            resident_mib=resident,
            batch_bytes=grown / (worked["acked"] * (seconds + 3) / seconds),
        )


def _idle(collector: Secured) -> float:
    """The share of a core that heartbeats and what else goes on by itself take."""
    before, began = collector.cpu_seconds(), time.perf_counter()
    time.sleep(_IDLE_SECONDS)
    return (collector.cpu_seconds() - before) / (time.perf_counter() - began)


def _stored(collector: Secured) -> int:
    engine = sqlite.reader_engine(collector.store / FILE_NAME)
    with engine.begin() as connection:
        return sqlite.used_bytes(connection)


def _resident_alone() -> float:
    """MiB of a collector that nobody has come to."""
    with (
        tempfile.TemporaryDirectory(prefix="headstart-bench-") as name,
        secured(Path(name)) as collector,
    ):
        return collector.rss_mebibytes()


def _of_a_run() -> tuple[int, int, float]:
    """Of 2 variants in 30 blocks, 10 of them with a load of a minute: bytes, points, seconds."""
    fake = Fake(kinds=(JIT, AOT), blocks=30, load_every=3, load_seconds=60.0, sample_seconds=0.02)
    records = list(fake.records())
    began = time.process_time()
    result = analyse_run(fake.info(), records)
    text = to_json(result)
    return len(text.encode()), len(points_of(result)), time.process_time() - began


def _of_series() -> tuple[float, float, float, float, float]:
    """Series of a variant, without and with detail, and of a host; bytes of one, plain, packed."""
    results = [
        of_a_service(run_result(f"exp-{e}", f"host-{h}", variants=_VARIANTS, factor=1 + h / 77))
        for e in range(5)
        for h in range(20)
    ]
    hosts = [host_state(f"host-{number}") for number in range(100)]
    counts, page = [], Exposition(SelfMetrics("costs"), STORE)
    for detailed in (False, True):
        own = SelfMetrics("costs")
        page = Exposition(own, STORE, detailed=detailed)
        page.update(results)
        counts.append(_series(own) / len(results) / len(_VARIANTS))
    own = SelfMetrics("costs")
    Exposition(own, STORE).update(hosts=hosts)
    lines = page.scrape().count(b"\n")
    plain, packed = len(page.scrape()) / lines, len(page.scrape(compressed=True)) / lines
    return counts[0], counts[1], _series(own) / len(hosts), plain, packed


def _series(own: SelfMetrics) -> float:
    return own.registry.get_sample_value("headstart_exposition_series") or 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.costs", description=__doc__)
    parser.add_argument("file", type=Path, help="what to write")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seconds", type=int, default=_WORK_SECONDS)
    parser.add_argument("--more", action="store_true", help="add what is seen to a file's")
    arguments = parser.parse_args()
    known = read(arguments.file) if arguments.more else None
    seen = list(known.seen) if known else []
    alone = units()
    day = time.strftime("%Y-%m-%d", time.gmtime())
    conditions = known.conditions if known else f"{day}, {os.cpu_count()} shared cores, SQLite"
    for size in arguments.sizes:
        seen = sorted([*seen, observe(size, arguments.seconds)], key=lambda each: each.agents)
        found = Measured(conditions, Costs(**alone, **of_a_fleet(seen)), seen)
        # What was seen took minutes.
        arguments.file.write_text(json.dumps(asdict(found), indent=1) + "\n")
