"""What analysis finds of a batch program's jobs over their length, as plain data."""

from dataclasses import dataclass
from enum import StrEnum

from headstart.words.job_names import JobName


class JobOvertaking(StrEnum):
    """Whether the slower starter makes up for its start as jobs grow longer."""

    # Behind at the shorter job, ahead at the longer one.
    BETWEEN = "between the jobs"
    # No longer behind at the shortest job that was measured.
    ALREADY = "at the shortest job"
    # Behind at the longest job that was measured; nothing is said of longer ones.
    NEVER = "not within the longest job"
    # At the longest job the two do not differ for sure.
    OPEN = "open"
    # Neither starts first for sure: there is nothing to catch up with.
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class JobBreakEven:
    """From which length of job on the late starter is no slower than the early one.

    A job's length is the time that the early variant takes for it. `seconds_low` is None
    where there is no interval, `seconds_high` also where it reaches beyond the longest job.
    """

    variant: str
    baseline: str
    # Who starts first, and who has to catch up.
    early: str
    late: str
    # Blocks in which both have all jobs.
    blocks: int
    outcome: JobOvertaking
    # The jobs, and what the early variant took for them.
    shortest_job: JobName
    shortest_seconds: float
    longest_job: JobName
    longest_seconds: float
    # Time of late / early at the longest job; of ALREADY at the shortest.
    ratio: float
    ratio_low: float | None = None
    ratio_high: float | None = None
    # Of BETWEEN alone.
    seconds: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
