"""Analysis and report of one long run: 30 trials of 2 variants, each 60 s under load.

And of the longest: 300 trials of 10 variants, each 600 s under load, sampled every 20 ms, from
the store as the collector's analysis process reads it. It takes two minutes, most of them to
make the run up; when quick a tenth of it is made.
"""

import asyncio
import resource
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import zstandard

from bench.longest_run import BLOCKS, VARIANTS, store_run
from bench.table import BenchRow
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.judge import worker
from headstart.collector.judge.job_limits import job
from headstart.collector.judge.process_pool import AnalysisPool
from headstart.collector.report.render import render
from headstart.collector.store.decode import decode
from headstart.v1.experiments_pb2 import ReportFormat
from headstart.v1.records_pb2 import Encoding, Envelope, Record
from support.fake_runs import AOT, JIT, Fake

ANALYSIS_SECONDS = 2.0
REPORT_SECONDS = 5.0
# CPU seconds and memory of the process, with its start and imports.
LONGEST_CPU_SECONDS = 10.0
LONGEST_MEGABYTES = 1_000.0
_QUICK_BLOCKS = 3


def run(quick: bool) -> list[BenchRow]:
    """What a collector does when a run has ended, from stored payloads on."""
    fake = Fake(kinds=(JIT, AOT), blocks=30, load_every=1, load_seconds=60.0, sample_seconds=0.02)
    stored = [_envelope(record) for record in fake.records()]
    repetitions = 1 if quick else 3

    records = [decode(envelope) for envelope in stored]
    unpacking = _best(repetitions, lambda: [decode(envelope) for envelope in stored])
    whole = _best(repetitions, lambda: analyse_run(fake.info(), map(decode, stored)))
    result = analyse_run(fake.info(), records)
    page = b""

    def draw() -> None:
        nonlocal page
        page = render(result, ReportFormat.REPORT_FORMAT_HTML)

    drawing = _best(repetitions, draw)
    rows = sum(len(record.samples.time_delta_us) for record in records)
    return [
        BenchRow(
            what=f"analysis of 2 x 30 trials of 60 s, {rows:,} samples",
            measured=f"{whole:.2f} s",
            budget=f"<= {ANALYSIS_SECONDS:g} s",
            ratio=f"{whole / unpacking:.1f} of unpacking the records",
            ok=whole <= ANALYSIS_SECONDS,
        ),
        BenchRow(
            what=f"its HTML report, {len(page) / 1e6:.2f} MB",
            measured=f"{drawing:.2f} s",
            budget=f"<= {REPORT_SECONDS:g} s",
            ratio=f"{drawing / whole:.1f} of the analysis",
            ok=drawing <= REPORT_SECONDS,
        ),
        _longest(_QUICK_BLOCKS if quick else BLOCKS),
    ]


def _longest(blocks: int) -> BenchRow:
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
        path, run_id = store_run(Path(folder), blocks)
        stored = path.stat().st_size
        cpu_seconds, megabytes = asyncio.run(_in_process(str(path), run_id))
    within = cpu_seconds <= LONGEST_CPU_SECONDS and megabytes <= LONGEST_MEGABYTES
    return BenchRow(
        what=f"analysis of {VARIANTS} x {blocks} trials of 600 s, {stored / 1e6:.0f} MB stored",
        measured=f"{cpu_seconds:.1f} s of CPU, {megabytes:.0f} MB",
        budget=f"<= {LONGEST_CPU_SECONDS:g} s, <= {LONGEST_MEGABYTES:g} MB",
        ratio="",
        # Of a part of the run the start of the process is most.
        ok=within if blocks == BLOCKS else None,
    )


async def _in_process(path: str, run_id: str) -> tuple[float, float]:
    pool = AnalysisPool()
    try:
        return await pool.run(analysis_cost, path, run_id)
    finally:
        await pool.stop()


@job
def analysis_cost(path: str, run_id: str) -> tuple[float, float]:
    """CPU seconds and largest resident memory (MB of 10^6 bytes) of this process, analysis done."""
    found = worker.analyse(path, run_id).answer
    assert found.result_json, found.fault
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return time.process_time(), peak / 1e6


def _envelope(record: Record) -> Envelope:
    serialised = record.SerializeToString()
    payload = zstandard.compress(serialised, level=3)
    return Envelope(
        encoding=Encoding.ENCODING_ZSTD,
        decoded_bytes=len(serialised),
        crc32=zlib.crc32(payload),
        payload=payload,
    )


def _best(repetitions: int, work: Callable[[], object]) -> float:
    """The least of a few: a busy neighbour only ever adds."""
    best = float("inf")
    for _ in range(repetitions):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best
