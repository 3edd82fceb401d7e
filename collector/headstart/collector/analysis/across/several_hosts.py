"""The view across hosts: what may be put together, what is found, and what is recommended."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from headstart.collector.analysis.across.joint_recommendation import recommend_across
from headstart.collector.analysis.across.pooled import PooledMetric, enumerated, pooled_metric
from headstart.collector.findings import Recommendation, RunResult
from headstart.collector.findings.comparability import (
    Incomparable,
    said,
    settings_of,
    unlike_metrics,
)
from headstart.words.metrics import METRICS
from headstart.words.states import RunWord

# Facts of a host that may explain a difference and are no part of the hardware.
_FACTS = ("kernel", "engine", "governor", "agent")


@dataclass(frozen=True)
class AcrossHosts:
    """Runs of one experiment, one for each host, and what they say together."""

    experiment: str
    baseline: str
    revision: str
    # By the name of the host; a fingerprint follows where two hosts bear one name.
    runs: tuple[tuple[str, RunResult], ...]
    # What makes the comparison doubtful, a sentence each.
    flags: tuple[str, ...]
    metrics: tuple[PooledMetric, ...]
    recommendations: tuple[Recommendation, ...]

    @property
    def variants(self) -> list[str]:
        """All but the baseline, in the order of the experiment file."""
        return list(dict.fromkeys(found.variant for found in self.metrics)) or [
            each.variant for each in self.recommendations
        ]

    def of(self, variant: str) -> list[PooledMetric]:
        """Its metrics, in the order of the catalogue."""
        return [found for found in self.metrics if found.variant == variant]


def across_hosts(results: Sequence[RunResult], pending: Sequence[str] = ()) -> AcrossHosts:
    """Raises Incomparable for runs that are of other things, or twice of one host.

    `pending` are hosts that were asked for and have not ended, a clause each.
    """
    if not results:
        raise Incomparable("there is no run")
    _one(results, "experiments", lambda run: run.experiment)
    _one(results, "baselines", lambda run: run.baseline)
    _one([run for run in results if run.revision], "revisions", lambda run: run.revision)
    runs = tuple(zip(_names(results), results, strict=True))
    unlike = _unlike(runs)
    first = results[0]
    variants = dict.fromkeys(v.variant for run in results for v in run.variants)
    variants.pop(first.baseline, None)
    metrics = tuple(
        pooled_metric(runs, metric, variant, unlike.get(metric.name, ""))
        for variant in variants
        for metric in METRICS.values()
        if metric.compared
        and any(run.comparison(metric.name, variant) is not None for run in results)
    )
    doubts = list(dict.fromkeys(unlike.values()))
    if len({frozenset(run.gates) for run in results}) > 1:
        doubts.append("held against other gates: judge all by one `--profile`")
    return AcrossHosts(
        experiment=first.experiment,
        baseline=first.baseline,
        revision=next((run.revision for run in results if run.revision), ""),
        runs=runs,
        flags=tuple(_flags(runs, pending, doubts, metrics)),
        metrics=metrics,
        recommendations=tuple(
            recommend_across(runs, variant, pending, doubts, metrics) for variant in variants
        ),
    )


def _one(results: Sequence[RunResult], what: str, key: Callable[[RunResult], str]) -> None:
    groups: dict[str, list[str]] = {}
    for run in results:
        groups.setdefault(key(run), []).append(run.run_id)
    if len(groups) > 1:
        each = "; ".join(f"{name} (run {', '.join(ids)})" for name, ids in groups.items())
        hint = "; `headstart compare` sets two against each other" if what == "revisions" else ""
        raise Incomparable(f"these are of different {what}: {each}{hint}")


def _names(results: Sequence[RunResult]) -> list[str]:
    seen: dict[tuple[str, str], str] = {}
    for run in results:
        if other := seen.get((run.host.name, run.host.fingerprint)):
            raise Incomparable(
                f"runs {other} and {run.run_id} are both of the host {run.host.name}: name one of "
                "each host, or what is one host counts twice"
            )
        seen[run.host.name, run.host.fingerprint] = run.run_id
    hosts = [run.host for run in results]
    names = [host.name for host in hosts]
    return [
        host.name if names.count(host.name) == 1 else f"{host.name} ({host.fingerprint})"
        for host in hosts
    ]


def _unlike(runs: Sequence[tuple[str, RunResult]]) -> dict[str, str]:
    """Metrics that were not measured alike everywhere, and why, with the hosts' names."""
    first_name, first = runs[0]
    reasons: dict[str, str] = {}
    for name, run in runs[1:]:
        for metric, reason in unlike_metrics(first, run).items():
            reasons.setdefault(metric, f"{first_name} and {name}: {reason}")
    return reasons


def _flags(
    runs: Sequence[tuple[str, RunResult]],
    pending: Sequence[str],
    doubts: Sequence[str],
    metrics: Sequence[PooledMetric],
) -> Iterator[str]:
    for clause in pending:
        yield f"{clause}: it is not in this."
    for name, run in runs:
        if run.state != RunWord.DONE:
            yield f"Run {run.run_id} on {name} is {run.state}: its figures are those so far."
        if run.host.check is not None and not run.host.check.passed:
            yield (
                f"The A/A run of {name} found differences where there are none "
                f"({', '.join(run.host.check.differing)}): what it says is doubtful."
            )
    if any(run.revision for _, run in runs) and not all(run.revision for _, run in runs):
        silent = [name for name, run in runs if not run.revision]
        yield f"No revision is stated by the run on {enumerated(silent)}."
    for doubt in doubts:
        yield f"Not measured alike: {doubt}."
    for fingerprint in dict.fromkeys(
        run.host.fingerprint for _, run in runs if run.host.fingerprint
    ):
        twins = [name for name, run in runs if run.host.fingerprint == fingerprint]
        if 1 < len(twins) < len(runs):
            yield (
                f"{enumerated(twins)} are the same hardware: every mean counts it "
                f"{len(twins)} times."
            )
    yield from _clashes(metrics)
    yield from _environment(runs)


def _clashes(metrics: Sequence[PooledMetric]) -> Iterator[str]:
    pairs: dict[tuple[str, str], list[str]] = {}
    for found in metrics:
        for pair in found.clashes:
            title = f"{METRICS[found.metric].title} of {found.variant}"
            pairs.setdefault(pair, []).append(title)
    for pair, titles in pairs.items():
        yield (
            f"{enumerated(pair)} are the same hardware, yet their intervals exclude each other in "
            f"{enumerated(titles)}: one was disturbed, or they differ in what the fingerprint does "
            "not see."
        )


def _environment(runs: Sequence[tuple[str, RunResult]]) -> Iterator[str]:
    for variant in dict.fromkeys(v.variant for _, run in runs for v in run.variants):
        images = [
            (name, v.digest)
            for name, run in runs
            for v in run.variants
            if v.variant == variant and v.digest
        ]
        if len(groups := _grouped(images)) > 1:
            each = "; ".join(f"{digest[:19]} on {enumerated(n)}" for digest, n in groups.items())
            yield f"{variant} is not the same program everywhere: {each}."
        settings = [
            (name, said(stated[variant]))
            for name, run in runs
            if variant in (stated := settings_of(run))
        ]
        if len(groups := _grouped(settings)) > 1:
            each = "; ".join(f"{words} on {enumerated(n)}" for words, n in groups.items())
            yield f"{variant} was run with other settings: {each}."
    for companion in dict.fromkeys(c.name for _, run in runs for c in run.companions):
        images = [
            (name, c.digest)
            for name, run in runs
            for c in run.companions
            if c.name == companion and c.digest
        ]
        if len(groups := _grouped(images)) > 1:
            each = "; ".join(f"{digest[:19]} on {enumerated(n)}" for digest, n in groups.items())
            yield f"{companion} beside the app is not the same program everywhere: {each}."
    for fact in _FACTS:
        values = [
            (name, stated.value)
            for name, run in runs
            for stated in run.host.facts
            if stated.name == fact
        ]
        if len(groups := _grouped(values)) > 1:
            each = "; ".join(f"{value} on {enumerated(n)}" for value, n in groups.items())
            yield f"The hosts' {fact} differs: {each}."


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Names by value, in order."""
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(value, []).append(name)
    return groups
