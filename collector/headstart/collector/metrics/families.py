"""The metrics that the collector exposes, and how a run or a host becomes samples of them.

Pure: no cache, no HTTP. Names and labels are an interface that users' dashboards and
alerts are built on; docs/adr/0042 says why they have this shape.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from headstart.collector.analysis.aa_of_host import host_check_of
from headstart.collector.findings import Comparison, Figure, RunResult, VariantOutcome
from headstart.collector.metrics.warmup_curve import warmup_curve
from headstart.v1.experiments_pb2 import Confirmation, HostState, Shift
from headstart.v1.host_pb2 import AdviceLevel
from headstart.words.enums import word
from headstart.words.foreign.clean import label
from headstart.words.metric import series_of
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Verdict

# On every gauge of a run, so that a dashboard can filter by hardware without a join.
RUN_LABELS = ("experiment", "host", "fingerprint", "cpu_model")
_VARIANT_LABELS = (*RUN_LABELS, "variant")


@dataclass(frozen=True)
class Family:
    """One metric of the exposition; all of them are gauges."""

    name: str
    documentation: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One series: its family's name, its label values in the family's order, its value."""

    family: str
    labels: tuple[str, ...]
    value: float


CURVE = Family(
    "headstart_warmup_throughput_per_second",
    "Correct responses per second up to `elapsed` seconds after the first correct response, "
    "counted from the grid point before; median of the valid trials.",
    (*_VARIANT_LABELS, "elapsed"),
)

RESULT_FAMILIES = (
    *(
        Family(
            metric.series,
            f"{metric.title}. {metric.description} The center is the median.",
            (*_VARIANT_LABELS, "stat"),
        )
        for metric in METRICS.values()
    ),
    Family(
        "headstart_ratio",
        "The variant's metric over the baseline's. stat: center, ci_low, ci_high.",
        (*_VARIANT_LABELS, "metric", "stat"),
    ),
    Family(
        "headstart_verdict",
        "Always 1; `verdict` is the judgement that holds now against the baseline. basis: valid, "
        "bounded where disturbed trials count by how far they may be off, or flagged where too "
        "few counted and disturbed ones were taken in as measured.",
        (*_VARIANT_LABELS, "metric", "verdict", "basis"),
    ),
    Family(
        "headstart_variant_outcome",
        "Always 1; `outcome` is what became of the variant as a whole.",
        (*_VARIANT_LABELS, "outcome"),
    ),
    Family(
        "headstart_variant_info",
        "Always 1; how the variant is compiled, the digest that was measured, what its program "
        "was found to be (empty: not known) and whether that contradicts how it is said to be "
        "compiled (yes, no).",
        (*_VARIANT_LABELS, "compilation", "digest", "binary_kind", "mislabelled"),
    ),
    Family(
        "headstart_variant_warmup",
        "Always 1; `shape` is the course of the variant's throughput under load.",
        (*_VARIANT_LABELS, "shape"),
    ),
    Family(
        "headstart_recommendation",
        "Always 1; `recommendation` is proceed, defer or reject.",
        (*_VARIANT_LABELS, "recommendation"),
    ),
    Family(
        "headstart_gate",
        "Always 1; `outcome` is pass, fail, undecided or not measured. limit: max, min or margin. "
        "stated: no where nobody stated the gate, so that missing it rejects nothing.",
        (*_VARIANT_LABELS, "metric", "limit", "outcome", "stated"),
    ),
    Family("headstart_trials", "Trials of the variant, valid or not.", _VARIANT_LABELS),
    Family("headstart_trials_failed", "Trials that did not become ready.", _VARIANT_LABELS),
    Family(
        "headstart_trials_invalid",
        "Trials of which a figure was left out of verdicts, because something disturbed it.",
        _VARIANT_LABELS,
    ),
    Family("headstart_checks_passed", "Check outcomes that were right.", _VARIANT_LABELS),
    Family("headstart_checks_failed", "Check outcomes that were wrong.", _VARIANT_LABELS),
    Family(
        "headstart_run_info",
        "Always 1; slow facts of the latest run of an experiment on a host.",
        (*RUN_LABELS, "baseline", "revision", "state"),
    ),
    Family("headstart_run_end_timestamp_seconds", "When the run ended, Unix time.", RUN_LABELS),
    Family("headstart_run_duration_seconds", "From the run's start to its end.", RUN_LABELS),
    Family(
        "headstart_host_fit",
        "Of A/A runs only (experiments ending in .aa): 1 where the same variant twice gave no "
        "verdict of difference, 0 where it did, and verdicts from the host are doubtful.",
        RUN_LABELS,
    ),
    Family("headstart_run_blocks", "Blocks that the run completed.", RUN_LABELS),
    CURVE,
)

HOST_FAMILIES = (
    Family("headstart_host_up", "1 while the host's agent is connected.", ("host",)),
    Family(
        "headstart_host_ready",
        "1 while the host's agent is connected and takes runs; 0: `headstart status` says why.",
        ("host",),
    ),
    Family(
        "headstart_host_takes_no_run",
        "1 for each reason for which the host is given no run: drained (by an operator), not_ready "
        "(its agent says so) or not_connected.",
        ("host", "reason"),
    ),
    Family(
        "headstart_host_twin",
        "1 while another agent asks to attend as the host, as after a machine was cloned, and is "
        "refused.",
        ("host",),
    ),
    Family("headstart_host_busy", "1 while the host has a run.", ("host",)),
    Family(
        "headstart_host_last_seen_timestamp_seconds",
        "When the host's agent was last heard of, Unix time.",
        ("host",),
    ),
    Family(
        "headstart_host_spool_bytes",
        "Records that the agent holds on disk and the collector has not confirmed.",
        ("host",),
    ),
    Family(
        "headstart_host_advice",
        "Findings about the host that spoil measurements, by level (see `headstart doctor`).",
        ("host", "level"),
    ),
    Family(
        "headstart_host_info",
        "Always 1; slow facts of a host.",
        (
            "host",
            "fingerprint",
            "cpu_model",
            "virtualisation",
            "kernel",
            "operating_system",
            "engine",
            "agent_version",
        ),
    ),
)

_SHIFT_LABELS = (
    "experiment",
    "fingerprint",
    "cpu_model",
    "variant",
    "metric",
    "direction",
    "confirmation",
    "revision",
)

SHIFT_FAMILIES = (
    Family(
        "headstart_shift_ratio",
        "A lasting change of a figure's level over revisions that is open: new level over old. "
        "direction: worse, better (for 30 days). confirmation: none, rerun (old and new, run "
        "again in turns, differ), exact (the figure does not vary). revision: since which.",
        _SHIFT_LABELS,
    ),
    Family(
        "headstart_shift_first_seen_timestamp_seconds",
        "When the shift was found, Unix time.",
        _SHIFT_LABELS,
    ),
)


def run_samples(result: RunResult) -> Iterator[Sample]:
    """Everything that one run says, without its warm-up curves; values are finite or NaN."""
    run = _run_labels(result)
    yield Sample(
        "headstart_run_info",
        (*run, *map(label, (result.baseline, result.revision, result.state))),
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
    for variant in result.variants:
        yield from _variant_samples(variant, (*run, label(variant.variant)))
    for warmup in result.load.variant_warmups:
        labels = (*run, label(warmup.variant), label(warmup.shape))
        yield Sample("headstart_variant_warmup", labels, 1.0)
    for figure in result.figures:
        yield from _figure_samples(figure, (*run, label(figure.variant)))
    for comparison in result.comparisons:
        yield from _comparison_samples(comparison, (*run, label(comparison.variant)))
    for advised in result.recommendations:
        labels = (*run, label(advised.variant), advised.decision.value)
        yield Sample("headstart_recommendation", labels, 1.0)
    for gate in result.gate_outcomes:
        limit = gate.limit
        asked = (label(limit.metric), limit.kind)
        stated = "yes" if limit.hard else "no"
        labels = (*run, label(gate.variant), *asked, gate.status.value, stated)
        yield Sample("headstart_gate", labels, 1.0)


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


def _variant_samples(outcome: VariantOutcome, labels: tuple[str, ...]) -> Iterator[Sample]:
    yield Sample("headstart_variant_outcome", (*labels, label(outcome.outcome)), 1.0)
    info = (
        label(outcome.compilation),
        label(outcome.digest),
        label(outcome.binary_kind),
        "yes" if outcome.mislabelled else "no",
    )
    yield Sample("headstart_variant_info", (*labels, *info), 1.0)
    yield Sample("headstart_trials", labels, outcome.trials)
    yield Sample("headstart_trials_failed", labels, outcome.trials_failed)
    yield Sample("headstart_trials_invalid", labels, outcome.trials_invalid)
    yield Sample("headstart_checks_passed", labels, outcome.checks_passed)
    yield Sample("headstart_checks_failed", labels, outcome.checks_failed)


def _figure_samples(figure: Figure, labels: tuple[str, ...]) -> Iterator[Sample]:
    name = series_of(figure.metric)
    if figure.center is not None:
        yield Sample(name, (*labels, "center"), figure.center)
    if figure.interval is not None:
        yield Sample(name, (*labels, "ci_low"), figure.interval.low)
        yield Sample(name, (*labels, "ci_high"), figure.interval.high)
    if figure.p95 is not None:
        yield Sample(name, (*labels, "p95"), figure.p95)


def _comparison_samples(comparison: Comparison, labels: tuple[str, ...]) -> Iterator[Sample]:
    metric = (*labels, label(comparison.metric))
    yield Sample(
        "headstart_verdict", (*metric, comparison.verdict.value, comparison.basis.value), 1.0
    )
    if comparison.ratio is not None:
        yield Sample("headstart_ratio", (*metric, "center"), comparison.ratio)
    if comparison.interval is not None:
        yield Sample("headstart_ratio", (*metric, "ci_low"), comparison.interval.low)
        yield Sample("headstart_ratio", (*metric, "ci_high"), comparison.interval.high)


def shift_samples(shift: Shift) -> Iterator[Sample]:
    """One open shift; an empty label is no label to Prometheus, so there is none."""
    texts = (shift.experiment, shift.fingerprint, shift.cpu_model, shift.variant, shift.metric)
    labels = (
        *(label(text) or "unknown" for text in texts),
        Verdict.WORSE if shift.worse else Verdict.BETTER,
        word(Confirmation, shift.confirmation) or "none",
        label(shift.since_revision) or "unknown",
    )
    yield Sample("headstart_shift_ratio", labels, shift.ratio)
    yield Sample(
        "headstart_shift_first_seen_timestamp_seconds", labels, shift.first_seen_time_seconds
    )


def host_samples(state: HostState) -> Iterator[Sample]:
    """What is known of one host now."""
    facts = state.host
    host = (label(facts.host),)
    yield Sample("headstart_host_up", host, float(state.connected))
    yield Sample("headstart_host_ready", host, float(state.connected and not state.not_ready))
    reasons = {
        "drained": state.drained_time_seconds > 0,
        "not_ready": bool(state.not_ready),
        "not_connected": not state.connected,
    }
    for reason, holds in reasons.items():
        yield Sample("headstart_host_takes_no_run", (*host, reason), float(holds))
    yield Sample("headstart_host_twin", host, float(bool(state.refused_twin_time_seconds)))
    yield Sample("headstart_host_busy", host, float(bool(state.running_run_id)))
    yield Sample("headstart_host_last_seen_timestamp_seconds", host, state.last_seen_time_seconds)
    yield Sample("headstart_host_spool_bytes", host, state.spool_bytes)
    for level in (AdviceLevel.ADVICE_LEVEL_WARNING, AdviceLevel.ADVICE_LEVEL_BAD):
        found = sum(advice.level == level for advice in facts.advice)
        yield Sample("headstart_host_advice", (*host, word(AdviceLevel, level)), found)
    engine = f"{facts.engine.name} {facts.engine.version}".strip()
    info = (
        facts.fingerprint,
        facts.cpu.model,
        facts.cpu.virtualisation,
        facts.kernel,
        facts.operating_system,
        engine,
        facts.agent_version,
    )
    yield Sample("headstart_host_info", (*host, *map(label, info)), 1.0)
