"""Break-evens of a batch program's run: which trials count, and who starts first."""

from collections.abc import Iterable

import numpy as np

from headstart.collector.analysis.statistics.intervals import MINIMUM_BLOCKS
from headstart.collector.analysis.trials.figures import Reading, Readings
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.analysis.verdict.break_even import starts_differ
from headstart.collector.analysis.verdict.job_break_even import JobTimes, job_break_even
from headstart.collector.findings import JobBreakEven
from headstart.collector.findings.run_info import RunInfo
from headstart.words import metrics
from headstart.words.metrics import JOB_TIMES

_STARTUP = metrics.STARTUP.name


def job_break_evens(info: RunInfo, readings: Readings) -> tuple[JobBreakEven, ...]:
    """One for every variant that has jobs and a start in a block in which the baseline has them.

    A job that no block has of both is left out, whatever became of it. Flagged trials count
    where fewer than three blocks of valid ones are left, as for every comparison.
    """
    baseline = info.experiment.baseline
    found = (
        _of_variant(baseline, variant.name, readings)
        for variant in info.experiment.variants
        if variant.name != baseline
    )
    return tuple(one for one in found if one is not None)


def _of_variant(baseline: str, variant: str, readings: Readings) -> JobBreakEven | None:
    starts = _paired(readings, [_STARTUP], baseline, variant)
    present = [
        job for job, metric in JOB_TIMES.items() if _paired(readings, [metric], baseline, variant)
    ]
    jobs = _paired(readings, [JOB_TIMES[job] for job in present], baseline, variant)
    if not starts or not present:
        return None
    seconds = np.array([pair for (pair,) in starts])
    leads: bool | None = bool(np.median(seconds[:, 0]) < np.median(seconds[:, 1]))
    if not starts_differ(seconds):
        leads = None
    # Blocks x jobs x the two variants.
    times = np.array(jobs)
    return job_break_even(
        baseline,
        variant,
        leads,
        [JobTimes(job, times[:, i, 0], times[:, i, 1]) for i, job in enumerate(present)]
        if jobs
        else [],
    )


_Pairs = list[tuple[tuple[float, float], ...]]


def _paired(readings: Readings, metrics: list[str], baseline: str, variant: str) -> _Pairs:
    """Of every block that has all of it: a pair of values for each metric."""
    sides = [[readings.get((m, name), []) for name in (baseline, variant)] for m in metrics]
    valid = _complete(sides, {Validity.VALID})
    if len(valid) >= MINIMUM_BLOCKS:
        return valid
    flagged = _complete(sides, {Validity.VALID, Validity.FLAGGED})
    return flagged if len(flagged) > len(valid) else valid


def _complete(sides: list[list[list[Reading]]], standings: set[Validity]) -> _Pairs:
    by_block = [
        [_by_block(r for r in side if r.validity in standings) for side in pair] for pair in sides
    ]
    if not by_block:
        return []
    blocks = set.intersection(*(set(side) for pair in by_block for side in pair))
    return [tuple((one[b], other[b]) for one, other in by_block) for b in sorted(blocks)]


def _by_block(readings: Iterable[Reading]) -> dict[int, float]:
    """A time of zero is none: nothing ends as it begins."""
    return {r.block: r.value for r in readings if r.value > 0}
