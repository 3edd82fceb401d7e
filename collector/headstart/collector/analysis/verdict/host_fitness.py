"""What an A/A run finds: metrics that differ from themselves, and what it would have found.

Many metrics are many chances, so they are judged together by Holm's procedure (1979): with m
of them the first is held to 5 % / m, and each that differs leaves more to the others. A host
that makes no differences fails in at most 5 % of its A/A runs, however many metrics there are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    Floats,
    ratio_interval,
)
from headstart.collector.analysis.statistics.student import student_quantile
from headstart.collector.findings import Figure, HostCheck, RunResult, Verdict
from headstart.words.metric import Rank
from headstart.words.metrics import METRICS

_ERROR = 0.05
_POWER = 0.9
# A true difference that an A/A run must be able to find if it is to say anything.
_TELLING = 0.20


@dataclass(frozen=True)
class Twice:
    """One metric of the same thing under two names, by block."""

    first: Floats
    second: Floats
    margin: float


def differing(metrics: Mapping[str, Twice]) -> set[str]:
    """Those that differ from themselves by more than their margin, by Holm's procedure."""
    left = dict(metrics)
    found: set[str] = set()
    while left:
        confidence = 1 - _ERROR / len(left)
        apart = {name for name, twice in left.items() if _excludes_one(twice, confidence)}
        if not apart:
            break
        found |= apart
        left = {name: twice for name, twice in left.items() if name not in apart}
    return {name for name in found if _beyond_margin(metrics[name])}


def detectable(twice: Twice, metrics: int) -> float:
    """The least true difference, as a share, that is found in 9 of 10 runs like this one.

    From the spread of the blocks' ratios, at the level of the first of so many metrics.
    """
    logs = np.log(twice.second / twice.first)
    freedom = len(logs) - 1
    error = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    quantiles = student_quantile(1 - _ERROR / metrics / 2, freedom)
    quantiles += student_quantile(_POWER, freedom)
    # Of the smallest spreads the margin is what counts.
    return max(math.expm1(min(quantiles * error, 10.0)), twice.margin)


def with_fitness(result: RunResult) -> RunResult:
    """An A/A run's result with what it says of its host, and how much that is, as a remark."""
    metrics = _metrics(result)
    told = [c for c in result.comparisons if c.verdict is not Verdict.UNAVAILABLE]
    exact = [
        c.metric
        for c in told
        if METRICS[c.metric].exact and c.verdict in (Verdict.BETTER, Verdict.WORSE)
    ]
    apart = differing(metrics)
    sizes = {
        name: detectable(twice, len(metrics))
        for name, twice in metrics.items()
        if METRICS[name].rank is Rank.HEADLINE
    }
    typical = median(sizes.values()) if sizes else None
    check = HostCheck(
        run_id=result.run_id,
        experiment=result.experiment,
        passed=not apart and not exact,
        ended_unix_seconds=result.ended_unix_seconds,
        verdicts=len(told),
        differing=tuple(c.metric for c in told if c.metric in apart or c.metric in exact),
        detectable=typical,
        tells=bool(apart or exact) or (typical is not None and typical <= _TELLING),
    )
    remarks = (_said(check, sizes), *result.remarks)
    return replace(result, host=replace(result.host, check=check), remarks=remarks)


def _said(check: HostCheck, sizes: Mapping[str, float]) -> str:
    if not sizes:
        return (
            f"This A/A run tells nothing of its host: an interval takes {MINIMUM_BLOCKS} blocks "
            "that are valid on both sides."
        )
    each = ", ".join(f"{METRICS[name].title} {size:.0%}" for name, size in sizes.items())
    power = f"A true difference is found in 9 of 10 runs like this one from this size on: {each}."
    if check.tells:
        return f"The host is judged by all {check.verdicts} metrics together (Holm). {power}"
    return (
        f"This A/A run tells nothing of its host: run more blocks, until it would find a true "
        f"difference of {_TELLING:.0%}. {power}"
    )


def _metrics(result: RunResult) -> dict[str, Twice]:
    """Those that vary and have an interval, with the values of blocks that both names have."""
    found = {}
    for comparison in result.comparisons:
        sides = [
            result.figure(comparison.metric, name)
            for name in (comparison.baseline, comparison.variant)
        ]
        if comparison.interval is None or METRICS[comparison.metric].exact:
            continue
        first, second = (_by_block(side) for side in sides)
        common = sorted(first.keys() & second.keys())
        if len(common) >= MINIMUM_BLOCKS:
            found[comparison.metric] = Twice(
                np.array([first[block] for block in common]),
                np.array([second[block] for block in common]),
                comparison.margin,
            )
    return found


def _by_block(figure: Figure | None) -> dict[int, float]:
    blocks: dict[int, list[float]] = {}
    if figure is not None:
        for block, value in zip(figure.blocks, figure.values, strict=True):
            blocks.setdefault(block, []).append(value)
    return {block: fmean(values) for block, values in blocks.items() if min(values) > 0}


def _excludes_one(twice: Twice, confidence: float) -> bool:
    interval = ratio_interval(twice.second, twice.first, confidence)[1]
    return interval is not None and not interval.low <= 1 <= interval.high


def _beyond_margin(twice: Twice) -> bool:
    ratio, _ = ratio_interval(twice.second, twice.first, 1 - _ERROR)
    return not 1 - twice.margin <= ratio <= 1 + twice.margin
