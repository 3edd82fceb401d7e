import pytest

from headstart.collector.analysis.trials.figures import readings_of
from headstart.collector.analysis.trials.takes import TrialData
from headstart.collector.analysis.trials.takes.jobs import TAKES
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity
from headstart.v1.records_pb2 import Flag, FlagEffect, Job, Startup, TrialOutcome
from headstart.words import metrics
from headstart.words.metric import Metric


def trial(*jobs: Job) -> Trial:
    return Trial(TrialOutcome(trial=1, jobs=jobs))


def taken(metric: Metric, of: Trial) -> float | None:
    return TAKES[metric](TrialData(of, load=None, load_planned=False))


def job(seconds: float, name: str = "short", cpu: float = 1.0, memory: int = 10) -> Job:
    return Job(input=name, duration_seconds=seconds, cpu_seconds=cpu, high_water_bytes=memory)


def test_a_trial_counts_with_the_median_time_and_the_largest_memory_of_its_repetitions() -> None:
    found = trial(job(1.0, memory=30), job(2.0, cpu=3.0, memory=40), job(9.0, cpu=2.0, memory=20))

    assert taken(metrics.JOB, found) == 2.0
    assert taken(metrics.JOB_CPU, found) == 2.0
    assert taken(metrics.JOB_MEMORY, found) == 40


def test_jobs_per_second_are_those_done_one_after_another() -> None:
    assert taken(metrics.JOBS_RATE, trial(job(1.0), job(3.0))) == pytest.approx(0.5)


def test_short_and_long_jobs_are_kept_apart() -> None:
    found = trial(job(1.0), job(60.0, name="long"))

    assert taken(metrics.JOB, found) == 1.0
    assert taken(metrics.LONG_JOB, found) == 60.0
    assert taken(metrics.LONG_JOB, trial(job(1.0))) is None


def test_cpu_time_that_was_not_read_in_a_repetition_is_no_figure() -> None:
    assert taken(metrics.JOB_CPU, trial(job(1.0), job(1.0, cpu=0.0), job(1.0, cpu=0.0))) is None


def test_a_late_stamp_of_a_jobs_exit_spoils_the_times_of_jobs_and_nothing_else() -> None:
    late = Flag(code="exit-stamps-disagree", effect=FlagEffect.FLAG_EFFECT_LOAD_INVALID)
    startup = Startup(
        exec_monotonic_ns=1, first_correct_response_monotonic_ns=10**9, cpu_seconds=0.5
    )
    outcome = TrialOutcome(
        trial=1, variant="v", startup=startup, jobs=[job(1.0), job(2.0, "long")], flags=[late]
    )
    found, _ = readings_of([Trial(outcome)], {}, load_planned=False)
    flagged = {name for (name, _), (one,) in found.items() if one.validity is Validity.FLAGGED}

    assert flagged == {metrics.JOB.name, metrics.JOBS_RATE.name, metrics.LONG_JOB.name}
    assert {name for name, _ in found} > flagged | {metrics.STARTUP.name, metrics.JOB_CPU.name}
