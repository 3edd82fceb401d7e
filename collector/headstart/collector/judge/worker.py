"""What runs in the analysis process: it reads the store by itself and returns text.

A process of its own, because a thread that computes holds up the commits of
this one (the interpreter lock): measured, 15 times the commit latency. Heavy
imports happen here, at the first job, never in the collector.
"""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from headstart.collector.config import MEBIBYTE, JobLimits
from headstart.collector.findings import Comparison
from headstart.collector.judge.job_limits import job, limit_process
from headstart.v1.experiments_pb2 import ExportFormat, ExportTable, ReportFormat
from headstart.v1.records_pb2 import RecordKind

if TYPE_CHECKING:
    from headstart.collector.judge.shifts_of_run import Judged

# A result is some hundred kilobytes; the collector reads it for /metrics, in its own process and
# by no limit but this: 50 MB took 26 s and 510 MB on a busy machine.
_LARGEST_RESULT = 16 * MEBIBYTE
_NICE = 10
# They may reach the whole process group, or all of a unit; the collector decides what they mean.
_OF_GROUPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Analysed:
    """`fault` set: analysis failed, and `result_json` is empty.

    `points` (of `headstart.collector.findings.points`) are what the run adds to the history.
    """

    attempt: int
    result_json: str
    fault: str
    points: Sequence[Any] = ()
    # By variant.
    recommendations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Decided:
    """What the records so far say of another block."""

    blocks_completed: int
    another: bool
    reason: str


@contextmanager
def group_signals_held() -> Iterator[None]:
    """What is started meanwhile gets none of them until `prepare` has seen to it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_GROUPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare(lifeline: Connection, limits: JobLimits) -> None:
    """Make this process yield to the collector, and end when the other end is closed.

    That happens when the collector stops, and also when it is killed.
    """
    for number in _OF_GROUPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_GROUPS)
    os.nice(_NICE)
    # One job at a time, of small arrays: threads would cost memory for each core.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    limit_process(limits)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    wait([lifeline])
    # A pool's worker would wait for ever: it holds both ends of its own queue.
    os._exit(1)


@job
def analyse(where: str, run_id: str) -> Analysed:
    """Analyse what is stored of a run now."""
    return _analysed(where, run_id)


def _analysed(where: str, run_id: str) -> Analysed:
    from headstart.collector.analysis.analyse import analyse_run
    from headstart.collector.analysis.trials.samples import READ
    from headstart.collector.findings.json import to_json
    from headstart.collector.findings.points import points_of
    from headstart.collector.store import queries, records as store_records
    from headstart.collector.store.database import open_readers
    from headstart.collector.store.packed import read_packed
    from headstart.collector.store.record_bounds import bounds_of
    from headstart.collector.store.record_counts import checked

    engine = open_readers(where)
    try:
        with engine.begin() as connection:
            info = queries.info(connection, run_id)
        # Whose they are was looked at as they came; the host may have another name since.
        bounds = bounds_of("", info.experiment)
        stored = read_packed(store_records.packed(engine, run_id, info.attempt), READ)
        elapsed_seconds = (info.ended_time_seconds or time.time()) - info.started_time_seconds
        if elapsed_seconds < 0:
            # The clock was set back meanwhile: nobody knows how long it took here.
            elapsed_seconds = math.inf
        records = checked(stored, bounds, elapsed_seconds)
        result = analyse_run(info, records)
        text = to_json(result)
        if len(text) > _LARGEST_RESULT:
            raise ValueError(f"a result of {len(text)} characters")
        recommended = {each.variant: each.decision.value for each in result.recommendations}
        return Analysed(info.attempt, text, "", points_of(result), recommended)
    finally:
        engine.dispose()


@job
def decide(where: str, run_id: str) -> Decided:
    """Whether a run that stops when decided does another block, by what is stored now."""
    from headstart.collector.analysis.verdict.decide import decide_blocks
    from headstart.collector.findings.json import from_json
    from headstart.collector.store import queries
    from headstart.collector.store.database import open_readers

    analysed = _analysed(where, run_id)
    engine = open_readers(where)
    with engine.begin() as connection:
        plan = queries.info(connection, run_id).experiment.plan
    result = from_json(analysed.result_json)
    another, reason = decide_blocks(result, plan)
    return Decided(result.blocks_completed, another, reason)


@job
def render(
    result_json: str,
    latest_aa: Sequence[str],
    remarks: Sequence[str],
    report_format: ReportFormat.ValueType,
) -> bytes:
    """A report of a result.

    `latest_aa` are the host's A/A results as JSON, the newest first; `remarks` are what is
    to be said of the run beside what its result says.
    """
    from headstart.collector.analysis.aa_of_host import latest_telling, with_host_check
    from headstart.collector.findings.json import from_json
    from headstart.collector.report.render import render as render_result

    result = with_host_check(from_json(result_json), latest_telling(latest_aa))
    result = replace(result, remarks=(*remarks, *result.remarks))
    return render_result(result, report_format)


@job
def judge(where: str, run_id: str) -> "Judged":
    """See `judging.judge_run`."""
    from headstart.collector.judge.shifts_of_run import judge_run

    return judge_run(where, run_id)


@job
def rerun_verdicts(where: str, run_id: str) -> dict[str, Comparison]:
    """See `judging.verdicts`."""
    from headstart.collector.judge.shifts_of_run import verdicts

    return verdicts(where, run_id)


@job
def build_logs(where: str, run_id: str) -> bytes:
    """The logs of a run's builds as text."""
    from headstart.collector.judge.build_logs import build_logs as text_of
    from headstart.collector.store import queries, records as store_records
    from headstart.collector.store.database import open_readers
    from headstart.collector.store.decode import decode

    kinds = [RecordKind.RECORD_KIND_BUILD_OUTCOME]
    engine = open_readers(where)
    try:
        with engine.begin() as connection:
            attempt = queries.info(connection, run_id).attempt
        records = map(decode, store_records.envelopes(engine, run_id, attempt, kinds))
        return text_of(record.build_outcome for record in records)
    finally:
        engine.dispose()


@job
def export(
    where: str,
    run_id: str,
    table: ExportTable.ValueType,
    target: str,
    export_format: ExportFormat.ValueType = ExportFormat.EXPORT_FORMAT_PARQUET,
) -> bool:
    """Write what is stored of a run now into a file that is there.

    False: the file is not whole, and cannot be: retention is faster. Not made here: a job may
    come to its turn when who asked has gone, and the file with it.
    """
    from headstart.collector.export.write import RecordsGone, write
    from headstart.collector.store.database import open_readers

    engine = open_readers(where)
    try:
        with open(target, "r+b") as file:
            write(engine, run_id, table, file, export_format)
        return True
    except RecordsGone:
        return False
    finally:
        engine.dispose()
