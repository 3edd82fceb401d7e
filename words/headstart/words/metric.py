"""What a metric is: the kinds of unit, of middle, of stage and of rank, and their one form."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from headstart.words.job_names import JobName


class Unit(StrEnum):
    """What a metric counts in; its name ends in it."""

    SECONDS = "seconds"
    BYTES = "bytes"
    PER_SECOND = "per_second"
    JOBS_PER_SECOND = "jobs_per_second"


class Stage(StrEnum):
    """The part of a run that a value comes from. Flags spoil parts of a trial."""

    # Wall-clock times of startup. CPU time of startup stands when these do not: that
    # is what it is for (it moves 10-15 % where wall times move twofold).
    STARTUP = "startup"
    LOAD = "load"
    # A load whose rate is made to rise.
    RAMP = "ramp"
    # Wall-clock times of a batch program's jobs.
    JOBS = "jobs"
    # What only a trial that is spoiled as a whole loses.
    ANY = "any"
    # Trials of its own, under ever tighter limits.
    FLOOR = "floor"
    BUILD = "build"
    IMAGE = "image"


class Rank(IntEnum):
    """How soon a metric is asked for: the only list of what is a headline."""

    # `blocks: auto` goes on until its verdict is decided; a report says it in a sentence.
    HEADLINE = 1
    # Shown wherever the main figures alone are.
    MAIN = 2
    FURTHER = 3


# A user who states no margin gets these: below them a difference is rarely worth a
# change of how one ships. Memory and startup vary more from build to build than
# steady throughput, whose usual target is "within 5 % of JIT" (dotnet/runtime 79003).
MARGIN = 0.05
MARGIN_TAIL = 0.10
# Of what does not vary.
MARGIN_IMAGE = 0.01


def series_of(name: str) -> str:
    """What a metric of this name is called in Prometheus."""
    return f"headstart_{name}"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure of a variant. All that shows, compares or exposes it reads it here."""

    # The unit is its last word.
    name: str
    title: str
    unit: Unit
    # One sentence for users: schema, exposition and docs have it from here.
    description: str
    stage: Stage
    rank: Rank = Rank.FURTHER
    lower_is_better: bool = True
    # Default margin of equivalence, as a ratio: 0.05 = 5 %.
    margin: float = MARGIN
    # The same in every trial by nature (bytes of an image): compared without statistics.
    exact: bool = False
    # False: shown as it is; a ratio of it means nothing (it may rightly be zero).
    compared: bool = True
    # Exists only for a trial that settled under load.
    steady: bool = False
    # The job of a batch program that it is of.
    job: JobName | None = None

    @property
    def series(self) -> str:
        """Its name in Prometheus."""
        return series_of(self.name)

    @property
    def headline(self) -> bool:
        """Whether a verdict on it is waited for."""
        return self.rank is Rank.HEADLINE

    @property
    def under_load(self) -> bool:
        """Whether there is none without load."""
        return self.stage in (Stage.LOAD, Stage.RAMP)

    @property
    def of_trials(self) -> bool:
        """Whether each trial of the plan may have a value; else an image, a build or a search."""
        return self.stage not in (Stage.FLOOR, Stage.BUILD, Stage.IMAGE)

    @property
    def replicate(self) -> str:
        """What is repeated to measure it again: a trial of each block, or a build."""
        return "build" if self.stage is Stage.BUILD else "trial"
