"""Intervals of a figure, of a ratio paired by block, and of a change between two runs.

Pure functions of the values and the confidence: the same values give the same interval,
digit by digit. docs/METHODOLOGY.md derives each, with its coverage.

Order statistics and signed ranks are monotone in every value. Student's t of few blocks is
not: as one value grows its interval may grow on both sides. `ratio_bounds` carries values that
are only known between two bounds through both, exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from headstart.collector.analysis.statistics.ranks import (
    sign_ends,
    signed_rank_ends,
    walsh_averages,
)
from headstart.collector.analysis.statistics.student import student_quantile
from headstart.collector.findings import Interval

Floats = npt.NDArray[np.float64]

# Fewer blocks give a ratio and no interval.
MINIMUM_BLOCKS = 3
# How far below the asked one a figure's level may lie: five values, 93.75 of 95 %.
_SHORTFALL = 0.0125
# Of two runs, the share of values at either end that is left out.
_TRIMMED = 0.1


def least_values(confidence: float) -> int:
    """How many values a figure takes for an interval: 5 for 95 %, 7 for 98.75 %."""
    count = 1
    while 1 - 2 ** (1 - count) < confidence - _SHORTFALL - 1e-9:
        count += 1
    return count


def figure_level(count: int, confidence: float) -> float | None:
    """How often the interval of so many values holds the median; None: they have none.

    The one asked for, or that of the whole range, where that is a little less.
    """
    whole = 1 - 2.0 ** (1 - count)
    return min(whole, confidence) if count >= least_values(confidence) else None


def figure_interval(values: Sequence[float] | Floats, confidence: float) -> Interval | None:
    """Of the median of one variant's trials, whatever their distribution; see `figure_level`."""
    level = figure_level(len(values), confidence)
    if level is None:
        return None
    ends = sign_ends(np.asarray(values, dtype=float), level)
    return None if ends is None else Interval(*ends)


def ratio_interval(
    variant: Sequence[float] | Floats, baseline: Sequence[float] | Floats, confidence: float
) -> tuple[float, Interval | None]:
    """variant / baseline, from the ratios of the blocks: positive values, paired by block.

    The signed-rank interval of their logarithms where there are enough blocks for the
    confidence (6 for 95 %, 8 for 98.75 %), around the Hodges-Lehmann estimate; Student's t
    around the geometric mean of fewer; no interval of one or two.
    """
    logs = np.log(np.asarray(variant, dtype=float)) - np.log(np.asarray(baseline, dtype=float))
    estimate, ends = _centre(logs, confidence)
    return math.exp(estimate), _exponential(ends)


def ratio_bounds(
    variant: Sequence[tuple[float, float]],
    baseline: Sequence[tuple[float, float]],
    confidence: float,
) -> Interval | None:
    """All that `ratio_interval` can become while each value lies between its two bounds.

    The ends of the signed-rank interval are monotone: it is enough to take the bounds. Those
    of Student's t are concave and convex functions of the logarithms, and so have their
    extremes where every value is at one of its bounds: few blocks, all corners.
    """
    low = np.array(
        [math.log(v[0]) - math.log(b[1]) for v, b in zip(variant, baseline, strict=True)]
    )
    high = np.array(
        [math.log(v[1]) - math.log(b[0]) for v, b in zip(variant, baseline, strict=True)]
    )
    if _has_ranks(len(low), confidence):
        corners = [low, high]
    else:
        choices = [sorted({first, last}) for first, last in zip(low, high, strict=True)]
        corners = [np.array(corner) for corner in product(*choices)]
    found = [ends for corner in corners if (ends := _centre(corner, confidence)[1])]
    if not found:
        return None
    return _exponential((min(end[0] for end in found), max(end[1] for end in found)))


def change_interval(
    before: Sequence[float] | Floats, after: Sequence[float] | Floats, confidence: float
) -> tuple[float, Interval | None]:
    """after / before of positive values that nothing pairs: two runs.

    Trimmed means of the logarithms, each side with a variance of its own (Yuen 1974; with
    fewer than ten values, where nothing is trimmed, Welch 1947). Both need three values.
    """
    sides = [np.log(np.asarray(values, dtype=float)) for values in (before, after)]
    first, second = (_trimmed(side) for side in sides)
    estimate = second.mean - first.mean
    if min(len(side) for side in sides) < MINIMUM_BLOCKS:
        return math.exp(estimate), None
    variance = first.variance + second.variance
    half = 0.0
    if variance > 0:
        weights = first.variance**2 / first.freedom + second.variance**2 / second.freedom
        quantile = student_quantile((1 + confidence) / 2, variance**2 / weights)
        half = quantile * math.sqrt(variance)
    return math.exp(estimate), _exponential((estimate - half, estimate + half))


@dataclass(frozen=True)
class _Trimmed:
    """A trimmed mean, the variance of it, and its degrees of freedom."""

    mean: float
    variance: float
    freedom: int


def _trimmed(values: Floats) -> _Trimmed:
    ordered, count = np.sort(values), len(values)
    cut = int(_TRIMMED * count)
    kept = count - 2 * cut
    mean = float(ordered[cut : count - cut].mean())
    if kept < 2:  # a variance takes two values
        return _Trimmed(mean, 0.0, 1)
    winsorised = np.clip(ordered, ordered[cut], ordered[count - cut - 1])
    squares = float(winsorised.var(ddof=1)) * (count - 1)
    return _Trimmed(mean, squares / (kept * (kept - 1)), kept - 1)


def _has_ranks(count: int, confidence: float) -> bool:
    """Whether the whole range of Walsh averages holds the centre often enough."""
    return 2.0 ** (1 - count) <= (1 - confidence) * (1 + 1e-9)


def _centre(logs: Floats, confidence: float) -> tuple[float, tuple[float, float] | None]:
    if _has_ranks(len(logs), confidence):
        return float(np.median(walsh_averages(logs))), signed_rank_ends(logs, confidence)
    estimate = float(logs.mean())
    if len(logs) < MINIMUM_BLOCKS:
        return estimate, None
    error = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    half = student_quantile((1 + confidence) / 2, len(logs) - 1) * error
    return estimate, (estimate - half, estimate + half)


def _exponential(ends: tuple[float, float] | None) -> Interval | None:
    return None if ends is None else Interval(math.exp(ends[0]), math.exp(ends[1]))
