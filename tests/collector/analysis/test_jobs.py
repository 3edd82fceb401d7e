import pytest

from headstart.collector.analysis.jobs import TAKEN
from headstart.collector.analysis.trials import Trial
from headstart.v1.records_pb2 import Job, TrialOutcome


def trial(*jobs: Job) -> Trial:
    return Trial(TrialOutcome(trial=1, jobs=jobs))


def job(seconds: float, name: str = "short", cpu: float = 1.0, memory: int = 10) -> Job:
    return Job(input=name, duration_seconds=seconds, cpu_seconds=cpu, high_water_bytes=memory)


def test_a_trial_counts_with_the_median_time_and_the_largest_memory_of_its_repetitions() -> None:
    found = trial(job(1.0, memory=30), job(2.0, cpu=3.0, memory=40), job(9.0, cpu=2.0, memory=20))

    assert TAKEN["job_seconds"](found) == 2.0
    assert TAKEN["job_cpu_seconds"](found) == 2.0
    assert TAKEN["job_memory_bytes"](found) == 40


def test_jobs_per_second_are_those_done_one_after_another() -> None:
    assert TAKEN["jobs_per_second"](trial(job(1.0), job(3.0))) == pytest.approx(0.5)


def test_short_and_long_jobs_are_kept_apart() -> None:
    found = trial(job(1.0), job(60.0, name="long"))

    assert TAKEN["job_seconds"](found) == 1.0
    assert TAKEN["long_job_seconds"](found) == 60.0
    assert TAKEN["long_job_seconds"](trial(job(1.0))) is None


def test_cpu_time_that_was_not_read_in_a_repetition_is_no_figure() -> None:
    assert TAKEN["job_cpu_seconds"](trial(job(1.0), job(1.0, cpu=0.0), job(1.0, cpu=0.0))) is None
