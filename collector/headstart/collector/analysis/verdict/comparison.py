"""A variant against the baseline, one metric: ratio, interval, verdict."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    Floats,
    ratio_bounds,
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
        disturbed_blocks=sum(pair.disturbed for pair in pairs),
    )
    if not pairs:
        return replace(result, reason=_no_pairs(variant, baseline, variant_readings))
    base = np.array([pair.baseline.value for pair in pairs])
    other = np.array([pair.variant.value for pair in pairs])
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
    result = replace(result, ratio=ratio)
    if basis is Basis.BOUNDED:
        return _bounded(result, metric, pairs, interval)
    verdict = verdict_of(interval, margin, metric.lower_is_better)
    reason = _straddling(interval, margin) if verdict is Verdict.INCONCLUSIVE else ""
    return replace(result, verdict=verdict, interval=interval, reason=reason)


def _bounded(
    result: Comparison, metric: Metric, pairs: "list[_Pair]", as_measured: Interval
) -> Comparison:
    """What holds wherever the disturbed trials lay between their bounds is decided."""
    worst = ratio_bounds(
        [pair.variant.ends for pair in pairs],
        [pair.baseline.ends for pair in pairs],
        result.confidence,
    )
    assert worst is not None  # noqa: S101  # there are enough blocks
    verdict = verdict_of(worst, result.margin, metric.lower_is_better)
    reason, settles = "", True
    if verdict is Verdict.INCONCLUSIVE:
        reached = verdict_of(_middles(pairs, result), result.margin, metric.lower_is_better)
        settles = reached is not Verdict.INCONCLUSIVE
        reason = _straddling(worst, result.margin)
        seemed = verdict_of(as_measured, result.margin, metric.lower_is_better)
        if seemed is not Verdict.INCONCLUSIVE:
            reason = (
                f"{result.disturbed_blocks} of {_blocks(result.blocks, metric)} were disturbed,"
                " and what others may have added to them leaves it open"
            )
        if not settles:
            reason += "; more blocks do not settle that, a quieter host does"
    return replace(
        result,
        verdict=verdict,
        interval=worst,
        interval_as_measured=as_measured,
        reason=reason,
        more_blocks_settle=settles,
    )


def _middles(pairs: "list[_Pair]", result: Comparison) -> Interval:
    """What the worst case shrinks to with ever more blocks like these: the estimates at both
    ends, which move with every value."""
    ends = [(pair.variant.ends, pair.baseline.ends) for pair in pairs]
    low, _ = ratio_interval([v[0] for v, _ in ends], [b[1] for _, b in ends], result.confidence)
    high, _ = ratio_interval([v[1] for v, _ in ends], [b[0] for _, b in ends], result.confidence)
    return Interval(low, high)


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


@dataclass(frozen=True)
class _Value:
    """Of one side in one block; `low` and `high` bound it where it was disturbed."""

    value: float
    low: float
    high: float
    disturbed: bool

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class _Pair:
    baseline: _Value
    variant: _Value

    @property
    def disturbed(self) -> bool:
        return self.baseline.disturbed or self.variant.disturbed


def _paired(baseline: list[Reading], variant: list[Reading]) -> tuple[list[_Pair], Basis]:
    """Values by block in which both sides have one.

    A disturbed trial counts with its bounds: left out, the side that is disturbed more often
    would be compared at its best. Where fewer than three blocks count on both sides, flagged
    trials without bounds are taken in, of both sides.
    """
    pairs = _pair([r for r in baseline if r.counts], [r for r in variant if r.counts])
    if len(pairs) < MINIMUM_BLOCKS:
        flagged = _pair(
            [r for r in baseline if r.validity is not Validity.WRONG],
            [r for r in variant if r.validity is not Validity.WRONG],
        )
        if len(flagged) > len(pairs):
            return flagged, Basis.FLAGGED
    disturbed = any(pair.disturbed for pair in pairs)
    return pairs, Basis.BOUNDED if disturbed else Basis.VALID


def _pair(baseline: Iterable[Reading], variant: Iterable[Reading]) -> list[_Pair]:
    base, other = _by_block(baseline), _by_block(variant)
    return [_Pair(base[block], other[block]) for block in sorted(base.keys() & other.keys())]


def _lone(baseline: list[Reading], variant: list[Reading]) -> set[int]:
    """Blocks in which one side alone has a value that counts."""
    base, other = ({r.block for r in side if r.counts} for side in (baseline, variant))
    return base ^ other


def _by_block(readings: Iterable[Reading]) -> dict[int, _Value]:
    blocks: dict[int, list[Reading]] = {}
    for reading in readings:
        blocks.setdefault(reading.block, []).append(reading)
    return {
        block: _Value(
            fmean(r.value for r in found),
            fmean(r.low for r in found),
            fmean(r.high for r in found),
            any(r.validity is Validity.FLAGGED for r in found),
        )
        for block, found in blocks.items()
    }


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
