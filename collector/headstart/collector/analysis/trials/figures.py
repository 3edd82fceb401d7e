"""From trials to one value per trial and metric, with what each value is worth."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from headstart.collector.analysis.statistics.bootstrap import (
    MINIMUM_BLOCKS,
    center_interval,
    generator,
    middle,
)
from headstart.collector.analysis.trials.jobs import TAKEN as TAKEN_OF_JOBS, TIMES as TIMES_OF_JOBS
from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.findings import Basis, Figure
from headstart.v1.records_pb2 import FailureCode, FlagEffect, Phase, PhaseMemory
from headstart.words.metric import Metric

# Below this many trials a 95th percentile is the largest value by another name.
_P95_TRIALS = 20
# More wrong answers than this and the variant did other work than was asked for.
WRONG_SHARE = 0.01


class Standing(Enum):
    """What a trial's value may be used for."""

    VALID = 1
    # The host or the generator disturbed it: used only where too few are valid.
    FLAGGED = 2
    # The app answered wrongly: it did other work, so its speed says nothing.
    WRONG = 3


class Part(Enum):
    """The part of a trial that a value comes from; flags spoil parts."""

    # Wall-clock times of startup. CPU time of startup stands when these do not: that
    # is what it is for (it moves 10-15 % where wall times move twofold).
    STARTUP = 1
    LOAD = 2
    ANY = 3
    # Wall-clock times of a batch program's jobs.
    JOBS = 4


@dataclass(frozen=True)
class Reading:
    """One trial's value of a metric."""

    block: int
    value: float
    standing: Standing
    # It was told by all trials together, so that how alike they are says nothing.
    is_shared: bool = False


Readings = Mapping[tuple[str, str], list[Reading]]

_SPOILED_BY = {
    Part.STARTUP: {FlagEffect.FLAG_EFFECT_STARTUP_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
    Part.LOAD: {FlagEffect.FLAG_EFFECT_LOAD_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
    Part.ANY: {FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
    Part.JOBS: {FlagEffect.FLAG_EFFECT_LOAD_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
}


def standing(trial: Trial, part: Part) -> Standing:
    """What a value of this part of the trial is worth."""
    if trial.failing_checks() or trial.outcome.checks_failed:
        return Standing.WRONG
    if trial.outcome.failure.code == FailureCode.FAILURE_CODE_CHECK_FAILED:
        return Standing.WRONG
    if part is Part.LOAD and wrong_share(trial) > WRONG_SHARE:
        return Standing.WRONG
    if any(flag.effect in _SPOILED_BY[part] for flag in trial.outcome.flags):
        return Standing.FLAGGED
    if part is Part.LOAD and trial.outcome.load.incorrect:
        return Standing.FLAGGED
    return Standing.VALID


def wrong_share(trial: Trial) -> float:
    """Share of the completed responses of the load that were not correct."""
    load = trial.outcome.load
    return load.incorrect / load.completed if load.completed else 0.0


def readings_of(
    trials: Iterable[Trial], loads: Mapping[int, TrialLoad], load_planned: bool
) -> tuple[dict[tuple[str, str], list[Reading]], int]:
    """Values by (metric, variant), and how many were dropped as no measurement at all.

    A value that is negative or not finite comes from contradictory stamps or counters.
    """
    found: dict[tuple[str, str], list[Reading]] = {}
    dropped = 0
    for trial in trials:
        loaded = loads.get(trial.number)
        for metric, (part, take) in _TAKEN.items():
            if part is Part.LOAD and trial.outcome.HasField("failure"):
                # It died, or the generator failed: what there is of the phase is a torso.
                continue
            value = take(trial, loaded, load_planned)
            if value is None:
                continue
            if not math.isfinite(value) or value < 0:
                dropped += 1
                continue
            reading = Reading(
                trial.outcome.block,
                value,
                standing(trial, part),
                is_shared=metric == _TIME_TO_STEADY
                and loaded is not None
                and loaded.warmup.decided_jointly,
            )
            found.setdefault((metric, trial.variant), []).append(reading)
    return found, dropped


def usable(readings: Iterable[Reading]) -> tuple[list[Reading], Basis]:
    """The valid ones; where these are fewer than three, the flagged ones as well."""
    right = [r for r in readings if r.standing is not Standing.WRONG]
    valid = [r for r in right if r.standing is Standing.VALID]
    if len(valid) >= MINIMUM_BLOCKS or len(valid) == len(right):
        return valid, Basis.VALID
    return right, Basis.FLAGGED


def figure_of(
    metric: Metric, variant: str, readings: list[Reading], confidence: float, run_id: str
) -> Figure:
    """The figure of one variant; its center is None when no value is usable."""
    used, basis = usable(readings)
    left_out = [reading.value for reading in readings if reading not in used]
    values = np.array([reading.value for reading in used])
    interval = None
    if not metric.exact and not any(reading.is_shared for reading in used):
        rng = generator(run_id, metric.name, variant)
        interval = center_interval(values, metric.center, confidence, rng)
    return Figure(
        metric=metric.name,
        variant=variant,
        values=tuple(reading.value for reading in used),
        blocks=tuple(reading.block for reading in used),
        excluded=len(left_out),
        center=middle(values, metric.center) if used else None,
        interval=interval,
        p95=float(np.quantile(values, 0.95)) if len(used) >= _P95_TRIALS else None,
        excluded_values=tuple(left_out),
        basis=basis,
    )


_Take = Callable[[Trial, TrialLoad | None, bool], float | None]


def _between(begin_ns: int, end_ns: int) -> float | None:
    """None unless both were stamped; negative when they contradict each other."""
    return (end_ns - begin_ns) / 1e9 if begin_ns and end_ns else None


def _startup(trial: Trial, _load: TrialLoad | None, _planned: bool) -> float | None:
    return _between(trial.exec_ns, trial.first_response_ns)


def _startup_data(trial: Trial, _load: TrialLoad | None, _planned: bool) -> float | None:
    return _between(trial.exec_ns, trial.outcome.startup.first_data_response_monotonic_ns)


def _startup_cpu(trial: Trial, _load: TrialLoad | None, _planned: bool) -> float | None:
    startup = trial.outcome.startup
    if not trial.first_response_ns or not (startup.cpu_seconds or startup.cpu_resolution_seconds):
        return None
    return startup.cpu_seconds


def _engine(trial: Trial, _load: TrialLoad | None, _planned: bool) -> float | None:
    startup = trial.outcome.startup
    return _between(startup.start_call_monotonic_ns, startup.engine_ready_monotonic_ns)


def _memory(phase: Phase.ValueType, take: Callable[[PhaseMemory], int]) -> _Take:
    """A reading of zero bytes is a reading that failed."""

    def taken(trial: Trial, _load: TrialLoad | None, _planned: bool) -> float | None:
        found = trial.memory(phase)
        return float(take(found)) or None if found is not None else None

    return taken


def _high_water(trial: Trial, _load: TrialLoad | None, planned: bool) -> float | None:
    """Of trials with load only, where there is load: else two kinds of trial would be mixed."""
    phases = (Phase.PHASE_SETTLED, Phase.PHASE_LOAD) if planned else (Phase.PHASE_IDLE,)
    found = next((m for phase in phases if (m := trial.memory(phase))), None)
    return float(found.high_water_bytes) or None if found is not None else None


def _of_load(take: Callable[[TrialLoad], float | None]) -> _Take:
    def taken(_trial: Trial, load: TrialLoad | None, _planned: bool) -> float | None:
        return take(load) if load is not None else None

    return taken


_TIME_TO_STEADY = "time_to_steady_seconds"


def _time_to_steady(load: TrialLoad) -> float | None:
    return load.warmup.steady_from_seconds


def _of_jobs(take: Callable[[Trial], float | None]) -> _Take:
    def taken(trial: Trial, _load: TrialLoad | None, _planned: bool) -> float | None:
        return take(trial)

    return taken


_TAKEN: dict[str, tuple[Part, _Take]] = {
    "startup_seconds": (Part.STARTUP, _startup),
    "startup_data_seconds": (Part.STARTUP, _startup_data),
    "startup_cpu_seconds": (Part.ANY, _startup_cpu),
    "engine_start_seconds": (Part.ANY, _engine),
    "rss_startup_bytes": (Part.ANY, _memory(Phase.PHASE_STARTUP, lambda m: m.rss_peak_bytes)),
    "rss_idle_bytes": (Part.ANY, _memory(Phase.PHASE_IDLE, lambda m: m.rss_bytes)),
    "rss_load_bytes": (Part.LOAD, _memory(Phase.PHASE_LOAD, lambda m: m.rss_peak_bytes)),
    "rss_settled_bytes": (Part.LOAD, _memory(Phase.PHASE_SETTLED, lambda m: m.rss_bytes)),
    "memory_high_water_bytes": (Part.ANY, _high_water),
    "throughput_first_seconds_per_second": (
        Part.LOAD,
        _of_load(lambda load: load.warmup.first_seconds_per_second),
    ),
    "throughput_steady_per_second": (
        Part.LOAD,
        _of_load(lambda load: load.warmup.steady_per_second),
    ),
    "throughput_load_per_second": (
        Part.LOAD,
        _of_load(lambda load: load.throughput_per_second),
    ),
    _TIME_TO_STEADY: (Part.LOAD, _of_load(_time_to_steady)),
    "latency_p50_seconds": (Part.LOAD, _of_load(lambda load: load.latency_p50_seconds)),
    "latency_p99_seconds": (Part.LOAD, _of_load(lambda load: load.latency_p99_seconds)),
    "latency_load_p99_seconds": (
        Part.LOAD,
        _of_load(lambda load: load.latency_whole_p99_seconds),
    ),
    "load_cpu_seconds_per_request": (
        Part.LOAD,
        _of_load(lambda load: load.cpu_seconds_per_request),
    ),
    **{
        name: (Part.JOBS if name in TIMES_OF_JOBS else Part.ANY, _of_jobs(take))
        for name, take in TAKEN_OF_JOBS.items()
    },
}

TRIAL_METRICS = frozenset(_TAKEN)
# Those that exist only for a trial that settled.
STEADY_METRICS = frozenset(
    {
        "throughput_steady_per_second",
        "time_to_steady_seconds",
        "latency_p50_seconds",
        "latency_p99_seconds",
    }
)
