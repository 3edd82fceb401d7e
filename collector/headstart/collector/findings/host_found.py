"""What a result says of the host on which its run was measured."""

from dataclasses import dataclass
from enum import StrEnum


class AdviceGrade(StrEnum):
    """How much something about a host spoils measurements."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    # Could not be read.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fact:
    """A property, as a reader sees it, such as "governor" and "performance"."""

    name: str
    value: str


@dataclass(frozen=True)
class HostAdvice:
    """One thing about the host that is good for measurements, or spoils them."""

    level: AdviceGrade
    # Such as "governor".
    code: str
    # What was found and, where something can be done about it, what.
    text: str


@dataclass(frozen=True)
class HostCheck:
    """The latest A/A run of a host: one variant under two names."""

    run_id: str
    experiment: str
    passed: bool
    ended_unix_seconds: float
    # Metrics that had a verdict, and the titles of those that differed.
    verdicts: int
    differing: tuple[str, ...] = ()
    # The true difference, as a share, that it would find in 9 of 10 in at least half of its
    # headline metrics; None: not known.
    detectable: float | None = None
    # False: too few blocks, or too much noise, to say anything of the host.
    tells: bool = True


@dataclass(frozen=True)
class RunHost:
    """The host of a run."""

    name: str
    # Alike for hosts of the same hardware and settings: only their figures are comparable.
    fingerprint: str
    cpu_model: str
    facts: tuple[Fact, ...]
    advice: tuple[HostAdvice, ...]
    # Whether the run's start described another machine than the agent's hello did.
    changed: bool = False
    # The host's latest A/A run, as of the report; None: there was none.
    check: HostCheck | None = None
