"""What memory was made of, and the floors of memory limits."""

from dataclasses import dataclass
from enum import StrEnum

from headstart.collector.findings.load import Series


class PhaseWord(StrEnum):
    """A phase of a trial, as `Phase` of the wire reads in words."""

    # From exec to the first correct response.
    STARTUP = "startup"
    # After it, without load.
    IDLE = "idle"
    LOAD = "load"
    # After load ended.
    SETTLED = "settled"


@dataclass(frozen=True)
class FloorStep:
    """One probe of a memory limit; `limit_bytes` 0: the reference, without a tight limit."""

    limit_bytes: int
    serves: bool
    reason: str
    throughput_per_second: float
    startup_seconds: float | None
    rss_peak_bytes: int
    cgroup_peak_bytes: int


@dataclass(frozen=True)
class MemoryFloor:
    """The smallest memory limit at which a variant serves, and how it was found."""

    variant: str
    # None: there is none, and `reason` says why.
    serves_bytes: int | None
    # Largest limit below that failed; None: it served at the smallest that is tried.
    fails_bytes: int | None
    reason: str
    reference_throughput_per_second: float
    # Less than this share of the reference's throughput is not serving.
    throughput_share: float
    load_seconds: float
    duration_seconds: float
    steps: tuple[FloorStep, ...]


@dataclass(frozen=True)
class PhaseSplit:
    """What a variant's memory was made of at a phase's end; medians over its trials.

    None: not measured. Peaks are those within the phase.
    """

    variant: str
    phase: PhaseWord
    trials: int
    # Sums over the processes; of shared pages PSS counts each process's part.
    rss_bytes: float | None
    rss_peak_bytes: float | None
    high_water_bytes: float | None
    pss_bytes: float | None
    uss_bytes: float | None
    # Of the control group.
    cgroup_bytes: float | None
    anonymous_bytes: float | None
    file_bytes: float | None
    kernel_bytes: float | None
    cgroup_peak_bytes: float | None
    processes: float | None
    threads: float | None


@dataclass(frozen=True)
class RunMemory:
    """The memory of a run's variants, beside the figures."""

    # Resident set over time.
    rss_series: tuple[Series, ...] = ()
    floors: tuple[MemoryFloor, ...] = ()
    phases: tuple[PhaseSplit, ...] = ()
