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

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    Floats,
    figure_interval,
    ratio_interval,
)
from headstart.collector.analysis.statistics.student import student_quantile
from headstart.collector.findings import Interval, JobBreakEven, JobOvertaking
from headstart.words.job_names import JobName

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class JobTimes:
    """Seconds of one job by block, positive; both sides of all jobs have the same blocks."""

    job: JobName
    baseline: Floats
    variant: Floats


def job_break_even(
    baseline: str,
    variant: str,
    baseline_leads: bool | None,
    jobs: Sequence[JobTimes],
) -> JobBreakEven | None:
    """None without a job or a block that both have.

    `baseline_leads`: who starts first; None: neither for sure.
    """
    if not jobs or not jobs[0].baseline.size:
        return None
    leads = baseline_leads is not False
    sides = [_Sides.of(times, leads) for times in jobs]
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
    return _between(found, short, long)


@dataclass(frozen=True)
class _Sides:
    """One job: the two variants' times by block, and what they are together."""

    job: JobName
    early: Floats
    late: Floats
    # The median, as reports show it.
    early_seconds: float
    # late / early.
    ratio: float
    interval: Interval | None

    @classmethod
    def of(cls, times: JobTimes, baseline_leads: bool) -> "_Sides":
        early, late = times.baseline, times.variant
        if not baseline_leads:
            early, late = late, early
        ratio, interval = ratio_interval(late, early, _CONFIDENCE)
        return cls(times.job, early, late, float(np.median(early)), ratio, interval)


def _ratio_of(side: _Sides) -> dict[str, Any]:
    ends = (side.interval.low, side.interval.high) if side.interval else (None, None)
    return {"ratio": side.ratio, "ratio_low": ends[0], "ratio_high": ends[1]}


def _between(found: JobBreakEven, short: _Sides, long: _Sides) -> JobBreakEven:
    blocks = found.blocks
    jobs = (short, long)
    early = tuple(np.array([job.early_seconds]) for job in jobs)
    late = tuple(np.array([job.early_seconds * job.ratio]) for job in jobs)
    points = [float(curve(early, late)[0]) for curve in (_straight, _power_law)]
    found = replace(found, outcome=JobOvertaking.BETWEEN, seconds=math.sqrt(math.prod(points)))
    if blocks < MINIMUM_BLOCKS:
        return found
    alone = [
        curve((short.early, long.early), (short.late, long.late))
        for curve in (_straight, _power_law)
    ]
    if all(np.isfinite(times).all() and times.min() > 0 for times in alone):
        # As for services: Student's t on the logarithms of the blocks' own values.
        low, high = (
            point * math.exp(sign * _half_width(times))
            for sign, point, times in zip((-1, 1), points, alone, strict=True)
        )
    else:
        # Some blocks do not cross: but they have an order.
        spans = [figure_interval(times, _CONFIDENCE) for times in alone]
        if spans[0] is None or spans[1] is None:
            return found
        low, high = min(spans[0].low, points[0]), max(spans[1].high, points[1])
    # Outside of what was measured nothing is known.
    return replace(
        found,
        seconds_low=max(low, found.shortest_seconds),
        seconds_high=high if high <= found.longest_seconds else None,
    )


def _half_width(times: Floats) -> float:
    error = float(np.log(times).std(ddof=1)) / math.sqrt(len(times))
    return student_quantile((1 + _CONFIDENCE) / 2, len(times) - 1) * error


# Seconds of the short and of the long job, the same blocks in the same order.
_Ends = tuple[Floats, ...]


def _straight(early: _Ends, late: _Ends) -> Floats:
    """Where the difference is zero, for each block; 0: before, inf: beyond."""
    return np.maximum(_crossing(early, (late[0] - early[0], late[1] - early[1])), 0.0)


def _power_law(early: _Ends, late: _Ends) -> Floats:
    """Where the ratio is one, for each block; 0: before, inf: beyond."""
    logs = (np.log(early[0]), np.log(early[1]))
    return np.exp(_crossing(logs, (np.log(late[0]) - logs[0], np.log(late[1]) - logs[1])))


def _crossing(lengths: _Ends, behind: _Ends) -> Floats:
    """Where a straight line from `behind[0]` to `behind[1]` is zero; infinite where it is not."""
    first, last = behind
    fall = np.where(first > last, first - last, 1.0)
    at = lengths[0] + (lengths[1] - lengths[0]) * first / fall
    return np.where(last > 0, np.inf, np.where(first <= 0, -np.inf, at))
