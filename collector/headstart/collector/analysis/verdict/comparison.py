"""A variant against the baseline, one metric: ratio, interval, verdict."""

from collections.abc import Iterable
from dataclasses import replace
from statistics import fmean

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    Floats,
    ratio_interval,
)
from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.findings import Basis, Comparison, Interval, Verdict
from headstart.words.metric import Metric


def verdict_of(interval: Interval, margin: float, lower_is_better: bool) -> Verdict:
    """The whole interval against the margin: past it on one side, inside it, or neither."""
    if 1 - margin <= interval.low and interval.high <= 1 + margin:
        return Verdict.EQUIVALENT
    if interval.high < 1 - margin:
        return Verdict.BETTER if lower_is_better else Verdict.WORSE
    if interval.low > 1 + margin:
        return Verdict.WORSE if lower_is_better else Verdict.BETTER
    return Verdict.INCONCLUSIVE


def compare(
    metric: Metric,
    variant: str,
    baseline: str,
    variant_readings: list[Reading],
    baseline_readings: list[Reading],
    *,
    margin: float,
    confidence: float,
) -> Comparison:
    """Never raises for what was measured: what cannot be compared is unavailable, with why."""
    pairs, basis = _paired(baseline_readings, variant_readings)
    result = Comparison(
        metric=metric.name,
        variant=variant,
        baseline=baseline,
        verdict=Verdict.UNAVAILABLE,
        ratio=None,
        interval=None,
        margin=margin,
        blocks=len(pairs),
        confidence=confidence,
        basis=basis,
        lone_blocks=len(_lone(baseline_readings, variant_readings)),
    )
    if not pairs:
        return replace(result, reason=_no_pairs(variant, baseline, variant_readings))
    base = np.array([pair[0] for pair in pairs])
    other = np.array([pair[1] for pair in pairs])
    if reason := _zeros(metric, base, other, baseline, variant):
        return replace(result, reason=reason)
    if metric.exact:
        return _exactly(result, metric, float(np.median(base)), float(np.median(other)))
    if not other.all():
        ratio = float(np.median(other) / np.median(base))
        reason = f"{variant} has values of zero"
        return replace(result, verdict=Verdict.INCONCLUSIVE, ratio=ratio, reason=reason)
    ratio, interval = ratio_interval(other, base, confidence)
    if interval is None:
        reason = f"{_blocks(len(pairs), metric)} measured, at least {MINIMUM_BLOCKS} are needed"
        return replace(result, verdict=Verdict.INCONCLUSIVE, ratio=ratio, reason=reason)
    verdict = verdict_of(interval, margin, metric.lower_is_better)
    return replace(
        result,
        verdict=verdict,
        ratio=ratio,
        interval=interval,
        reason=_straddling(interval, margin) if verdict is Verdict.INCONCLUSIVE else "",
    )


def unavailable(
    metric: Metric, variant: str, baseline: str, margin: float, reason: str
) -> Comparison:
    """A comparison that could not be made."""
    return Comparison(
        metric=metric.name,
        variant=variant,
        baseline=baseline,
        verdict=Verdict.UNAVAILABLE,
        ratio=None,
        interval=None,
        margin=margin,
        blocks=0,
        reason=reason,
    )


def _paired(
    baseline: list[Reading], variant: list[Reading]
) -> tuple[list[tuple[float, float]], Basis]:
    """Values by block in which both sides have one.

    Where fewer than three blocks are valid on both sides, flagged trials of both sides
    are taken in: of one side only, it would be compared at its worst with the other at
    its best.
    """
    valid = _pair(
        [r for r in baseline if r.validity is Validity.VALID],
        [r for r in variant if r.validity is Validity.VALID],
    )
    if len(valid) >= MINIMUM_BLOCKS:
        return valid, Basis.VALID
    flagged = _pair(
        [r for r in baseline if r.validity is not Validity.WRONG],
        [r for r in variant if r.validity is not Validity.WRONG],
    )
    return (flagged, Basis.FLAGGED) if len(flagged) > len(valid) else (valid, Basis.VALID)


def _pair(baseline: Iterable[Reading], variant: Iterable[Reading]) -> list[tuple[float, float]]:
    base, other = _by_block(baseline), _by_block(variant)
    return [(base[block], other[block]) for block in sorted(base.keys() & other.keys())]


def _lone(baseline: list[Reading], variant: list[Reading]) -> set[int]:
    """Blocks in which one side alone has a valid value."""
    base, other = (
        {r.block for r in side if r.validity is Validity.VALID} for side in (baseline, variant)
    )
    return base ^ other


def _by_block(readings: Iterable[Reading]) -> dict[int, float]:
    blocks: dict[int, list[float]] = {}
    for reading in readings:
        blocks.setdefault(reading.block, []).append(reading.value)
    return {block: fmean(values) for block, values in blocks.items()}


def _no_pairs(variant: str, baseline: str, variant_readings: list[Reading]) -> str:
    side = baseline if any(r.validity is not Validity.WRONG for r in variant_readings) else variant
    return f"no block has a usable value of both; {side} lacks them"


def _zeros(
    metric: Metric,
    base: Floats,
    other: Floats,
    baseline: str,
    variant: str,
) -> str:
    """Why there is no ratio; empty when there is one."""
    if not base.all():
        return f"{baseline} has values of zero, to which nothing has a ratio"
    if metric.lower_is_better and not other.all():
        return f"{variant} has values of zero, less than can be measured"
    return ""


def _exactly(result: Comparison, metric: Metric, base: float, other: float) -> Comparison:
    ratio = other / base
    verdict = verdict_of(Interval(ratio, ratio), result.margin, metric.lower_is_better)
    return replace(result, verdict=verdict, ratio=ratio)


def _straddling(interval: Interval, margin: float) -> str:
    if interval.low > 1 or interval.high < 1:
        return f"they differ, but perhaps by less than the margin of {margin * 100:g} %"
    return f"the interval reaches past the margin of {margin * 100:g} %"


def _blocks(count: int, metric: Metric) -> str:
    word = "block" if metric.replicate == "trial" else metric.replicate
    return f"1 {word}" if count == 1 else f"{count} {word}s"
