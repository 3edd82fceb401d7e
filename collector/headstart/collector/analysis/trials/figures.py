"""From trials to one value per trial and metric, with what each value is worth."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from headstart.collector.analysis.statistics.intervals import (
    MINIMUM_BLOCKS,
    figure_interval,
    figure_level,
)
from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.trials.takes import EXTRACTORS, TrialData
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.findings import Basis, Figure
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
            reading = Reading(
                trial.outcome.block,
                value,
                validity_of(trial, metric.stage),
                is_shared=metric is metrics.TIME_TO_STEADY
                and data.load is not None
                and data.load.warmup.decided_jointly,
            )
            found.setdefault((metric.name, trial.variant), []).append(reading)
    return found, dropped


def usable(readings: Iterable[Reading]) -> tuple[list[Reading], Basis]:
    """The valid ones; where these are fewer than three, the flagged ones as well."""
    right = [r for r in readings if r.validity is not Validity.WRONG]
    valid = [r for r in right if r.validity is Validity.VALID]
    if len(valid) >= MINIMUM_BLOCKS or len(valid) == len(right):
        return valid, Basis.VALID
    return right, Basis.FLAGGED


def figure_of(metric: Metric, variant: str, readings: list[Reading], confidence: float) -> Figure:
    """The figure of one variant; its center is None when no value is usable."""
    used, basis = usable(readings)
    left_out = [reading.value for reading in readings if reading not in used]
    values = np.array([reading.value for reading in used])
    interval = None
    if not metric.exact and not any(reading.is_shared for reading in used):
        interval = figure_interval(values, confidence)
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
    )
