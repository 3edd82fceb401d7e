"""Which lasting changes of level a series has, as of its newest point.

A series is one figure of one variant on one kind of host, revision by revision. Each new
point is a new look at all points that are looked at, so that a level that could not be told
when it was young is told when it is old. Two methods must agree: a change point
(`change_points`), and a vote of the points since then against those before (Mann & Whitney
1947, exact; Hodges & Lehmann 1963 for the size). bench/regressions.py holds how often they
are wrong together.

What does not vary (bytes of an image) has a level, and whatever leaves it shifts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart.collector.analysis.statistics.change_points import Floats, change_points
from headstart.words.metrics import threshold_of

# Points that are looked at, the newest included. No level older than that can be told: as
# many looks have not told it before.
LOOKED_AT = 100
# Of the vote: the least since the change point, the most before it.
_AFTER = 5
_BEFORE = 20
_P = 0.001
# Noise moves the begin of one and the same shift by a few points from look to look.
_APART = 5
# Of fewer, no split can give such a p: 2 / C(14, 5) = 0.000999.
FEWEST_POINTS = 14


@dataclass(frozen=True)
class Shift:
    """`begin`: index of the first point of the new level. Values are in the series' unit."""

    begin: int
    before: float
    after: float
    # after / before, by Hodges & Lehmann; the median of all ratios.
    ratio: float
    # Its 95 % interval, of all ratios those that the vote could not tell from none; 0: exact.
    low: float = 0.0
    high: float = 0.0


def lasting_shifts(values: Sequence[float], margin: float) -> list[Shift]:
    """Every shift that the series shows up to its newest point, the oldest first.

    None of fewer than FEWEST_POINTS. Values are positive; `begin` counts in `values`.
    """
    skipped = max(0, len(values) - LOOKED_AT)
    series = np.array(values[skipped:], dtype=np.float64)
    if len(series) < FEWEST_POINTS or not np.all(np.isfinite(series)) or series.min() <= 0:
        return []
    logs = np.log(series)
    begins = change_points(logs)
    levels = [float(np.median(level)) for level in np.split(logs, begins)][1:]
    found = [
        _shift(logs, begin, levels[place:], math.log1p(threshold_of(margin)))
        for place, begin in enumerate(begins)
    ]
    return [replace(each, begin=skipped + each.begin) for each in found if each is not None]


def _shift(logs: Floats, begin: int, levels: Sequence[float], threshold: float) -> Shift | None:
    """The shift at a change point, if it lasts; `levels` are those from there to the newest."""
    before, after = logs[max(0, begin - _BEFORE) : begin], logs[begin:]
    if len(after) < _AFTER:
        return None
    ratios = np.sort((after[:, None] - before[None, :]).ravel())
    ratio = float(np.median(ratios))
    old = float(np.median(before))
    least = min(math.copysign(1, ratio) * (level - old) for level in (old + ratio, *levels))
    if least <= threshold or not _differ(before, after):
        return None
    outside = _outside(len(before), len(after))
    low, high = math.exp(ratios[outside]), math.exp(ratios[-1 - outside])
    shift = Shift(
        begin, math.exp(old), math.exp(float(np.median(after))), math.exp(ratio), low, high
    )
    return None if taken_back(np.exp(after).tolist(), shift.before, shift.after) else shift


def judge_exact(values: Sequence[float], margin: float) -> Shift | None:
    """The shift that the newest value is, of a figure that does not vary.

    A level is left when a value differs from it by more than the margin, in one step or
    in many small ones; that value is the next level. Values are positive.
    """
    if not values:
        return None
    level = previous = values[0]
    begin = 0
    for index, value in enumerate(values):
        if abs(math.log(value / level)) > math.log1p(margin):
            previous, level, begin = level, value, index
    if begin == 0 or begin != len(values) - 1:
        return None
    return Shift(begin=begin, before=previous, after=level, ratio=level / previous)


def is_new(shift: Shift, told: Sequence[Shift], values: Sequence[float]) -> bool:
    """Whether a shift of a series is none of those that were told before.

    Noise moves the begin of one and the same. One that begins elsewhere is not new either
    when it leads across the same middle as an earlier one whose level still held: between
    them nothing happened.
    """
    return not any(
        same_shift(shift, earlier)
        or (_leads_alike(shift, earlier) and not _was_over(earlier, values[: shift.begin]))
        for earlier in told
    )


def same_shift(one: Shift, other: Shift) -> bool:
    """Whether two judgements of one series, some points apart, found the same shift."""
    return abs(one.begin - other.begin) <= _APART and (one.ratio > 1) == (other.ratio > 1)


def takes_back(later: Shift, earlier: Shift) -> bool:
    """Whether a later shift ends an earlier one: it leads back by more than half."""
    middle = math.sqrt(earlier.before * earlier.after)
    opposite = (later.ratio > 1) != (earlier.ratio > 1)
    back = (later.after < middle) == (earlier.before < middle)
    return opposite and later.begin > earlier.begin and back


def _was_over(earlier: Shift, values: Sequence[float]) -> bool:
    """Whether its level had held, and was left again, at the last of `values`."""
    middle = math.sqrt(earlier.before * earlier.after)
    since = values[earlier.begin :]
    held = sum((value < middle) == (earlier.after < middle) for value in since)
    return held >= _AFTER and taken_back(since, earlier.before, earlier.after)


def _leads_alike(one: Shift, other: Shift) -> bool:
    middle = math.sqrt(other.before * other.after)
    return all(
        (end < middle) == (other_end < middle)
        for end, other_end in ((one.before, other.before), (one.after, other.after))
    )


def taken_back(since: Sequence[float], before: float, after: float) -> bool:
    """Whether a shift is over, from the points since it began: the last five are all nearer
    to the level before it than to its own.

    The vote cannot see this soon: what it compares with is a mixture of both levels.
    """
    middle = math.sqrt(before * after)
    last = since[-_AFTER:]
    return len(last) == _AFTER and all((v < middle) == (before < middle) for v in last)


def _outside(before: int, after: int) -> int:
    """How many of all ratios lie below the interval, and above: the normal approximation of
    Mann & Whitney's statistic (Hollander & Wolfe 1999, 4.3)."""
    spread = math.sqrt(before * after * (before + after + 1) / 12)
    return max(0, math.floor(before * after / 2 - 1.96 * spread))


def _differ(before: Floats, after: Floats) -> bool:
    """Whether the points after a change point differ from those before."""
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu(after, before, method="exact").pvalue < _P)
