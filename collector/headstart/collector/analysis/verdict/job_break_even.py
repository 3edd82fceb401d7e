"""From which length of job on a batch program's late starter is no slower than the early one.

A job's length is the time that the early variant takes for it. Between two jobs of the same
program the late variant's time is bracketed by two curves through what was measured:

    straight:   l - e is linear in e: beyond its start the late variant goes at one pace
    power law:  ln(l / e) is linear in ln e: the whole ratio falls at one pace

A variant that warms up runs above the straight line, for its pace quickens, and below the
power law, for a start weighs less with every second (docs/METHODOLOGY.md has the simulation). The
figure is the geometric mean of the two crossings; its interval begins with the lower end of
the one and ends with the upper end of the other. Beyond the longest job nothing is said: the
pace there was not seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart.collector.analysis.statistics.bootstrap import (
    BOOTSTRAP_BLOCKS,
    MINIMUM_BLOCKS,
    Floats,
    generator,
    median_tail,
    ratio_interval,
    student_quantile,
)
from headstart.collector.findings import Interval, JobBreakEven, JobOvertaking

_CONFIDENCE = 0.95
# As for the break-even of services.
_RESAMPLES = 2_000

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class JobTimes:
    """Seconds of one job by block, positive; both sides of all jobs have the same blocks."""

    # "short" or "long".
    job: str
    baseline: Floats
    variant: Floats


def job_break_even(
    baseline: str,
    variant: str,
    baseline_leads: bool | None,
    jobs: Sequence[JobTimes],
    run_id: str,
) -> JobBreakEven | None:
    """None without a job or a block that both have.

    `baseline_leads`: who starts first; None: neither for sure.
    """
    if not jobs or not jobs[0].baseline.size:
        return None
    leads = baseline_leads is not False
    sides = [_Sides.of(times, leads, (run_id, variant, baseline)) for times in jobs]
    sides.sort(key=lambda each: each.early_seconds)
    short, long = sides[0], sides[-1]
    found = JobBreakEven(
        variant=variant,
        baseline=baseline,
        early=baseline if leads else variant,
        late=variant if leads else baseline,
        blocks=len(short.early),
        outcome=JobOvertaking.UNDETERMINED,
        shortest_job=short.job,
        shortest_seconds=short.early_seconds,
        longest_job=long.job,
        longest_seconds=long.early_seconds,
        **_ratio_of(long),
    )
    if baseline_leads is None:
        return found
    if long.ratio > 1:
        surely = long.interval is None or long.interval.low > 1
        return replace(found, outcome=JobOvertaking.NEVER if surely else JobOvertaking.OPEN)
    if short.ratio <= 1:
        return replace(found, outcome=JobOvertaking.ALREADY, **_ratio_of(short))
    return _between(found, short, long, generator(run_id, "job break-even", baseline, variant))


@dataclass(frozen=True)
class _Sides:
    """One job: the two variants' times by block, and their middles as reports show them."""

    job: str
    early: Floats
    late: Floats
    early_seconds: float
    # late / early.
    ratio: float
    interval: Interval | None

    @classmethod
    def of(cls, times: JobTimes, baseline_leads: bool, names: tuple[str, ...]) -> "_Sides":
        rng = generator(*names, times.job)
        ratio, interval = ratio_interval(times.baseline, times.variant, "median", _CONFIDENCE, rng)
        early, late = times.baseline, times.variant
        if not baseline_leads:
            early, late, ratio = late, early, 1 / ratio
            interval = interval and Interval(1 / interval.high, 1 / interval.low)
        return cls(times.job, early, late, float(_middle(early[None])[0]), ratio, interval)


def _ratio_of(side: _Sides) -> dict[str, Any]:
    ends = (side.interval.low, side.interval.high) if side.interval else (None, None)
    return {"ratio": side.ratio, "ratio_low": ends[0], "ratio_high": ends[1]}


def _middle(values: Floats) -> Floats:
    """Of each row the median or, of few blocks, the geometric mean: as ratios are taken."""
    if values.shape[1] >= BOOTSTRAP_BLOCKS:
        return np.asarray(np.median(values, axis=1))
    return np.asarray(np.exp(np.log(values).mean(axis=1)))


def _between(
    found: JobBreakEven, short: _Sides, long: _Sides, rng: np.random.Generator
) -> JobBreakEven:
    blocks = found.blocks
    everything = np.arange(blocks)[None]
    points = [float(curve(short, long, everything)[0]) for curve in (_straight, _power_law)]
    found = replace(found, outcome=JobOvertaking.BETWEEN, seconds=math.sqrt(math.prod(points)))
    if blocks < MINIMUM_BLOCKS:
        return found
    alone = [curve(short, long, everything.T) for curve in (_straight, _power_law)]
    if all(np.isfinite(times).all() and times.min() > 0 for times in alone):
        # As for services: Student's t on the logarithms of the blocks' own values.
        low, high = (
            point * math.exp(sign * _half_width(times))
            for sign, point, times in zip((-1, 1), points, alone, strict=True)
        )
    elif blocks >= BOOTSTRAP_BLOCKS:
        # Some blocks do not cross: medians of resampled blocks, percentiles as for any.
        picks = rng.integers(0, blocks, (_RESAMPLES, blocks))
        tail = round(median_tail(blocks, _CONFIDENCE) * (_RESAMPLES - 1))
        low = float(np.sort(_straight(short, long, picks))[tail])
        high = float(np.sort(_power_law(short, long, picks))[-1 - tail])
    else:
        return found
    # Outside of what was measured nothing is known.
    return replace(
        found,
        seconds_low=max(low, found.shortest_seconds),
        seconds_high=high if high <= found.longest_seconds else None,
    )


def _half_width(times: Floats) -> float:
    error = float(np.log(times).std(ddof=1)) / math.sqrt(len(times))
    return student_quantile((1 + _CONFIDENCE) / 2, len(times) - 1) * error


def _straight(short: _Sides, long: _Sides, picks: Ints) -> Floats:
    """Where the difference is zero, for each row of picked blocks; 0: before, inf: beyond."""
    early, late = _ends(short, long, picks)
    return np.maximum(_crossing(early, (late[0] - early[0], late[1] - early[1])), 0.0)


def _power_law(short: _Sides, long: _Sides, picks: Ints) -> Floats:
    """Where the ratio is one, for each row of picked blocks; 0: before, inf: beyond."""
    early, late = _ends(short, long, picks)
    logs = (np.log(early[0]), np.log(early[1]))
    return np.exp(_crossing(logs, (np.log(late[0]) - logs[0], np.log(late[1]) - logs[1])))


_Ends = tuple[Floats, Floats]


def _ends(short: _Sides, long: _Sides, picks: Ints) -> tuple[_Ends, _Ends]:
    early = (_middle(short.early[picks]), _middle(long.early[picks]))
    return early, (_middle(short.late[picks]), _middle(long.late[picks]))


def _crossing(lengths: _Ends, behind: _Ends) -> Floats:
    """Where a straight line from `behind[0]` to `behind[1]` is zero; infinite where it is not."""
    first, last = behind
    fall = np.where(first > last, first - last, 1.0)
    at = lengths[0] + (lengths[1] - lengths[0]) * first / fall
    return np.where(last > 0, np.inf, np.where(first <= 0, -np.inf, at))
