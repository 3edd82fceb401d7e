"""How a result becomes samples. Pure: no cache, no HTTP."""

from collections.abc import Iterator

from headstart.collector.analysis.aa_of_host import host_check_of
from headstart.collector.findings import (
    Comparison,
    Figure,
    GateOutcome,
    Interval,
    RunResult,
    VariantOutcome,
)
from headstart.collector.metrics.families import CURVE, Sample
from headstart.collector.metrics.start_samples import break_even_samples, start_samples
from headstart.collector.metrics.warmup_curve import warmup_curve
from headstart.words.foreign.clean import label
from headstart.words.metric import series_of
from headstart.words.metrics import METRICS
from headstart.words.verdicts import LimitKind


def run_samples(result: RunResult) -> Iterator[Sample]:
    """Everything that one run says, without its warm-up curves; values are finite or NaN."""
    run = _run_labels(result)
    yield Sample(
        "headstart_run_info",
        (*run, *map(label, (result.run_id, result.baseline, result.revision, result.state))),
        1.0,
    )
    yield Sample("headstart_run_end_timestamp_seconds", run, result.ended_unix_seconds)
    yield Sample(
        "headstart_run_duration_seconds",
        run,
        result.ended_unix_seconds - result.started_unix_seconds,
    )
    yield Sample("headstart_run_blocks", run, result.blocks_completed)
    if (check := host_check_of(result)) is not None:
        yield Sample("headstart_host_fit", run, float(check.passed))
    shapes = {warmup.variant: label(warmup.shape) for warmup in result.load.variant_warmups}
    for variant in result.variants:
        labels = (*run, label(variant.variant))
        yield from _variant_samples(variant, labels, shapes.get(variant.variant, ""))
    for figure in result.figures:
        yield from _figure_samples(figure, (*run, label(figure.variant)))
    for comparison in result.comparisons:
        yield from _comparison_samples(comparison, (*run, label(comparison.variant)))
    for advised in result.recommendations:
        words = (advised.decision.value, advised.reason.value)
        yield Sample("headstart_recommendation", (*run, label(advised.variant), *words), 1.0)
    for gate in result.gate_outcomes:
        # Of a release that had other metrics.
        if gate.limit.metric in METRICS:
            yield from _gate_samples(gate, (*run, label(gate.variant)))
    yield from start_samples(result, run)
    yield from break_even_samples(result, run)


def curve_samples(result: RunResult) -> Iterator[Sample]:
    """The warm-up curve of each variant: most of a run's series, so the first to go."""
    run = _run_labels(result)
    for variant in dict.fromkeys(series.variant for series in result.load.series):
        trials = [series for series in result.load.series if series.variant == variant]
        for elapsed, throughput in warmup_curve(trials).items():
            labels = (*run, label(variant), f"{elapsed:g}")
            yield Sample(CURVE.name, labels, throughput)


def _run_labels(result: RunResult) -> tuple[str, ...]:
    # To Prometheus an empty label is no label, and a filter such as =~".+" would miss the run.
    texts = (result.experiment, result.host.name, result.host.fingerprint, result.host.cpu_model)
    return tuple(label(text) or "unknown" for text in texts)


def _variant_samples(
    outcome: VariantOutcome, labels: tuple[str, ...], shape: str
) -> Iterator[Sample]:
    yield Sample("headstart_variant_outcome", (*labels, label(outcome.outcome)), 1.0)
    info = (
        label(outcome.compilation),
        label(outcome.digest),
        label(outcome.binary_kind),
        "yes" if outcome.mislabelled else "no",
        shape,
    )
    yield Sample("headstart_variant_info", (*labels, *info), 1.0)
    yield Sample("headstart_trials", labels, outcome.trials)
    yield Sample("headstart_trials_failed", labels, outcome.trials_failed)
    yield Sample("headstart_trials_invalid", labels, outcome.trials_invalid)
    yield Sample("headstart_checks_passed", labels, outcome.checks_passed)
    yield Sample("headstart_checks_failed", labels, outcome.checks_failed)


def _figure_samples(figure: Figure, labels: tuple[str, ...]) -> Iterator[Sample]:
    name = series_of(figure.metric)
    yield from _with_interval(name, labels, figure.center, figure.interval)
    if figure.p95 is not None:
        yield Sample(name, (*labels, "p95"), figure.p95)


def _comparison_samples(comparison: Comparison, labels: tuple[str, ...]) -> Iterator[Sample]:
    metric = (*labels, label(comparison.metric))
    yield Sample(
        "headstart_verdict", (*metric, comparison.verdict.value, comparison.basis.value), 1.0
    )
    yield from _with_interval("headstart_ratio", metric, comparison.ratio, comparison.interval)


def _gate_samples(gate: GateOutcome, labels: tuple[str, ...]) -> Iterator[Sample]:
    limit = gate.limit
    side = "at most" if limit.at_most else "at least"
    unit = "ratio" if limit.kind is LimitKind.MARGIN else METRICS[limit.metric].unit.value
    asked = (*labels, limit.metric, limit.kind.value, side, unit)
    yield from _with_interval("headstart_gate_value", asked, gate.value, gate.interval)
    found = (gate.status.value, "yes" if limit.hard else "no")
    yield Sample("headstart_gate_limit", (*asked, *found), limit.limit)


def _with_interval(
    name: str, labels: tuple[str, ...], center: float | None, interval: Interval | None
) -> Iterator[Sample]:
    if center is not None:
        yield Sample(name, (*labels, "center"), center)
    if interval is not None:
        yield Sample(name, (*labels, "ci_low"), interval.low)
        yield Sample(name, (*labels, "ci_high"), interval.high)
