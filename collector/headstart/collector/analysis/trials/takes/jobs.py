"""What the jobs of a batch program took, one value per trial."""

from collections.abc import Callable, Sequence
from statistics import median

from headstart.collector.analysis.trials.takes.trial_data import Take, TrialData
from headstart.v1.records_pb2 import Job
from headstart.words import metrics
from headstart.words.job_names import JobName
from headstart.words.metric import Metric


def _of(name: JobName | None, read: Callable[[Sequence[Job]], float]) -> Take:
    """None where the trial had no such job, or where a reading of one is missing (0)."""

    def take(data: TrialData) -> float | None:
        jobs = [job for job in data.trial.outcome.jobs if job.input == name]
        return (read(jobs) or None) if jobs else None

    return take


def _seconds(jobs: Sequence[Job]) -> float:
    return median(job.duration_seconds for job in jobs)


def _cpu_seconds(jobs: Sequence[Job]) -> float:
    read = [job.cpu_seconds for job in jobs]
    return median(read) if all(read) else 0.0


def _memory_bytes(jobs: Sequence[Job]) -> float:
    return float(max(job.high_water_bytes for job in jobs))


def _per_second(jobs: Sequence[Job]) -> float:
    total = sum(job.duration_seconds for job in jobs)
    return len(jobs) / total if total > 0 else 0.0


_READ: dict[Metric, Callable[[Sequence[Job]], float]] = {
    metrics.JOB: _seconds,
    metrics.JOBS_RATE: _per_second,
    metrics.JOB_CPU: _cpu_seconds,
    metrics.JOB_MEMORY: _memory_bytes,
    metrics.LONG_JOB: _seconds,
    metrics.LONG_JOB_CPU: _cpu_seconds,
    metrics.LONG_JOB_MEMORY: _memory_bytes,
}
TAKES: dict[Metric, Take] = {metric: _of(metric.job, read) for metric, read in _READ.items()}
