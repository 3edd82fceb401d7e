"""Figures of a run and the verdicts on them."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """A variant's metric against the baseline's, with a margin."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    # Nothing to compare: a side has no valid value; the reason says why.
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Interval:
    """A confidence interval, 95 % unless said otherwise."""

    low: float
    high: float


@dataclass(frozen=True)
class Metric:
    """One entry of the catalogue in `catalogue`."""

    # Such as "startup_seconds"; the unit is its last word.
    name: str
    title: str
    unit: str
    lower_is_better: bool
    # Default margin of equivalence, as a ratio: 0.05 = 5 %.
    margin: float
    description: str
    # The ratio of medians or, for throughput, of means.
    center: str = "median"
    # The same in every trial by nature (bytes of an image): compared without statistics.
    exact: bool = False
    # False: shown as it is; a ratio of it means nothing (it may rightly be zero).
    compared: bool = True
    # Whether `blocks: auto` goes on until its verdict is decided.
    headline: bool = False
    # What is repeated to measure it again: a trial of each block, or a build.
    replicate: str = "trial"


class Basis(StrEnum):
    """What the trials behind a figure or a comparison are worth."""

    VALID = "valid"
    # Fewer than three were valid, so that flagged ones were taken in as well.
    FLAGGED = "flagged"


@dataclass(frozen=True)
class Figure:
    """One metric of one variant of one run: the valid trials and their middle."""

    metric: str
    variant: str
    # One value per valid trial, with its block; same length.
    values: tuple[float, ...]
    blocks: tuple[int, ...]
    # Trials that had the value but were left out as invalid.
    excluded: int
    center: float | None
    # Of a memory floor: its bracket.
    interval: Interval | None
    # Of 20 trials or more.
    p95: float | None = None
    # The values that were left out, for plots that show them as such.
    excluded_values: tuple[float, ...] = ()
    basis: Basis = Basis.VALID


@dataclass(frozen=True)
class Comparison:
    """One metric of one variant against the baseline."""

    metric: str
    variant: str
    baseline: str
    verdict: Verdict
    # variant / baseline; None when unavailable.
    ratio: float | None
    interval: Interval | None
    margin: float
    # Blocks in which both sides had a valid value.
    blocks: int
    reason: str = ""
    # Of the interval at this look. A plan that stops when decided looks up to four
    # times and takes each interval wider, so that all of them hold together with 95 %.
    confidence: float = 0.95
    basis: Basis = Basis.VALID
