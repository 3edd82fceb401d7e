"""From trials to one value per trial and metric, with what each value is worth."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    figure_interval,
    figure_level,
)
from headstart.collector.analysis.trials.bounds import Corners, corners_of
from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.trials.takes import EXTRACTORS, PHASES, Take, TrialData
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.findings import Basis, Figure, Interval
from headstart.words import metrics
from headstart.words.metric import Metric, Stage

# Below this many trials a 95th percentile is the largest value by another name.
_P95_TRIALS = 20


@dataclass(frozen=True)
class Reading:
    """One trial's value of a metric."""

    block: int
    value: float
    validity: Validity
    # It was told by all trials together, so that how alike they are says nothing.
    is_shared: bool = False
    # Of a flagged value: between which two the undisturbed one lay; None: not known.
    bounds: Interval | None = None

    @property
    def low(self) -> float:
        """At least so much it would have been undisturbed."""
        return self.bounds.low if self.bounds else self.value

    @property
    def high(self) -> float:
        """At most so much it would have been undisturbed."""
        return self.bounds.high if self.bounds else self.value

    @property
    def counts(self) -> bool:
        """Whether it can be compared: it is valid, or it is known how far it may be off."""
        return self.validity is Validity.VALID or self.bounds is not None


Readings = Mapping[tuple[str, str], list[Reading]]


def readings_of(
    trials: Iterable[Trial], loads: Mapping[int, TrialLoad], load_planned: bool
) -> tuple[dict[tuple[str, str], list[Reading]], int]:
    """Values by (metric, variant), and how many were dropped as no measurement at all.

    A value that is negative or not finite comes from contradictory stamps or counters.
    """
    found: dict[tuple[str, str], list[Reading]] = {}
    dropped = 0
    for trial in trials:
        data = TrialData(trial, loads.get(trial.number), load_planned)
        corners = {stage: corners_of(trial, stage) for stage in (Stage.STARTUP, Stage.JOBS)}
        for metric, take in EXTRACTORS.items():
            if metric.stage is Stage.LOAD and trial.outcome.HasField("failure"):
                # It died, or the generator failed: what there is of the phase is incomplete.
                continue
            value = take(data)
            if value is None:
                continue
            if not math.isfinite(value) or value < 0:
                dropped += 1
                continue
            validity = validity_of(trial, metric.stage, PHASES.get(metric, frozenset()))
            ends = corners.get(metric.stage) if validity is Validity.FLAGGED else None
            reading = Reading(
                trial.outcome.block,
                value,
                validity,
                is_shared=metric is metrics.TIME_TO_STEADY
                and data.load is not None
                and data.load.warmup.decided_jointly,
                bounds=_bounds(data, take, ends) if ends else None,
            )
            found.setdefault((metric.name, trial.variant), []).append(reading)
    return found, dropped


def _bounds(data: TrialData, take: Take, corners: Corners) -> Interval | None:
    ends = [take(replace(data, trial=corner)) for corner in corners]
    found = [end for end in ends if end is not None and math.isfinite(end) and end > 0]
    return Interval(min(found), max(found)) if len(found) == len(corners) else None


def usable(readings: Iterable[Reading]) -> tuple[list[Reading], Basis]:
    """The valid and the bounded ones; where these are fewer than three, all flagged ones."""
    right = [r for r in readings if r.validity is not Validity.WRONG]
    counted = [r for r in right if r.counts]
    if len(counted) >= MINIMUM_BLOCKS or len(counted) == len(right):
        return counted, basis_of(counted)
    return right, Basis.FLAGGED


def basis_of(counted: Iterable[Reading]) -> Basis:
    """What readings that count are worth together."""
    return Basis.BOUNDED if any(r.bounds is not None for r in counted) else Basis.VALID


def figure_of(metric: Metric, variant: str, readings: list[Reading], confidence: float) -> Figure:
    """The figure of one variant; its center is None when no value is usable."""
    used, basis = usable(readings)
    left_out = [reading.value for reading in readings if reading not in used]
    values = np.array([reading.value for reading in used])
    interval = None
    if not metric.exact and not any(reading.is_shared for reading in used):
        interval = _envelope(used, confidence)
    return Figure(
        metric=metric.name,
        variant=variant,
        values=tuple(reading.value for reading in used),
        blocks=tuple(reading.block for reading in used),
        excluded=len(left_out),
        center=float(np.median(values)) if used else None,
        interval=interval,
        p95=float(np.quantile(values, 0.95)) if len(used) >= _P95_TRIALS else None,
        excluded_values=tuple(left_out),
        basis=basis,
        confidence=figure_level(len(used), confidence) or confidence,
        bounds=tuple(Interval(r.low, r.high) for r in used) if basis is Basis.BOUNDED else (),
    )


def _envelope(used: list[Reading], confidence: float) -> Interval | None:
    """All that the interval can be: its ends move with every value, never against it."""
    lowest = figure_interval([reading.low for reading in used], confidence)
    highest = figure_interval([reading.high for reading in used], confidence)
    return Interval(lowest.low, highest.high) if lowest and highest else None
