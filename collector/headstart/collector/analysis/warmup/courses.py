"""The courses of a variant's trials, together: what may be said of its steady state.

On a restless host one trial often cannot tell a drift of its own from one of the host's.
The host's differ from trial to trial, so the median trial, cell by cell, is free of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from headstart.collector.analysis.statistics.trend import Floats
from headstart.collector.analysis.warmup.detection import Course, course_from, course_of
from headstart.collector.findings import Shape, VariantWarmup, Warmup
from headstart.v1.experiment_pb2 import Compilation
from headstart.words import metrics

# A JIT that serves at one speed for ten or twenty seconds may be about to serve at twice
# that: tiers are compiled when there is time, and under load on one core there is little.
# No series tells that in advance. .NET 10 was seen to take 30 s; the third that must be
# steady comes on top.
JIT_SECONDS = 45.0
# Of a variant that does not say what it is, the worse is assumed.
MAY_HAVE_JIT = (
    Compilation.COMPILATION_UNSPECIFIED,
    Compilation.COMPILATION_JIT,
    Compilation.COMPILATION_MIXED,
)
# A shape that this share of the trials has is the variant's.
_AGREEMENT = 0.75
# A trial that changed its level by no more than the margin of the steady throughput is none
# that contradicts a level variant: on a host whose neighbours come and go most change a little.
MATERIAL = metrics.THROUGHPUT_STEADY.margin


@dataclass(frozen=True)
class Seen:
    """One trial under load: requests/s in cells of equal width, and the course that they show."""

    variant: str
    trial: int
    valid: bool
    cells: Floats
    course: Course


@dataclass(frozen=True)
class Together:
    """The shape of a variant, and what trials that vary too much to tell are in company."""

    shape: Shape
    courses: Mapping[int, Course] = field(default_factory=dict)


def together(trials: Sequence[Seen]) -> Together:
    """The course of one variant's trials. Valid ones decide; where there is none, all do.

    It is that of the median trial unless more than a quarter of them contradict it; where
    that one cannot tell either, it is the course that three quarters of them have.
    `trials` must not be empty.
    """
    deciding = [trial for trial in trials if trial.valid] or list(trials)
    middle = _median_trial(deciding)
    course = course_of(middle) if middle is not None else None
    if middle is None or course is None or not course.is_told:
        return Together(_voted([trial.course for trial in deciding]))
    against = sum(_contradicts(trial, course, middle) for trial in deciding)
    if against > (1 - _AGREEMENT) * len(deciding):
        return Together(Shape.INCONSISTENT)
    return Together(course.shape, _decided_jointly(trials, course, middle))


def variant_warmup(
    variant: str, warmups: Sequence[Warmup], shape: Shape, *, may_have_jit: bool
) -> VariantWarmup:
    """`shape` as `together` says. `warmups` must not be empty."""
    trials = [w for w in warmups if w.valid] or list(warmups)
    settled = [w for w in trials if w.steady_from_seconds is not None]
    observed = median(w.observed_seconds for w in trials)
    reason = _reason(trials, len(settled))
    if settled and may_have_jit and is_too_short_for_jit(observed):
        settled = []
        reason = (
            f"was under load for {observed:.0f} s only, less than the {JIT_SECONDS:.0f} s "
            "after which a JIT is believed to be warm"
        )
    return VariantWarmup(
        variant=variant,
        shape=shape,
        trials=len(trials),
        settled=len(settled),
        decided_jointly=sum(w.decided_jointly for w in settled),
        steady_from_seconds=_steady_from(settled, shape),
        observed_seconds=observed,
        reason=reason,
    )


def is_too_short_for_jit(observed_seconds: float) -> bool:
    """Whether a JIT may not be warm after so much load; windows may end a little early."""
    return observed_seconds < 0.98 * JIT_SECONDS


def is_steady(warmup: VariantWarmup) -> bool:
    """Whether a steady figure may stand for the variant.

    The trials that settled are a selection: where half did not, their mean would be the
    figure of the lucky ones.
    """
    return 2 * warmup.settled > warmup.trials


def _steady_from(settled: Sequence[Warmup], shape: Shape) -> float | None:
    """Of a variant that is flat some trials may have shifted a little on their way: it has not."""
    starts = [w.steady_from_seconds for w in settled if w.steady_from_seconds is not None]
    if not starts:
        return None
    return 0.0 if shape == Shape.FLAT else median(starts)


def _reason(trials: Sequence[Warmup], settled: int) -> str:
    """How those that did not settle ended, most often; empty when all settled."""
    if settled == len(trials):
        return ""
    unsettled = [w for w in trials if w.steady_from_seconds is None]
    reason, _ = Counter(w.reason for w in unsettled).most_common(1)[0]
    if all(w.shape in (Shape.NO_SERIES, Shape.RISING_RATE) for w in unsettled):
        return reason
    seconds = median(w.observed_seconds for w in unsettled)
    share = "" if len(trials) == 1 else f" in {len(unsettled)} of {len(trials)} trials"
    return f"{reason} after {seconds:.0f} s of load{share}"


def _median_trial(trials: Sequence[Seen]) -> Floats | None:
    """Cell by cell the median, each trial in units of its last third's; None: there is none."""
    if not all(trial.course.is_seen for trial in trials):
        return None
    cells = min(len(trial.cells) for trial in trials)
    levels = [float(np.median(trial.cells[2 * cells // 3 : cells])) for trial in trials]
    if not all(0 < level < float("inf") for level in levels):
        return None
    scaled = [t.cells[:cells] / level for t, level in zip(trials, levels, strict=True)]
    return np.asarray(np.median(scaled, axis=0))


def _contradicts(trial: Seen, course: Course, middle: Floats) -> bool:
    """Whether a trial shows another course than the median trial does."""
    told = trial.course
    if told.shape is Shape.NO_STEADY_STATE and told.is_told:
        return course.shape is not Shape.NO_STEADY_STATE
    if course.shape in (Shape.WARMUP, Shape.SLOWDOWN) and course.steady_from:
        # Half of a mixture's change is none of a flat trial's, and all of a changing trial's.
        whole = _change(middle, course.steady_from)
        return _change(trial.cells, course.steady_from) / whole < 0.5
    if course.shape is Shape.FLAT and told.steady_from:
        return abs(_change(trial.cells, told.steady_from)) > MATERIAL
    return told.is_told and told.shape is not course.shape


def _change(cells: Floats, steady_from: int) -> float:
    """How far what came before lies from the steady part, as a share of it."""
    return float(cells[:steady_from].mean() / cells[steady_from:].mean()) - 1


def _decided_jointly(trials: Sequence[Seen], course: Course, middle: Floats) -> dict[int, Course]:
    found = {}
    for trial in trials:
        if course.steady_from is None or not trial.course.is_seen:
            continue
        # One that its own noise let pass as flat has the change of the others.
        hides = trial.course.shape is Shape.FLAT is not course.shape
        hides = hides and not _contradicts(trial, course, middle)
        if hides or not trial.course.is_told:
            told = course_from(trial.cells, course)
            if told is not None:
                found[trial.trial] = told
    return found


def _voted(courses: Sequence[Course]) -> Shape:
    shape, agreeing = Counter(course.shape for course in courses).most_common(1)[0]
    return shape if agreeing >= _AGREEMENT * len(courses) else Shape.INCONSISTENT
