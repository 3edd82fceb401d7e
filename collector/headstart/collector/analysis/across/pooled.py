"""One experiment on several hosts: each host's ratio to the baseline, and what they say together.

Figures are never put together here: across hardware only ratios are comparable. A verdict
across hosts stands only where no host's own verdict says otherwise.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from headstart.collector.analysis.statistics.meta import pool
from headstart.collector.analysis.statistics.student import student_quantile
from headstart.collector.analysis.verdict.comparison import verdict_of
from headstart.collector.findings import Basis, Comparison, Interval, RunResult, Verdict
from headstart.collector.findings.quantities import ratio as ratio_text
from headstart.words.metric import Metric

CONFIDENCE = 0.95
# Those of a host that say something; where they differ, hosts do.
_DECIDED = (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT)


@dataclass(frozen=True)
class HostRatio:
    """One metric of one variant on one host, against the baseline there."""

    host: str
    run_id: str
    fingerprint: str
    # variant / baseline; None: not measured, and `reason` says why.
    ratio: float | None
    interval: Interval | None
    verdict: Verdict
    blocks: int
    confidence: float
    # Its share of the mean over hosts; None: left out, and `reason` says why.
    weight: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class PooledMetric:
    """One metric of one variant over all hosts."""

    metric: str
    variant: str
    hosts: tuple[HostRatio, ...]
    # The mean over hosts; None: there is none, and `reason` says why.
    ratio: float | None
    interval: Interval | None
    margin: float
    verdict: Verdict
    # One host is better, another worse.
    contradictory: bool = False
    reason: str = ""
    # By how much hosts differ, as the standard deviation of a logarithm; None: not determined.
    tau: float | None = None
    # Where a further host's true ratio would lie; None below three hosts.
    predicted: Interval | None = None
    # Pairs of hosts of one fingerprint whose intervals exclude each other.
    clashes: tuple[tuple[str, str], ...] = ()


def pooled_metric(
    runs: Sequence[tuple[str, RunResult]], metric: Metric, variant: str, unlike: str = ""
) -> PooledMetric:
    """Of runs by the name of their host; never raises for what was measured.

    `unlike` says why the metric was not measured alike, and then nothing is pooled.
    """
    comparisons = [run.comparison(metric.name, variant) for _, run in runs]
    # Where files state margins of their own, the narrowest convinces everybody.
    margin = min((c.margin for c in comparisons if c is not None), default=metric.margin)
    hosts = tuple(
        _host_ratio(name, run, found, metric)
        for (name, run), found in zip(runs, comparisons, strict=True)
    )
    empty = PooledMetric(
        metric.name, variant, hosts, None, None, margin, Verdict.UNAVAILABLE, reason=unlike
    )
    if unlike:
        return empty
    used = [host for host in hosts if not host.reason]
    left_out = "; ".join(f"{h.host} is left out: {h.reason}" for h in hosts if h.reason)
    if not used:
        return replace(empty, reason=left_out)
    clashes = tuple(_clashes(used))
    found = replace(empty, clashes=clashes)
    if {Verdict.BETTER, Verdict.WORSE} <= {host.verdict for host in used}:
        judged = replace(
            found,
            verdict=Verdict.INCONCLUSIVE,
            contradictory=True,
            reason=f"contradictory: {agreement(used)}{_same_hardware(used)}; no mean is taken",
        )
    elif metric.exact:
        judged = _exactly(found, used)
    elif len(used) == 1:
        only = used[0]
        reason = only_of(only.host) if len(hosts) == 1 else f"{only.host} alone has it"
        judged = _weighted(
            replace(found, ratio=only.ratio, interval=only.interval, verdict=only.verdict),
            used,
            (1.0,),
            reason,
        )
    else:
        judged = _pooled(found, used, metric)
    return replace(judged, reason="; ".join(filter(None, (judged.reason, left_out))))


def only_of(host: str) -> str:
    """What is to be said of a single host."""
    return f"of {host} alone, which says nothing of other hosts"


def standard_error(interval: Interval, blocks: int, confidence: float) -> float:
    """Of the logarithm of a ratio, from its interval: half of it in quantiles of Student's t."""
    half = (math.log(interval.high) - math.log(interval.low)) / 2
    return half / student_quantile((1 + confidence) / 2, max(blocks - 1, 1))


def agreement(hosts: Iterable[HostRatio]) -> str:
    """What the hosts say each for itself: "better on alpha and beta, equivalent on gamma"."""
    by_verdict: dict[Verdict, list[str]] = {}
    for host in hosts:
        by_verdict.setdefault(host.verdict, []).append(host.host)
    if len(by_verdict) == 1:
        verdict, names = next(iter(by_verdict.items()))
        if len(names) > 1:
            return f"{verdict.value} on {'both' if len(names) == 2 else f'all {len(names)}'} hosts"
    parts = [f"{v.value} on {enumerated(by_verdict[v])}" for v in Verdict if v in by_verdict]
    return ", ".join(parts)


def enumerated(names: Sequence[str]) -> str:
    """ "alpha, beta and gamma"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _host_ratio(
    name: str, run: RunResult, comparison: Comparison | None, metric: Metric
) -> HostRatio:
    if comparison is None:
        reason = "not measured there"
        return HostRatio(
            name,
            run.run_id,
            run.host.fingerprint,
            None,
            None,
            Verdict.UNAVAILABLE,
            0,
            0,
            reason=reason,
        )
    return HostRatio(
        name,
        run.run_id,
        run.host.fingerprint,
        comparison.ratio,
        comparison.interval,
        comparison.verdict,
        comparison.blocks,
        comparison.confidence,
        reason=_unusable(comparison, metric),
    )


def _unusable(comparison: Comparison, metric: Metric) -> str:
    if comparison.ratio is None:
        return comparison.reason or "not measured there"
    if comparison.basis is Basis.FLAGGED:
        return "too few trials were undisturbed"
    if comparison.basis is Basis.BOUNDED:
        return "its interval is the worst case of disturbed trials, which has no standard error"
    interval = comparison.interval
    if not metric.exact and (interval is None or min(interval.low, comparison.ratio) <= 0):
        return comparison.reason or "it has no interval"
    return ""


def _pooled(found: PooledMetric, used: list[HostRatio], metric: Metric) -> PooledMetric:
    logs, errors = [], []
    for host in used:
        assert host.ratio is not None  # noqa: S101  # what has none is not used
        assert host.interval is not None  # noqa: S101  # the same
        logs.append(math.log(host.ratio))
        errors.append(standard_error(host.interval, host.blocks, host.confidence))
    mean = pool(logs, errors, CONFIDENCE)
    assert mean.low is not None  # noqa: S101  # of two hosts and more there is one
    assert mean.high is not None  # noqa: S101  # the same
    interval = Interval(math.exp(mean.low), math.exp(mean.high))
    predicted = None
    if mean.predicted_low is not None and mean.predicted_high is not None:
        predicted = Interval(math.exp(mean.predicted_low), math.exp(mean.predicted_high))
    verdict = verdict_of(interval, found.margin, metric.lower_is_better)
    verdict, reason = _tempered(verdict, used, found.margin)
    pooled = replace(
        found,
        ratio=math.exp(mean.mean),
        interval=interval,
        verdict=verdict,
        tau=mean.tau if len(used) > 2 else None,
        predicted=predicted,
    )
    return _weighted(pooled, used, mean.weights, reason)


def _tempered(verdict: Verdict, used: list[HostRatio], margin: float) -> tuple[Verdict, str]:
    """The verdict of the mean, unless a host's own one contradicts it; and why none is told."""
    decided = {host.verdict for host in used if host.verdict in _DECIDED}
    if len(decided) > 1 or (verdict in _DECIDED and decided - {verdict}):
        return Verdict.INCONCLUSIVE, f"it depends on the host: {agreement(used)}"
    if verdict is not Verdict.INCONCLUSIVE:
        return verdict, ""
    if not decided:
        return verdict, f"the interval reaches past the margin of {margin * 100:g} %"
    why = (
        "two hosts hardly tell how hosts vary, so that the interval of their mean is wide"
        if len(used) == 2
        else "they vary so that the interval of their mean reaches past the margin"
    )
    return verdict, f"{agreement(used)}, but {why}"


def _weighted(
    found: PooledMetric, used: list[HostRatio], weights: Sequence[float], reason: str
) -> PooledMetric:
    shares = {host.host: weight for host, weight in zip(used, weights, strict=True)}
    hosts = tuple(replace(host, weight=shares.get(host.host)) for host in found.hosts)
    return replace(found, hosts=hosts, reason=reason)


def _exactly(found: PooledMetric, used: list[HostRatio]) -> PooledMetric:
    """What does not vary by nature is not averaged: it is the same everywhere, or that is said."""
    ratios = [host.ratio for host in used if host.ratio is not None]
    decided = {host.verdict for host in used}
    verdict = decided.pop() if len(decided) == 1 else Verdict.INCONCLUSIVE
    if all(math.isclose(ratio, ratios[0], rel_tol=1e-9) for ratio in ratios):
        reason = only_of(used[0].host) if len(found.hosts) == 1 else ""
        return replace(found, ratio=ratios[0], verdict=verdict, reason=reason)
    each = ", ".join(f"{ratio_text(host.ratio or 0.0)} on {host.host}" for host in used)
    return replace(found, verdict=verdict, reason=f"not the same on every host: {each}")


def _clashes(used: list[HostRatio]) -> Iterator[tuple[str, str]]:
    for index, one in enumerate(used):
        for other in used[index + 1 :]:
            first, second = one.interval, other.interval
            alike = bool(one.fingerprint) and one.fingerprint == other.fingerprint
            if not alike or first is None or second is None:
                continue
            if first.high < second.low or second.high < first.low:
                yield one.host, other.host


def _same_hardware(used: list[HostRatio]) -> str:
    better = {h.fingerprint for h in used if h.verdict is Verdict.BETTER}
    worse = {h.fingerprint for h in used if h.verdict is Verdict.WORSE}
    return ", though their hardware is the same" if (better & worse) - {""} else ""
