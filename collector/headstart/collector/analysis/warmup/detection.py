"""Where a trial's throughput is level, and where it was still warming up.

Barrett et al., "Virtual Machine Warmup Blows Hot and Cold" (OOPSLA 2017): the series
is cut where its mean or variance changes, segments that cannot be told apart are one
level, and what lies after the last change of level is the steady state, if enough of
it was seen. Two things differ from theirs: a server's warm-up is a smooth climb rather
than a staircase, so a steady part must also be free of a trend; and the bounds are
ratios, because bounds in units of time give another answer in another unit.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from headstart.collector.analysis.statistics.trend import EQUIVALENCE, Floats, swell_of, trend_of
from headstart.collector.findings import Shape

# Of this many windows a segment consists at least.
MINIMUM_SEGMENT = 5
# A difference of levels within 2.58 standard errors is not one either (99 %).
_LEVEL_ERRORS = 2.58
# After a change of level a trend counts from 1.64 standard errors on (90 %): there,
# calling a climb steady is the worse mistake.
_TREND_ERRORS = 1.64
# Of the load the steady part must be at least this share (Barrett et al.: a quarter).
# With a quarter, a climb of which 10 % were still to come was called steady in 21 % of
# simulated trials (time constant 15 s, load of 30 s, noise 2 %); with a third, in 3 %.
_STEADY_SHARE = 1 / 3
# Of this many cells, 5 s of a load of 20 s and more, the first seconds are. Cutting the series
# finds a short step of 6 % in noise of 2 % in none of its places: its penalty is for all of them.
_FIRST_CELLS = MINIMUM_SEGMENT
# Windows of a constant rate differ by a request or two.
_RISE = 1.2
# Below half a percent windows are taken to be alike: counts are whole numbers, and a
# variance of zero would make any later change infinitely improbable.
_VARIANCE_FLOOR = 0.005
# Costs are taken for so many ends at a time: few calls, and few of them in memory.
_ROWS = 64

Integers = npt.NDArray[np.int64]


UNDETERMINED = "varied too much to tell"


@dataclass(frozen=True)
class Course:
    """`steady_from` is the first window of the steady part; None where there is none."""

    shape: Shape
    steady_from: int | None
    # Why there is no steady part, as a predicate; empty where there is one.
    reason: str = ""

    @property
    def is_told(self) -> bool:
        """False where the windows vary too much for any claim, also for "no steady state"."""
        return self.reason != UNDETERMINED

    @property
    def is_seen(self) -> bool:
        """Whether there was a series that a course could show in."""
        return self.shape not in (Shape.TOO_SHORT, Shape.NO_SERIES, Shape.RISING_RATE)


def course_of(throughput: Floats) -> Course:
    """Classify a series of equally wide windows; scale-free, so the unit does not matter."""
    windows = len(throughput)
    if windows < 2 * MINIMUM_SEGMENT:
        return Course(Shape.TOO_SHORT, None, "had not been seen for long enough")
    if not np.isfinite(throughput).all() or throughput.min() < 0 or throughput.max() == 0:
        return Course(Shape.NO_STEADY_STATE, None, "served nothing")
    starts = changepoints(throughput)
    swell = swell_of(throughput, starts)
    whole = trend_of(throughput, swell)
    if len(starts) == 1 and not whole.shows(_LEVEL_ERRORS):
        if whole.is_none(_LEVEL_ERRORS):
            return _flat_or_first_seconds(throughput)
        # A search for a level part would find one, and call what chance put before it a change.
        return Course(Shape.NO_STEADY_STATE, None, UNDETERMINED)
    for start in range(_last_level(throughput, starts), _latest(windows) + 1):
        if trend_of(throughput[start:], swell).is_none(_TREND_ERRORS):
            found = _settled(throughput, start)
            return _flat_or_first_seconds(throughput) if found.shape is Shape.FLAT else found
    # One line from end to end that shows for all its memory: the memory is the line's own bend.
    bent = len(starts) == 1
    return Course(Shape.NO_STEADY_STATE, None, _ending(throughput, 1.0 if bent else swell))


def course_from(throughput: Floats, joint: Course) -> Course | None:
    """The course of a series that is known from elsewhere to have this course, with a steady part.

    None: it changed its own level too late for that. `throughput` as in `course_of`.
    """
    start = max(joint.steady_from or 0, _last_level(throughput, changepoints(throughput)))
    if start > _latest(len(throughput)):
        return None
    own = _settled(throughput, start)
    # A change that its own noise hides is there all the same.
    hidden = own.shape is Shape.FLAT and joint.shape in (Shape.WARMUP, Shape.SLOWDOWN)
    return Course(joint.shape, start) if hidden else own


def rises(offered: list[float]) -> bool:
    """Whether a rate was made to rise: the second half of the windows against the first."""
    half = len(offered) // 2
    first, second = sum(offered[:half]), sum(offered[half : 2 * half])
    return second > _RISE * first


def changepoints(series: Floats) -> list[int]:
    """First indices of the segments of the optimal partition; always begins with 0.

    Cost: -2 log likelihood of a normal distribution of its own mean and variance in
    each segment; penalty 15 ln n per segment (Barrett et al.). The optimum is the one
    that PELT (Killick et al. 2012) finds; at the hundreds of windows of a load its
    pruning costs more than it saves.
    """
    # A trial's series is cut for itself, and again when all trials are judged together.
    return list(_cut(np.ascontiguousarray(series, dtype=np.float64).tobytes()))


@lru_cache(maxsize=1024)
def _cut(series_bytes: bytes) -> tuple[int, ...]:
    series = np.frombuffer(series_bytes)
    count = len(series)
    scaled = series / series.mean()
    sums = np.concatenate(([0.0], np.cumsum(scaled)))
    squares = np.concatenate(([0.0], np.cumsum(scaled**2)))
    penalty = 15 * math.log(count)
    best = np.full(count + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(count + 1, dtype=np.int64)
    for first in range(MINIMUM_SEGMENT, count + 1, _ROWS):
        ends = np.arange(first, min(first + _ROWS, count + 1))
        costs = _costs(sums, squares, ends) + penalty
        for row, end in enumerate(ends):
            begins = end - MINIMUM_SEGMENT + 1
            cost = best[:begins] + costs[row, :begins]
            chosen = int(cost.argmin())
            best[end] = cost[chosen]
            previous[end] = chosen
    starts = []
    at = count
    while at > 0:
        at = int(previous[at])
        starts.append(at)
    return tuple(starts[::-1])


def _costs(sums: Floats, squares: Floats, ends: Integers) -> Floats:
    """Of the segments from each window (a column) to each of these ends (a row).

    Columns that are no segment of an end hold anything.
    """
    begins = np.arange(ends[-1] - MINIMUM_SEGMENT + 1)
    length = np.maximum(ends[:, None] - begins, 1).astype(np.float64)
    mean = sums[ends, None] - sums[begins]
    mean /= length
    variance = squares[ends, None] - squares[begins]
    variance /= length
    variance -= mean * mean
    np.maximum(mean, 1e-9, out=mean)
    mean *= _VARIANCE_FLOOR
    mean *= mean
    np.maximum(variance, mean, out=variance)
    np.log(variance, out=variance)
    variance += 1
    variance *= length
    return np.asarray(variance)


def equivalent(one: Floats, other: Floats) -> bool:
    """Whether two levels are one: within 2 %, or not to be told apart by their noise."""
    means = float(one.mean()), float(other.mean())
    largest = max(means)
    if largest <= 0:
        return True
    error = math.sqrt(_noise(one) / len(one) + _noise(other) / len(other))
    return abs(means[0] - means[1]) <= max(EQUIVALENCE * largest, _LEVEL_ERRORS * error)


def _last_level(throughput: Floats, starts: list[int]) -> int:
    """The first window of the segments before the end that are one level."""
    segments = np.split(throughput, starts[1:])
    first = len(segments) - 1
    while first > 0 and equivalent(segments[first - 1], segments[-1]):
        first -= 1
    return starts[first]


def _latest(windows: int) -> int:
    """The last window at which a steady part that is long enough may begin."""
    return windows - max(MINIMUM_SEGMENT, math.ceil(_STEADY_SHARE * windows))


def _noise(part: Floats) -> float:
    """Variance of the windows without that of a trend: from successive differences.

    Von Neumann 1941. A climb's own variance would make it equivalent to anything.
    """
    if len(part) < 2:
        return 0.0
    successive = float(np.mean(np.diff(part) ** 2)) / 2
    return min(successive, float(part.var(ddof=1)))


def _settled(throughput: Floats, start: int) -> Course:
    before, steady = throughput[:start], throughput[start:]
    if len(before) == 0 or equivalent(before, steady):
        return Course(Shape.FLAT, 0)
    rose = before.mean() < steady.mean()
    return Course(Shape.WARMUP if rose else Shape.SLOWDOWN, start)


def _flat_or_first_seconds(throughput: Floats) -> Course:
    """`flat`, unless the first seconds by themselves are surely (99 %) more than 2 % off the rest.

    The noise is that of the rest alone, and grows by its memory as a trend's error does.
    """
    flat = Course(Shape.FLAT, 0)
    first, rest = throughput[:_FIRST_CELLS], throughput[_FIRST_CELLS:]
    if len(rest) < 2 * _FIRST_CELLS or rest.mean() <= 0:
        return flat
    swell = swell_of(rest, [0])
    error = swell * float(rest.std(ddof=1)) * math.sqrt(1 / len(first) + 1 / len(rest))
    off = abs(float(first.mean() - rest.mean())) - _LEVEL_ERRORS * error
    if off <= EQUIVALENCE * float(rest.mean()):
        return flat
    for start in range(_FIRST_CELLS, _latest(len(throughput)) + 1):
        if trend_of(throughput[start:], swell).is_none(_TREND_ERRORS):
            slower = first.mean() < rest.mean()
            return Course(Shape.WARMUP if slower else Shape.SLOWDOWN, start)
    return flat


def _ending(throughput: Floats, swell: float) -> str:
    """How it ended, in words: its last third."""
    trend = trend_of(throughput[-max(MINIMUM_SEGMENT, len(throughput) // 3) :], swell)
    if trend.shows(_TREND_ERRORS):
        return "was still rising" if trend.change > 0 else "was still falling"
    return "had not settled" if trend.is_none(_TREND_ERRORS) else UNDETERMINED
