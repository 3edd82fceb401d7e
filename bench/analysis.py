"""Analysis and report of one long run: 30 trials of 2 variants, each 60 s under load.

And a tenth of the longest: 30 of 300 trials, each 600 s under load, sampled every 20 ms.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import zstandard

from bench.table import BenchRow
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.report.render import render
from headstart.collector.store.decode import decode
from headstart.v1.experiments_pb2 import ReportFormat
from headstart.v1.records_pb2 import Encoding, Envelope, Record
from support.fake_runs import AOT, JIT, Fake

ANALYSIS_SECONDS = 2.0
REPORT_SECONDS = 5.0
# CPU seconds of 10 variants x 30 blocks; a tenth of it is run, since it takes a minute to make up.
LONGEST_CPU_SECONDS = 10.0
_LONGEST_BLOCKS, _RUN_BLOCKS = 30, 3


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
        _longest(repetitions),
    ]


def _longest(repetitions: int) -> BenchRow:
    kinds = tuple(replace((JIT, AOT)[i % 2], name=f"v{i}") for i in range(10))
    fake = Fake(kinds, blocks=_RUN_BLOCKS, load_every=1, load_seconds=600.0, sample_seconds=0.02)
    info, records = fake.info(), list(fake.records())
    # Its work grows with the trials, each of which is analysed by itself.
    share = _RUN_BLOCKS / _LONGEST_BLOCKS
    spent = _best(repetitions, lambda: analyse_run(info, records), time.process_time)
    return BenchRow(
        what=f"analysis of 10 x {_RUN_BLOCKS} trials of 600 s (full size: 10 x {_LONGEST_BLOCKS})",
        measured=f"{spent:.2f} s of CPU",
        budget=f"<= {LONGEST_CPU_SECONDS * share:g} s",
        ratio="",
        ok=spent <= LONGEST_CPU_SECONDS * share,
    )


def _envelope(record: Record) -> Envelope:
    serialised = record.SerializeToString()
    payload = zstandard.compress(serialised, level=3)
    return Envelope(
        encoding=Encoding.ENCODING_ZSTD,
        decoded_bytes=len(serialised),
        crc32=zlib.crc32(payload),
        payload=payload,
    )


def _best(
    repetitions: int,
    work: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """The least of a few: a busy neighbour only ever adds."""
    best = float("inf")
    for _ in range(repetitions):
        begin = clock()
        work()
        best = min(best, clock() - begin)
    return best
