"""What the jobs of a batch program took, one value per trial."""

from collections.abc import Callable, Sequence
from statistics import median

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.v1.records_pb2 import Job

Take = Callable[[Trial], float | None]


def _of(name: str, take: Callable[[Sequence[Job]], float]) -> Take:
    """None where the trial had no such job, or where a reading of one is missing (0)."""

    def taken(trial: Trial) -> float | None:
        jobs = [job for job in trial.outcome.jobs if job.input == name]
        return (take(jobs) or None) if jobs else None

    return taken


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


TAKEN: dict[str, Take] = {
    "job_seconds": _of("short", _seconds),
    "jobs_per_second": _of("short", _per_second),
    "job_cpu_seconds": _of("short", _cpu_seconds),
    "job_memory_bytes": _of("short", _memory_bytes),
    "long_job_seconds": _of("long", _seconds),
    "long_job_cpu_seconds": _of("long", _cpu_seconds),
    "long_job_memory_bytes": _of("long", _memory_bytes),
}

# By the clock, which a late stamp of the exit spoils.
TIMES = frozenset({"job_seconds", "jobs_per_second", "long_job_seconds"})
