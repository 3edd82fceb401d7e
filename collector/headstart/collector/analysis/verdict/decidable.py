"""Which gates and verdicts a plan can decide at all, said before anything is measured.

The minimum is that of the analysis itself: of a gate that is named here none is ever passed
or missed, whatever is measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from headstart.collector.analysis.statistics.intervals import MINIMUM_BLOCKS, least_values
from headstart.collector.analysis.verdict.decide import confidence_of
from headstart.collector.analysis.verdict.gates import asked, limits_of
from headstart.collector.analysis.verdict.plan_yield import Lack, lack_of
from headstart.collector.findings import GateLimit
from headstart.v1.experiment_pb2 import Experiment, Variant
from headstart.words import metrics
from headstart.words.gate_profiles import PROFILES
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS, STEADY_METRICS
from headstart.words.readiness import Kind, kind_of
from headstart.words.verdicts import LimitKind

_STEADY = metrics.THROUGHPUT_STEADY.name
# Whose value a run cannot vouch for: it may be told by all trials together, or be zero.
_RATIO_SAYS_NOTHING = "it is not compared with the baseline"


@dataclass(frozen=True)
class Undecidable:
    """A gate, or the verdict on a headline metric, that this plan cannot decide."""

    metric: str
    # Whom it concerns, in the order of the file.
    variants: tuple[str, ...]
    # Why, and what to change, as one sentence without its full stop.
    text: str
    # Whether the file states the gate, by itself or by naming a profile.
    stated: bool
    # Where to look in the file: the gate that is stated, else what would have to change.
    path: tuple[str, ...]
    # None: no gate, but a verdict that every report tells.
    limit: GateLimit | None = None


def undecidable(experiment: Experiment) -> list[Undecidable]:
    """All of them, the gates first; empty: this plan can decide whatever is asked of it."""
    found = [] if experiment.aa else list(_gates(experiment))
    of_gates = {each.metric for each in found}
    return [*found, *(each for each in _headlines(experiment) if each.metric not in of_gates)]


def asks_for_steady(experiment: Experiment) -> bool:
    """Whether steady throughput is asked for: by a gate, or by a load that is long enough.

    Where a short load cannot have shown it and no gate wants it, a verdict on it would only
    tell of every run what its plan told before.
    """
    _, limits = limits_of(experiment)
    if any(limit.metric in STEADY_METRICS for limit in limits):
        return True
    lacks = (lack_of(experiment, _STEADY, variant, 0) for variant in experiment.variants)
    return not any(lacks)


def _gates(experiment: Experiment) -> Iterator[Undecidable]:
    _, limits = limits_of(experiment)
    own = {gate.metric for gate in experiment.gates.gates}
    of_figure = least_values(confidence_of(experiment.plan))
    for limit in limits:
        needed = MINIMUM_BLOCKS if limit.kind == LimitKind.MARGIN else of_figure
        for lack, variants in _lacks(
            experiment, limit.metric, needed, limit.kind == LimitKind.MARGIN
        ):
            stated = limit.metric in own or experiment.gates.profile in PROFILES
            place = (limit.metric, limit.kind) if limit.metric in own else ("profile",)
            yield Undecidable(
                metric=limit.metric,
                variants=variants,
                text=_text(f"the gate “{asked(limit, experiment.baseline)}”", lack),
                stated=stated,
                path=("gates", *place) if stated else lack.path,
                limit=limit,
            )


def _headlines(experiment: Experiment) -> Iterator[Undecidable]:
    """Verdicts that every report tells, of what the experiment has."""
    for metric in METRICS.values():
        if not metric.headline or not _is_measured(experiment, metric):
            continue
        for lack, variants in _lacks(experiment, metric.name, MINIMUM_BLOCKS, compared=True):
            title = metric.title[0].lower() + metric.title[1:]
            text = _text(f"the verdict on {title}", lack)
            yield Undecidable(metric.name, variants, text, stated=False, path=lack.path)


def _is_measured(experiment: Experiment, metric: Metric) -> bool:
    if metric.job:
        return metric.job in {job.name for job in experiment.jobs}
    if metric.under_load:
        asked = not metric.steady or asks_for_steady(experiment)
        return experiment.HasField("load") and asked
    if metric is metrics.RSS_IDLE:
        every_block = experiment.HasField("load") and experiment.plan.load_every == 1
        return kind_of(experiment) is not Kind.BATCH and not every_block
    return True


def _lacks(
    experiment: Experiment, metric: str, needed: int, compared: bool
) -> list[tuple[Lack, tuple[str, ...]]]:
    """What is lacking, and whom it concerns: each lack once."""
    by_lack: dict[Lack, list[str]] = {}
    baseline = next(v for v in experiment.variants if v.name == experiment.baseline)
    for variant in experiment.variants:
        if variant.name == experiment.baseline:
            continue
        lack = _lack(experiment, metric, [baseline, variant] if compared else [variant], needed)
        if lack is not None:
            by_lack.setdefault(lack, []).append(variant.name)
    return [(lack, tuple(variants)) for lack, variants in by_lack.items()]


def _lack(experiment: Experiment, metric: str, sides: list[Variant], needed: int) -> Lack | None:
    if len(sides) > 1 and not METRICS[metric].compared:
        return Lack(_RATIO_SAYS_NOTHING, "state a `max` instead of a `margin`", ())
    lacks = (lack_of(experiment, metric, side, needed) for side in sides)
    return next((lack for lack in lacks if lack is not None), None)


def _text(what: str, lack: Lack) -> str:
    said = f"this plan cannot decide {what}: {lack.reason}"
    return f"{said}; {lack.change}" if lack.change else said
