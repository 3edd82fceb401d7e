"""A rate that is made to rise: latency at each rate, and the highest rate that was held."""

from collections.abc import Callable, Iterable, Sequence

from headstart.collector.analysis.statistics.histogram import (
    MalformedHistogram,
    counts_of,
    merged,
    quantiles_seconds,
)
from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.trial_records import Trial, Window
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.findings import Ramp
from headstart.v1.experiment_pb2 import Experiment, Load
from headstart.v1.records_pb2 import FlagEffect
from headstart.words import metrics
from headstart.words.metric import Metric

# How each metric of such loads is taken from one.
TAKES: dict[Metric, Callable[[Ramp], float | None]] = {
    metrics.RATE_HELD: lambda ramp: ramp.held_per_second,
}

# A rate is held where so much of it is answered correctly. Below saturation what is
# missing is on its way: less than the rise within one latency.
HELD_SHARE = 0.97
# Of a rise without steps; of one with steps each is a cell.
_CELLS = 40
_CELL_SECONDS = 1.0
# A stall of the server at the very end is not yet the end of its strength.
_SHORTEST_TAIL = 2

_SPOILS = (FlagEffect.FLAG_EFFECT_LOAD_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID)


def ramps_of(experiment: Experiment, trials: Iterable[Trial]) -> tuple[Ramp, ...]:
    """One for each trial whose rate rose to its end; empty where the rate does not rise."""
    if not experiment.load.rate_to_per_second:
        return ()
    found = (_ramp(trial, experiment.load) for trial in trials)
    return tuple(ramp for ramp in found if ramp is not None)


def rate_readings(
    ramps: Iterable[Ramp], trials: Iterable[Trial]
) -> dict[tuple[str, str], list[Reading]]:
    """The rates that were held, by metric and variant.

    That a server beyond its strength answers with errors is what is looked for here:
    such answers are no throughput, and no reason to leave a trial out.
    """
    by_number = {trial.number: trial for trial in trials}
    found: dict[tuple[str, str], list[Reading]] = {}
    for ramp in ramps:
        trial = by_number[ramp.trial]
        validity = Validity.VALID if ramp.valid else Validity.FLAGGED
        if trial.failing_checks() or trial.outcome.checks_failed:
            validity = Validity.WRONG
        for metric, take in TAKES.items():
            if (value := take(ramp)) is not None:
                reading = Reading(trial.outcome.block, value, validity)
                found.setdefault((metric.name, trial.variant), []).append(reading)
    return found


def _ramp(trial: Trial, load: Load) -> Ramp | None:
    cells = list(_cells(trial.windows(), load))
    if trial.outcome.HasField("failure") or not cells:
        return None
    widths = [sum(window.width_seconds for window in cell) for cell in cells]
    offered = [
        sum(window.window.offered for window in cell) / width
        for cell, width in zip(cells, widths, strict=True)
    ]
    throughput = [
        sum(window.correct for window in cell) / width
        for cell, width in zip(cells, widths, strict=True)
    ]
    quantiles = [_quantiles(cell) for cell in cells]
    fails_from = first_not_held(offered, throughput)
    return Ramp(
        variant=trial.variant,
        trial=trial.number,
        offered_per_second=tuple(offered),
        throughput_per_second=tuple(throughput),
        latency_p50_seconds=tuple(p50 for p50, _ in quantiles),
        latency_p99_seconds=tuple(p99 for _, p99 in quantiles),
        held_per_second=None if fails_from == 0 else offered[fails_from - 1],
        saturated=fails_from < len(cells),
        valid=not any(flag.effect in _SPOILS for flag in trial.outcome.flags),
    )


def first_not_held(offered: Sequence[float], throughput: Sequence[float]) -> int:
    """Index of the first rate from which on none was held; their number when the last ones were.

    Only what lasts counts: a server that stalls once falls behind and catches up.
    """
    first = len(offered)
    while first > 0 and throughput[first - 1] < HELD_SHARE * offered[first - 1]:
        first -= 1
    return first if len(offered) - first >= _SHORTEST_TAIL else len(offered)


def _cells(windows: Sequence[Window], load: Load) -> Iterable[list[Window]]:
    """The windows in parts of equal length; those that reach beyond the load are left out.

    The last window of an open loop takes in what was owed at its end.
    """
    duration = load.duration_seconds
    count = load.rate_steps or round(min(_CELLS, max(2.0, duration / _CELL_SECONDS)))
    cells: list[list[Window]] = [[] for _ in range(count)]
    for window in windows:
        if window.start_seconds + window.width_seconds <= duration + 1e-3:
            middle = window.start_seconds + window.width_seconds / 2
            cells[min(count - 1, int(middle / duration * count))].append(window)
    return (cell for cell in cells if any(window.window.offered for window in cell))


def _quantiles(cell: Sequence[Window]) -> tuple[float | None, float | None]:
    try:
        found = quantiles_seconds(
            merged([counts_of(window.window.latency) for window in cell]), (0.5, 0.99)
        )
    except MalformedHistogram:
        found = None
    return (None, None) if found is None else (found[0], found[1])
