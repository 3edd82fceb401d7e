"""Rows of trials, windows and samples from records that are not as usual."""

from dataclasses import replace
from typing import Any

import numpy as np

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.export.layout import METRICS, QUANTITY_NAMES
from headstart.collector.export.rows import Masked, Rows
from headstart.collector.export.sample_rows import sample_rows
from headstart.collector.export.trial_rows import Origin, trial_row
from headstart.collector.export.window_rows import window_rows
from headstart.v1.records_pb2 import (
    CheckOutcome,
    ExecStamp,
    Failure,
    FailureCode,
    Histogram,
    Job,
    LoadSummary,
    LoadWindow,
    LoadWindows,
    Quantity,
    SampleBatch,
    SampleColumn,
    Startup,
    TrialOutcome,
)
from headstart.words import metrics
from support.fake_runs import SECOND, Fake, host_facts, latencies

STARTED = Startup(
    exec_monotonic_ns=1000 * SECOND,
    first_correct_response_monotonic_ns=1001 * SECOND,
    exec_stamp=ExecStamp.EXEC_STAMP_GATE,
)


def origin(fake: Fake | None = None) -> Origin:
    return Origin((fake or Fake()).info(), host_facts())


def loaded(**summary: Any) -> Trial:
    """A trial of block 1 with ten seconds of load in two messages, the later one first."""
    outcome = TrialOutcome(trial=1, block=1, variant="jit", startup=STARTED)
    outcome.load.CopyFrom(LoadSummary(completed=1000, duration_seconds=10, **summary))
    parts = [
        [
            LoadWindow(
                start_us=n * 1_000_000,
                duration_us=1_000_000,
                completed=100,
                latency=latencies(100, 0.01),
            )
            for n in numbers
        ]
        for numbers in (range(5, 10), range(5))
    ]
    loads = [LoadWindows(trial=1, origin_monotonic_ns=1002 * SECOND, windows=w) for w in parts]
    return Trial(outcome, loads=loads)


def listed(rows: Rows, column: str) -> list[Any]:
    values = rows.columns[column]
    assert isinstance(values, list)
    return values


def test_windows_are_in_their_order_and_counted_from_load_and_from_exec() -> None:
    rows = window_rows(loaded(), {})

    assert rows.count == 10
    assert rows.columns["window"] == list(range(1, 11))
    assert rows.columns["begin_seconds"] == list(map(float, range(10)))
    assert rows.columns["begin_since_exec_seconds"] == [2.0 + n for n in range(10)]


def test_what_a_driver_does_not_count_is_null_and_a_zero_that_it_counted_is_zero() -> None:
    trial = loaded()
    rows = window_rows(trial, {})
    trial.loads[0].windows[0].sent = 7
    counted = window_rows(trial, {})

    assert listed(rows, "sent") == [None] * 10
    assert counted.columns["sent"] == [0, 0, 0, 0, 0, 7, 0, 0, 0, 0]
    assert listed(counted, "offered") == [None] * 10


def test_latency_is_null_where_nothing_was_answered_or_nothing_can_be_read() -> None:
    trial = loaded()
    trial.loads[1].windows[0].latency.CopyFrom(Histogram())
    trial.loads[1].windows[1].latency.CopyFrom(Histogram(index_delta=[1, 2], count=[1]))
    rows = window_rows(trial, {})

    assert listed(rows, "latency_count")[:2] == [0, None]
    for name in ("mean", "p50", "p90", "p99", "max"):
        values = listed(rows, f"latency_{name}_seconds")
        assert values[:2] == [None, None]
        assert values[2] is not None
        assert values[2] > 0


def test_a_reading_that_is_absent_is_no_zero() -> None:
    column = SampleColumn(quantity=Quantity.QUANTITY_THREADS, delta=[0, 5, 0], absent_rows=[0, 2])
    batch = SampleBatch(
        origin_monotonic_ns=1000 * SECOND, time_delta_us=[10, 20, 20], columns=[column]
    )
    rows = sample_rows(Trial(TrialOutcome(startup=STARTED)), batch, {})
    threads = rows.columns["threads"]

    assert isinstance(threads, Masked)
    assert threads.absent.tolist() == [True, False, True]
    assert threads.values[1] == 5
    assert rows.columns["since_exec_seconds"] == [10e-6, 30e-6, 50e-6]
    assert rows.shared["rss_bytes"] is None


def test_a_column_that_is_not_whole_is_not_measured() -> None:
    columns = [
        SampleColumn(quantity=Quantity.QUANTITY_RSS_BYTES, delta=[1]),
        SampleColumn(quantity=Quantity.QUANTITY_PROCESSES, delta=[1, 0]),
    ]
    batch = SampleBatch(time_delta_us=[10, 20], columns=columns)
    rows = sample_rows(Trial(TrialOutcome()), batch, {})

    assert rows.shared["rss_bytes"] is None
    assert isinstance(rows.columns["processes"], Masked)
    assert rows.shared["since_exec_seconds"] is None


def test_counters_keep_every_digit() -> None:
    large = (1 << 53) + 1
    column = SampleColumn(quantity=Quantity.QUANTITY_READ_BYTES, delta=[large])
    batch = SampleBatch(time_delta_us=[1], columns=[column])
    found = sample_rows(Trial(TrialOutcome()), batch, {}).columns["read_bytes"]

    assert isinstance(found, Masked)
    assert found.values.dtype == np.int64
    assert int(found.values[0]) == large


def test_every_quantity_has_a_column() -> None:
    assert set(QUANTITY_NAMES) == set(Quantity.values()) - {Quantity.QUANTITY_UNSPECIFIED}


def test_a_trial_that_died_under_load_has_no_figure_from_load() -> None:
    trial = loaded()
    trial.outcome.failure.CopyFrom(Failure(code=FailureCode.FAILURE_CODE_DIED, message="it died"))
    row = trial_row(origin(), trial, True)

    assert (row["outcome"], row["failure_message"], row["exit_status"]) == ("died", "it died", None)
    assert row["load_valid"] is None
    assert row[metrics.THROUGHPUT_FIRST.name] is None
    assert row[metrics.STARTUP.name] == 1.0
    assert row["load_completed"] == 1000


def test_wrong_answers_are_told_from_disturbed_ones() -> None:
    few, many = (trial_row(origin(), loaded(incorrect=n), True) for n in (1, 500))

    assert [row["load_valid"] for row in (few, many)] == [False, False]
    assert [row["answers_wrong"] for row in (few, many)] == [False, True]
    assert few["flags"] == ["incorrect-responses"]


def test_a_difference_from_the_baseline_counts_as_a_failed_check() -> None:
    trial = loaded()
    trial.checks.append(CheckOutcome(trial=1, check="GET /players"))
    row = trial_row(origin(), trial, True)

    assert (row["checks_failed"], row["trial_valid"], row["answers_wrong"]) == (1, False, True)
    assert row["flags"] == ["check-failed"]


def test_a_contradictory_figure_is_null() -> None:
    trial = loaded()
    trial.outcome.startup.first_correct_response_monotonic_ns = 1

    assert trial_row(origin(), trial, True)[metrics.STARTUP.name] is None


def test_the_jobs_of_a_batch_program_are_figures_of_its_trial() -> None:
    info = origin().info
    info.experiment.service.port = 0
    jobs = [Job(input="short", duration_seconds=s, high_water_bytes=9) for s in (1.0, 2.0, 4.0)]
    trial = Trial(TrialOutcome(trial=1, block=1, variant="jit", jobs=jobs))
    row = trial_row(replace(origin(), info=info), trial, True)

    assert (row["kind"], row[metrics.JOB.name], row[metrics.JOB_MEMORY.name]) == ("batch", 2.0, 9.0)
    assert row[metrics.JOB_CPU.name] is None


def test_every_metric_of_a_trial_is_a_column() -> None:
    names = {metric.name for metric in METRICS}

    assert {metrics.STARTUP.name, metrics.RATE_HELD.name, metrics.LONG_JOB.name} <= names
    assert names.isdisjoint(
        {metrics.BUILD.name, metrics.IMAGE_PULL.name, metrics.MEMORY_FLOOR.name}
    )


def test_what_stood_beside_an_app_is_lists_in_the_order_of_their_names() -> None:
    trial = loaded()
    trial.outcome.beside.add(name="db", cpu_seconds=1.5, memory_bytes=80, oom_kills=1)
    trial.outcome.beside.add(name="cache", ready_seconds=0.5)
    row = trial_row(origin(), trial, ended=True)

    assert {name: value for name, value in row.items() if name.startswith("beside")} == {
        "beside": ["db", "cache"],
        "beside_ready_seconds": [None, 0.5],
        "beside_cpu_seconds": [1.5, None],
        "beside_memory_bytes": [80, None],
        "beside_memory_peak_bytes": [None, None],
        "beside_oom_kills": [1, 0],
    }
