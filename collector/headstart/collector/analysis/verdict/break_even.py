"""When the slower starter has done as much work as the faster one, if ever.

W(t) is the number of correct responses until t seconds after exec, so that a slow start
counts: nothing is completed during it. Of two variants the one that answers first leads;
the other breaks even at the last time at which D(t) = W_late(t) - W_early(t), the mean over
blocks, turns from negative to not. From then on it is ahead for as long as was observed.

Beyond the observed time D goes on as a line of the steady rates, and only if both are known
and differ for sure: t = T - D(T) / (r_late - r_early). A curve that still climbs says
nothing about what comes.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    Floats,
    figure_interval,
    ratio_interval,
)
from headstart.collector.analysis.statistics.student import student_quantile
from headstart.collector.findings import BreakEven, Overtaking, WindowSeries

# Curves are compared in steps of the narrowest windows.
_STEP_SECONDS = 0.1
_CONFIDENCE = 0.95
# Throughput is level where its means over this long are: a second alone is mostly noise.
_LEVEL_SECONDS = 3.0


@dataclass(frozen=True)
class Work:
    """One trial's completed work: cumulated responses at ascending seconds from exec."""

    block: int
    startup_seconds: float
    seconds: Floats
    completed: Floats
    # None: it did not settle.
    steady_per_second: float | None = None


def work_of(series: WindowSeries, steady_per_second: float | None) -> Work | None:
    """None when the trial's exec was not stamped or it has no windows."""
    startup = series.startup_seconds
    if startup is None or startup < 0 or not series.start_seconds:
        return None
    starts = np.array(series.start_seconds)
    widths = np.array(series.width_seconds)
    completed = np.cumsum(np.array(series.throughput_per_second) * widths)
    return Work(
        block=series.block,
        startup_seconds=startup,
        seconds=startup + np.append(starts[0], starts + widths),
        completed=np.append(0.0, completed),
        steady_per_second=steady_per_second,
    )


def break_even(
    baseline: tuple[str, Sequence[Work]],
    variant: tuple[str, Sequence[Work]],
    *,
    margin: float,
) -> BreakEven | None:
    """None when no block has work of both.

    `margin` is within which throughputs are level. Trials that must not be extrapolated
    come without a steady rate.
    """
    pairs = _paired(baseline[1], variant[1])
    if not pairs:
        return None
    starts = np.array([(one.startup_seconds, other.startup_seconds) for one, other in pairs])
    baseline_leads = bool(np.median(starts[:, 0]) < np.median(starts[:, 1]))
    names = (baseline[0], variant[0]) if baseline_leads else (variant[0], baseline[0])
    race = _Race(pairs if baseline_leads else [(other, one) for one, other in pairs])
    found = BreakEven(
        variant=variant[0],
        baseline=baseline[0],
        early=names[0],
        late=names[1],
        blocks=len(pairs),
        observed_seconds=race.end,
        outcome=Overtaking.UNDETERMINED,
        behind_requests=float(-race.lead.mean(axis=0)[-1]),
    )
    if not starts_differ(starts):
        return found
    return _answered(found, race, margin)


def starts_differ(starts: Floats) -> bool:
    """Whether one of the two answers first for sure: blocks x the two variants' seconds."""
    if not (starts > 0).all():
        return False
    ratio, interval = ratio_interval(starts[:, 1], starts[:, 0], _CONFIDENCE)
    if interval is None:
        return bool(len({*(starts[:, 0] < starts[:, 1])}) == 1 and ratio != 1)
    return not interval.low <= 1 <= interval.high


def _paired(one: Iterable[Work], other: Iterable[Work]) -> list[tuple[Work, Work]]:
    left, right = ({work.block: work for work in side} for side in (one, other))
    return [(left[block], right[block]) for block in sorted(left.keys() & right.keys())]


class _Race:
    """Blocks x time on one grid, which ends where the first trial's observation does."""

    def __init__(self, pairs: Sequence[tuple[Work, Work]]) -> None:
        """`pairs` of the early and the late variant's work."""
        self.end = min(float(work.seconds[-1]) for pair in pairs for work in pair)
        steps = max(2, round(self.end / _STEP_SECONDS))
        self.grid = np.linspace(0.0, self.end, steps + 1)
        self.early, self.late = (
            np.array([np.interp(self.grid, w.seconds, w.completed, left=0.0) for w in side])
            for side in zip(*pairs, strict=True)
        )
        self.lead = self.late - self.early
        rates = np.array(
            [[work.steady_per_second or np.nan for work in pair] for pair in pairs], dtype=float
        )
        known = rates[np.isfinite(rates).all(axis=1)]
        self.settled = len(known)
        # A block that did not settle gets the others' mean: it moves no rate, only the work.
        if self.settled:
            rates = np.where(np.isfinite(rates).all(axis=1)[:, None], rates, known.mean(axis=0))
        self.known_rates, self.rates = known, rates


def _answered(found: BreakEven, race: _Race, margin: float) -> BreakEven:
    outlook = _outlook(race)
    gain = race.rates[:, 1] - race.rates[:, 0] if outlook is Overtaking.EXTRAPOLATED else None
    at = _Estimate.of(race, lambda w: _overtaken(race, w, gain))
    level = _Estimate.of(race, lambda w: _level(race, w, margin))
    point = at.point if math.isfinite(at.point) else None
    if point is None:
        outcome = outlook
    else:
        outcome = Overtaking.OBSERVED if point <= race.end else Overtaking.EXTRAPOLATED
    return replace(
        found,
        outcome=outcome,
        seconds=point,
        seconds_low=at.low if point is not None else None,
        seconds_high=at.high if point is not None else None,
        requests=_requests(race, point),
        level_seconds=level.point if math.isfinite(level.point) else None,
        level_low=level.low,
        level_high=level.high,
    )


def _outlook(race: _Race) -> Overtaking:
    """What steady rates say of the time that was not observed."""
    if race.settled < MINIMUM_BLOCKS:
        return Overtaking.NOT_OBSERVED
    early, late = race.known_rates.T
    _, interval = ratio_interval(late, early, _CONFIDENCE)
    if interval is None or interval.low <= 1 <= interval.high:
        return Overtaking.OPEN
    return Overtaking.EXTRAPOLATED if interval.low > 1 else Overtaking.NEVER


@dataclass(frozen=True)
class _Estimate:
    """A time, infinite for "not", and its interval: an end is None when it is not known."""

    point: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, race: _Race, times: Callable[[Floats], Floats]) -> "_Estimate":
        blocks = len(race.lead)
        point = float(times(np.full((1, blocks), 1 / blocks))[0])
        if blocks < MINIMUM_BLOCKS or not math.isfinite(point):
            return cls(point, None, None)
        alone = times(np.eye(blocks))
        if np.isfinite(alone).all() and alone.min() > 0 and point > 0:
            # As for ratios of few blocks: Student's t on logarithms.
            error = float(np.log(alone).std(ddof=1)) / math.sqrt(blocks)
            factor = math.exp(student_quantile((1 + _CONFIDENCE) / 2, blocks - 1) * error)
            return cls(point, point / factor, point * factor)
        # Some blocks have no such time at all, and no logarithm: but they have an order.
        interval = figure_interval(alone, _CONFIDENCE)
        if interval is None:
            return cls(point, None, None)
        return cls(point, min(interval.low, point), _finite(max(interval.high, point)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _overtaken(race: _Race, weights: Floats, gain: Floats | None) -> Floats:
    """When the late variant has done as much for good; infinite when it has not."""
    lead = weights @ race.lead
    behind = lead < 0
    last = lead.shape[1] - 1 - np.argmax(behind[:, ::-1], axis=1)
    rows = np.arange(len(lead))
    after = np.minimum(last + 1, lead.shape[1] - 1)
    step = lead[rows, after] - lead[rows, last]
    share = np.divide(-lead[rows, last], step, out=np.zeros(len(lead)), where=step > 0)
    times = race.grid[last] + share * (race.grid[1] - race.grid[0])
    beyond = np.full(len(lead), np.inf)
    if gain is not None:
        speed = weights @ gain
        np.divide(-lead[:, -1], speed, out=beyond, where=speed > 0)
    times = np.where(behind[:, -1], race.end + beyond, times)
    return np.where(behind.any(axis=1), times, 0.0)


def _level(race: _Race, weights: Floats, margin: float) -> Floats:
    """From when on the late variant's throughput is no longer behind, to the end."""
    width = max(1, round(_LEVEL_SECONDS / (race.grid[1] - race.grid[0])))
    if race.grid.size <= width:
        return np.full(len(weights), np.inf)
    early, late = weights @ race.early, weights @ race.late
    slower = late[:, width:] - late[:, :-width] < (1 - margin) * (
        early[:, width:] - early[:, :-width]
    )
    cells = slower.shape[1]
    last = cells - 1 - np.argmax(slower[:, ::-1], axis=1)
    # A mean belongs to the middle of what it is of.
    middles = (race.grid[width:] + race.grid[:-width]) / 2
    times = np.where(last == cells - 1, np.inf, middles[np.minimum(last + 1, cells - 1)])
    return np.where(slower.any(axis=1), times, 0.0)


def _requests(race: _Race, seconds: float | None) -> float | None:
    """What both have completed by then."""
    if seconds is None:
        return None
    late = race.late.mean(axis=0)
    done = float(np.interp(seconds, race.grid, late))
    if seconds <= race.end:
        return done
    return done + (seconds - race.end) * float(race.rates[:, 1].mean())
