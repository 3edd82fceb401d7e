"""Two runs of one experiment against each other: two revisions, or two hosts.

Their trials were not interleaved, so nothing is paired and drift between the runs does
not cancel: an interval holds for these two runs, and a cause is not proved by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    Floats,
    change_interval,
)
from headstart.collector.analysis.verdict.comparison import verdict_of
from headstart.collector.findings import Basis, Figure, Interval, RunResult, Verdict
from headstart.collector.findings.comparability import (
    Incomparable,
    masked_names,
    said,
    settings_of,
    unlike_metrics,
)
from headstart.collector.findings.unlike_companions import unlike_companions
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS
from headstart.words.states import RunWord

_CONFIDENCE = 0.95
_CHANGING_FACTS = ("kernel", "engine", "governor", "agent")


@dataclass(frozen=True)
class Change:
    """One metric of one variant, run B against run A."""

    variant: str
    metric: str
    # "figure", or "ratio to jit" where the hosts differ.
    of: str
    before: float | None
    after: float | None
    # after / before; None: unavailable.
    ratio: float | None
    interval: Interval | None
    margin: float
    verdict: Verdict
    # Values on both sides.
    counts: tuple[int, int]
    reason: str = ""


@dataclass(frozen=True)
class AcrossRuns:
    """Two runs, what differs between them, and what became of each metric."""

    before: RunResult
    after: RunResult
    same_host: bool
    # What makes a difference doubtful, a sentence each.
    flags: tuple[str, ...]
    changes: tuple[Change, ...]


def compare_runs(before: RunResult, after: RunResult) -> AcrossRuns:
    """Raises Incomparable for different experiments or runs without a common variant."""
    if before.experiment != after.experiment:
        raise Incomparable(
            f"these are different experiments: {before.experiment} (run {before.run_id}) and "
            f"{after.experiment} (run {after.run_id})"
        )
    names = [v.variant for v in before.variants]
    common = [v.variant for v in after.variants if v.variant in names]
    if not common:
        raise Incomparable(f"runs {before.run_id} and {after.run_id} have no variant in common")
    same_host = bool(before.host.fingerprint) and before.host.fingerprint == after.host.fingerprint
    if not same_host:
        if before.baseline != after.baseline:
            raise Incomparable(
                f"the hosts differ and so do the baselines ({before.baseline}, {after.baseline}): "
                "neither figures nor ratios can be compared"
            )
        common = [name for name in common if name != before.baseline]
    unlike = unlike_metrics(before, after)
    changes = tuple(
        _change(before, after, name, metric, same_host, unlike.get(metric.name, ""))
        for name in common
        for metric in METRICS.values()
        if metric.compared and _measured(before, after, metric.name, name)
    )
    return AcrossRuns(before, after, same_host, tuple(_flags(before, after, same_host)), changes)


def _measured(before: RunResult, after: RunResult, metric: str, variant: str) -> bool:
    return any(run.figure(metric, variant) is not None for run in (before, after))


def _flags(before: RunResult, after: RunResult, same_host: bool) -> Iterator[str]:
    if not same_host:
        yield (
            f"The hosts differ ({before.host.name}, {after.host.name}): only ratios to "
            f"{before.baseline} are compared."
        )
    for run in (before, after):
        if run.state != RunWord.DONE:
            yield f"Run {run.run_id} is {run.state}: its figures are those so far."
    settings = [settings_of(run) for run in (before, after)]
    for name in sorted(settings[0].keys() & settings[1].keys()):
        if settings[0][name] != settings[1][name]:
            yield (
                f"{name} was run with other settings ({said(settings[0][name])}; "
                f"{said(settings[1][name])}): the difference may come from there."
            )
        hidden = [masked_names(each[name]) for each in settings]
        if both := [each for each in hidden[0] if each in hidden[1]]:
            yield (
                f"{name}: whether {' and '.join(both)} differs is not known, since the values are "
                "masked in both runs."
            )
    beside = list(unlike_companions(before, after))
    for clause in beside:
        yield f"{clause}: the difference may come from there."
    images = {v.variant: v.digest for v in before.variants}
    same = [v.variant for v in after.variants if v.digest and images.get(v.variant) == v.digest]
    if same and same_host:
        doing = "the host's doing" + (", or that of what stands beside the app" if beside else "")
        yield f"{', '.join(same)}: the same image in both runs; what differs is {doing}."
    facts = {fact.name: fact.value for fact in before.host.facts}
    for fact in after.host.facts if same_host else ():
        known = facts.get(fact.name, fact.value)
        if fact.name in _CHANGING_FACTS and known != fact.value:
            yield f"The host's {fact.name} changed: {known}, now {fact.value}."


def _change(
    before: RunResult,
    after: RunResult,
    variant: str,
    metric: Metric,
    same_host: bool,
    unlike: str,
) -> Change:
    of = "figure" if same_host else f"ratio to {before.baseline}"
    comparison = after.comparison(metric.name, variant)
    margin = metric.margin if comparison is None else comparison.margin
    sides = [_side(run, metric, variant, same_host) for run in (before, after)]
    counts = (sides[0].count, sides[1].count)
    empty = Change(
        variant, metric.name, of, None, None, None, None, margin, Verdict.UNAVAILABLE, counts
    )
    if unlike:
        return _because(empty, unlike)
    for run, side in zip((before, after), sides, strict=True):
        if side.reason:
            return _because(empty, f"run {run.run_id}: {side.reason}")
    first, second = (float(np.median(side.values)) for side in sides)
    found = Change(
        variant,
        metric.name,
        of,
        first,
        second,
        second / first,
        None,
        margin,
        Verdict.INCONCLUSIVE,
        counts,
    )
    if metric.exact:
        return _judged(found, Interval(second / first, second / first), metric)
    ratio, interval = change_interval(sides[0].values, sides[1].values, _CONFIDENCE)
    found = replace(found, ratio=ratio)
    if interval is None:
        return _because(found, f"{min(counts)} valid trials, at least {MINIMUM_BLOCKS} are needed")
    judged = _judged(found, interval, metric)
    disturbed = [s for s in sides if s.flagged]
    return _because(judged, "rests on disturbed trials") if disturbed else judged


@dataclass(frozen=True)
class _Side:
    """One run's values: the variant's, or where hosts differ its blocks' ratios."""

    values: Floats
    flagged: bool
    reason: str = ""

    @property
    def count(self) -> int:
        return len(self.values)


def _side(run: RunResult, metric: Metric, variant: str, same_host: bool) -> _Side:
    none = np.array([])
    own = run.figure(metric.name, variant)
    if own is None or not own.values:
        return _Side(none, False, "not measured")
    if same_host:
        found, flagged = _values(own)
        values = np.array(list(found.values()))
    else:
        other = run.figure(metric.name, run.baseline)
        if other is None or not other.values:
            return _Side(none, False, f"{run.baseline} was not measured")
        (mine, disturbed), (theirs, base_disturbed) = _values(own), _values(other)
        pairs = [(mine[block], theirs[block]) for block in mine if block in theirs]
        if not pairs:
            return _Side(none, False, f"no block is valid for {run.baseline} too")
        values, base = np.array(pairs).T
        if base.min() <= 0:
            return _Side(none, False, "values of zero have no ratio")
        values = values / base
        flagged = disturbed or base_disturbed
    if values.min() <= 0:
        return _Side(none, False, "values of zero have no ratio")
    return _Side(values, flagged)


def _values(figure: Figure) -> tuple[dict[int, float], bool]:
    """By block, and whether they are disturbed: those that are not, where there are enough."""
    if figure.basis is Basis.BOUNDED and len(figure.undisturbed) >= MINIMUM_BLOCKS:
        return figure.undisturbed, False
    return dict(zip(figure.blocks, figure.values, strict=True)), figure.basis is not Basis.VALID


def _judged(change: Change, interval: Interval, metric: Metric) -> Change:
    verdict = verdict_of(interval, change.margin, metric.lower_is_better)
    reason = ""
    if verdict is Verdict.INCONCLUSIVE:
        reason = f"the interval reaches past the margin of {change.margin * 100:g} %"
    return replace(change, interval=interval, verdict=verdict, reason=reason)


def _because(change: Change, reason: str) -> Change:
    return replace(change, reason=reason)
