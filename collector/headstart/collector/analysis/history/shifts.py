"""Whether the newest point of a series completes a shift: a lasting change of its level.

A series is one figure of one variant on one kind of host, revision by revision. Its newest
point is judged once, with what came before it and nothing later. Two methods must agree: a
change point that is young enough (`change_points`), and a vote of the points since then
against those before (Mann & Whitney 1947, exact; Hodges & Lehmann 1963 for the size).
bench/regressions.py holds how often they are wrong together.

What does not vary (bytes of an image) has a level, and whatever leaves it shifts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.collector.analysis.statistics.change_points import Floats, change_points
from headstart.words.metrics import threshold_of

# Points that are looked at, the newest included.
LOOKED_AT = 50
# Of the vote: the least since the change point, the most before it.
_AFTER = 5
_BEFORE = 20
_P = 0.001
# A change point that is older was judged when it was young.
_OLDEST = 15
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


def judge(values: Sequence[float], margin: float) -> Shift | None:
    """The shift that the newest of `values` completes or belongs to, if there is one.

    None also for fewer than FEWEST_POINTS. Values are positive; `begin` counts in `values`.
    """
    skipped = max(0, len(values) - LOOKED_AT)
    series = np.array(values[skipped:], dtype=np.float64)
    if len(series) < FEWEST_POINTS or not np.all(np.isfinite(series)) or series.min() <= 0:
        return None
    logs = np.log(series)
    for begin in reversed(change_points(logs)):
        if len(logs) - begin > _OLDEST:
            break
        before, after = logs[max(0, begin - _BEFORE) : begin], logs[begin:]
        vote = _vote(before, after)
        if vote is not None and _exceeds(vote, threshold_of(margin)):
            return Shift(
                begin=skipped + begin,
                before=math.exp(float(np.median(before))),
                after=math.exp(float(np.median(after))),
                ratio=math.exp(vote),
            )
    return None


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


def same_shift(one: Shift, other: Shift) -> bool:
    """Whether two judgements of one series, some points apart, found the same shift."""
    return abs(one.begin - other.begin) <= _APART and (one.ratio > 1) == (other.ratio > 1)


def taken_back(since: Sequence[float], before: float, after: float) -> bool:
    """Whether a shift is over, from the points since it began: the last five are all nearer
    to the level before it than to its own.

    The vote cannot see this soon: what it compares with is a mixture of both levels.
    """
    middle = math.sqrt(before * after)
    last = since[-_AFTER:]
    return len(last) == _AFTER and all((v < middle) == (before < middle) for v in last)


def _exceeds(log_ratio: float, threshold: float) -> bool:
    return abs(log_ratio) > math.log1p(threshold)


def _vote(before: Floats, after: Floats) -> float | None:
    """Log ratio of the points after a change point to those before.

    None: too few of them, or they do not differ.
    """
    from scipy.stats import mannwhitneyu

    if len(after) < _AFTER:
        return None
    if mannwhitneyu(after, before, method="exact").pvalue >= _P:
        return None
    return float(np.median(after[:, None] - before[None, :]))
