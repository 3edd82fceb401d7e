"""Gates: limits that a variant is held against, and what its figures say to them.

A limit is passed or missed by the whole interval, never by the middle of it: what lies
across a limit is undecided, and what rests on disturbed trials is too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from headstart.collector.analysis.statistics.intervals import MINIMUM_BLOCKS, least_values
from headstart.collector.analysis.statistics.student import student_quantile
from headstart.collector.findings import (
    Basis,
    Comparison,
    Figure,
    GateLimit,
    GateOutcome,
    GateStatus,
    Interval,
    RunResult,
    Verdict,
    as_far_as,
)
from headstart.collector.findings.quantities import quantity, ratio as ratio_text
from headstart.v1.experiment_pb2 import Experiment
from headstart.words.gate_profiles import (
    PROFILES,
    SUBJECT_OF_JOB,
    GateProfile,
    ProfileLimit,
    Subject,
)
from headstart.words.job_names import JobName
from headstart.words.metric import Unit
from headstart.words.metrics import METRICS, STEADY_METRICS
from headstart.words.readiness import Kind, kind_of
from headstart.words.verdicts import LimitKind

DISTURBED_BETWEEN = "the worst case reaches across the limit"
DISTURBED = "too few trials were undisturbed to decide by them"

# The fewest values that are worth planning: an interval of fewer is several times as wide.
_USEFUL = 6
# More blocks than this are no advice: the figure is as good as on its limit.
_MOST_BLOCKS = 200


def subjects_of(experiment: Experiment) -> tuple[Subject, ...]:
    """What there is to measure in an experiment, so that a profile asks for nothing else."""
    loaded = experiment.HasField("load")
    batch = kind_of(experiment) is Kind.BATCH
    found = {
        Subject.SERVICE: not batch,
        Subject.BATCH: batch,
        Subject.LOAD: loaded,
        Subject.IDLE: not batch and not (loaded and experiment.plan.load_every == 1),
        Subject.IMAGE: all(v.WhichOneof("source") != "command" for v in experiment.variants),
        **{SUBJECT_OF_JOB[JobName(job.name)]: True for job in experiment.jobs},
    }
    return tuple(name for name, present in found.items() if present)


def known_subjects(result: RunResult) -> tuple[Subject, ...]:
    """Those of a result; of one from before they were recorded, what was measured."""
    if result.subjects:
        return result.subjects
    subject_of = {entry.metric.name: entry.subject for entry in PROFILES[GateProfile.CI_DEFAULT]}
    measured = {figure.metric for figure in result.figures}
    known = {Subject.SERVICE, *(subject_of.get(metric) for metric in measured)}
    return tuple(subject for subject in Subject if subject in known)


def limits_of(experiment: Experiment) -> tuple[str, tuple[GateLimit, ...]]:
    """Where an experiment's gates come from, in words, and what they are.

    Limits of the file replace those of its profile for the same metric. A file without
    gates is held against `ci-default`, and then nothing is rejected for missing one:
    nobody has said that it matters.
    """
    own = [
        GateLimit(gate.metric, kind, bound)
        for gate in experiment.gates.gates
        for kind, bound in (
            (LimitKind.MAX, gate.maximum if gate.HasField("maximum") else None),
            (LimitKind.MIN, gate.minimum if gate.HasField("minimum") else None),
            (LimitKind.MARGIN, gate.margin if gate.HasField("margin") else None),
        )
        if bound is not None
    ]
    profile = experiment.gates.profile
    subjects, margins = subjects_of(experiment), experiment.margins
    if profile not in PROFILES:
        if own:
            return "the experiment file", tuple(own)
        default = GateProfile.CI_DEFAULT
        limits = profile_limits(default, subjects, margins, hard=False)
        return f"{default}, since the file states no gates", limits
    replaced = {limit.metric for limit in own}
    limits = profile_limits(profile, subjects, margins)
    kept = [limit for limit in limits if limit.metric not in replaced]
    return f"{profile}, with limits of the file" if own else profile, (*kept, *own)


def profile_limits(
    profile: str, subjects: tuple[str, ...], margins: Mapping[str, float], *, hard: bool = True
) -> tuple[GateLimit, ...]:
    """A profile's limits for an experiment that has these subjects and margins."""
    return tuple(
        GateLimit(entry.metric.name, entry.kind, _bound(entry, margins), hard)
        for entry in PROFILES[GateProfile(profile)]
        if not entry.subject or entry.subject in subjects
    )


def _bound(entry: ProfileLimit, margins: Mapping[str, float]) -> float:
    if entry.bound is not None:
        return entry.bound
    return margins.get(entry.metric.name, entry.metric.margin)


def gate_outcome(result: RunResult, variant: str, limit: GateLimit) -> GateOutcome:
    """One limit against one variant's figures; never raises for what was measured."""
    found = (
        _ratio(result, variant, limit)
        if limit.kind == LimitKind.MARGIN
        else _value(result, variant, limit)
    )
    title = asked(limit, result.baseline)
    run = f"run {result.run_id}"
    reason, more = "", None
    if found.value is None:
        status, reason = GateStatus.NOT_MEASURED, found.reason
        text = f"{title}: {reason} ({run})"
    else:
        status = _status(found)
        text = f"{title}: {found.said} ({found.evidence(_seen(result, variant, limit) + run)})"
        if status is GateStatus.UNDECIDED:
            reason, more = _why(found), _more_blocks(found, result)
            text = f"{text}; {reason}"
        elif found.disturbed:
            text = (
                f"{text}; decided although {found.disturbed} of {found.count} {found.counted}s were"
                " disturbed, since it holds at both ends of what these can have been"
            )
    return GateOutcome(
        variant, limit, status, found.value, found.interval, found.count, text, reason, more
    )


def _seen(result: RunResult, variant: str, limit: GateLimit) -> str:
    """Of a steady figure, in how much load it was seen; else empty."""
    if limit.metric not in STEADY_METRICS:
        return ""
    against = (result.baseline,) if limit.kind == LimitKind.MARGIN else ()
    seen = as_far_as(result.load.variant_warmups, variant, *against)
    return f"{seen}, " if seen else ""


def asked(limit: GateLimit, baseline: str) -> str:
    """What a limit asks for: "Startup at most 50.0 ms"."""
    metric = METRICS[limit.metric]
    if limit.kind == LimitKind.MARGIN:
        side = "above" if metric.lower_is_better else "below"
        return f"{metric.title} at most {limit.bound * 100:g} % {side} {baseline}"
    word = "at most" if limit.kind == LimitKind.MAX else "at least"
    return f"{metric.title} {word} {quantity(limit.bound, metric.unit)}"


@dataclass(frozen=True)
class _Found:
    """A value to be judged; the limit in the value's own terms."""

    value: float | None
    interval: Interval | None
    bound: float
    at_most: bool
    count: int
    exact: bool = False
    basis: Basis = Basis.VALID
    # How many of what is counted were disturbed and stand between bounds.
    disturbed: int = 0
    # Of the interval; where there is none, what was asked for.
    confidence: float = 0.95
    # The value in words, the interval in words, and what `count` counts.
    said: str = ""
    span: str = ""
    counted: str = "trial"
    # Why there is no value.
    reason: str = ""

    @property
    def least(self) -> int:
        """How many of what is counted an interval takes."""
        return MINIMUM_BLOCKS if self.counted == "block" else least_values(self.confidence)

    def evidence(self, run: str) -> str:
        parts = [f"{self.confidence * 100:g} % interval {self.span}"] if self.span else []
        if not self.exact:
            parts.append(f"{self.count} {self.counted}{'' if self.count == 1 else 's'}")
        if self.basis is Basis.FLAGGED:
            parts.append("disturbed")
        if self.disturbed:
            parts.append(f"the worst case of {self.disturbed} disturbed")
        return ", ".join([*parts, run])


def _value(result: RunResult, variant: str, limit: GateLimit) -> _Found:
    metric = METRICS[limit.metric]
    figure = result.figure(limit.metric, variant)
    at_most = limit.at_most
    if figure is None or figure.center is None:
        reason = _why_missing(result, variant, limit.metric)
        return _Found(None, None, limit.bound, at_most, 0, reason=reason)
    interval = figure.interval
    return _Found(
        value=figure.center,
        interval=interval,
        bound=limit.bound,
        at_most=at_most,
        count=len(figure.values),
        exact=metric.exact or _constant(figure),
        basis=figure.basis,
        disturbed=figure.disturbed,
        confidence=figure.confidence,
        said=quantity(figure.center, metric.unit),
        span=_span(interval, metric.unit),
    )


def _constant(figure: Figure) -> bool:
    alike = len(set(figure.values)) == 1 and not figure.disturbed
    return alike and len(figure.values) >= least_values(figure.confidence)


def _span(interval: Interval | None, unit: str) -> str:
    if interval is None:
        return ""
    return f"{quantity(interval.low, unit)} to {quantity(interval.high, unit)}"


def _ratio(result: RunResult, variant: str, limit: GateLimit) -> _Found:
    metric = METRICS[limit.metric]
    at_most, bound = limit.at_most, limit.limit
    comparison = result.comparison(limit.metric, variant)
    if comparison is None or comparison.ratio is None:
        reason = (comparison.reason if comparison else "") or _why_missing(
            result, variant, limit.metric
        )
        return _Found(None, None, bound, at_most, 0, reason=reason)
    return _Found(
        value=comparison.ratio,
        interval=comparison.interval,
        bound=bound,
        at_most=at_most,
        count=comparison.blocks,
        exact=metric.exact,
        basis=comparison.basis,
        disturbed=comparison.disturbed_blocks if comparison.basis is Basis.BOUNDED else 0,
        confidence=comparison.confidence,
        said=_sides(result, comparison),
        span=_ratio_span(comparison.interval),
        counted="block",
    )


def _sides(result: RunResult, comparison: Comparison) -> str:
    ratio = f"ratio {ratio_text(comparison.ratio or 0.0)}"
    metric = METRICS[comparison.metric]
    sides = [result.figure(metric.name, name) for name in (comparison.variant, comparison.baseline)]
    centers = [side.center for side in sides if side is not None and side.center]
    # A ratio is of the blocks' own ratios: two medians of which it is not would contradict it.
    if len(centers) < len(sides) or comparison.is_apart(*centers):
        return ratio
    return f"{ratio}, {' against '.join(quantity(each, metric.unit) for each in centers)}"


def _ratio_span(interval: Interval | None) -> str:
    return f"{ratio_text(interval.low)} to {ratio_text(interval.high)}" if interval else ""


def _why_missing(result: RunResult, variant: str, metric: str) -> str:
    comparison = result.comparison(metric, variant)
    if comparison is not None and comparison.verdict is Verdict.UNAVAILABLE and comparison.reason:
        return comparison.reason
    if (
        Subject.LOAD not in (result.subjects or (Subject.LOAD,))
        and METRICS[metric].unit is Unit.PER_SECOND
    ):
        return "the experiment applies no load"
    return f"{variant} has no usable value of it"


def _status(found: _Found) -> GateStatus:
    value, interval = found.value, found.interval
    assert value is not None  # noqa: S101  # the caller looked
    if found.exact:
        interval = Interval(value, value)
    if interval is None or found.basis is Basis.FLAGGED:
        return GateStatus.UNDECIDED
    best, worst = (
        (interval.low, interval.high) if found.at_most else (-interval.high, -interval.low)
    )
    bound = found.bound if found.at_most else -found.bound
    if worst <= bound:
        return GateStatus.PASSED
    return GateStatus.FAILED if best > bound else GateStatus.UNDECIDED


def _why(found: _Found) -> str:
    if found.basis is Basis.FLAGGED:
        return DISTURBED
    if found.interval is None:
        return f"an interval takes {found.least} {found.counted}s"
    if found.disturbed:
        return f"{DISTURBED_BETWEEN}: {found.disturbed} of {found.count} were disturbed"
    return "the interval reaches across the limit"


def _more_blocks(found: _Found, result: RunResult) -> int | None:
    """How many more blocks it may take, as an interval narrows with the root of its number.

    From the side of the interval that reaches across the limit, on a logarithmic scale;
    None where disturbed trials are all there is, or where no sensible number would do.
    """
    if found.basis is Basis.FLAGGED or not found.count:
        return None
    # A worst case narrows with a quieter host, not with more blocks.
    if found.disturbed and found.interval is not None:
        return None
    # A metric of load has a value in some of the blocks only, and invalid trials none.
    blocks_each = max(result.blocks_completed, found.count) / found.count
    if found.interval is None:
        return math.ceil((max(found.least, _USEFUL) - found.count) * blocks_each)
    value, bound = found.value, found.bound
    ends = (found.interval.low, found.interval.high)
    if value is None or min(value, bound, *ends) <= 0:
        return None
    distance = abs(math.log(bound / value))
    end = ends[1] if value < bound else ends[0]
    reach = abs(math.log(end / value))
    if distance <= 0:
        return None
    needed = count_for(found.count, distance / reach, found.confidence)
    return None if needed is None else math.ceil((needed - found.count) * blocks_each)


def count_for(count: int, share: float, confidence: float) -> int | None:
    """How many it takes until an interval of `count` has shrunk to this share of its reach.

    The reach of an interval is Student's quantile over the root of their number.
    """

    def reach(of: int) -> float:
        return student_quantile((1 + confidence) / 2, of - 1) / math.sqrt(of)

    wanted = share * reach(max(count, 2))
    for needed in range(count + 1, count + _MOST_BLOCKS + 1):
        if reach(needed) <= wanted:
            return needed
    return None
