"""One trial under load: its series, its course, and the figures of its steady part."""

from dataclasses import dataclass

import numpy as np

from headstart.collector.analysis.statistics.histogram import (
    NOTHING,
    Counts,
    MalformedHistogram,
    counts_of,
    merged,
    quantiles_seconds,
)
from headstart.collector.analysis.statistics.trend import Floats
from headstart.collector.analysis.trials.columns import MalformedBatch
from headstart.collector.analysis.trials.trial_records import Trial, Window
from headstart.collector.analysis.warmup.courses import Seen
from headstart.collector.analysis.warmup.detection import Course, course_of, rises
from headstart.collector.findings import Shape, Warmup, WindowSeries
from headstart.v1.records_pb2 import Quantity
from headstart.words.metrics import FIRST_SECONDS
from headstart.words.windows import OWN_PAUSE_LIMIT_US

# The course is judged on cells of a second: narrower ones are mostly noise. A short load
# is cut finer, into this many cells.
GRID_SECONDS = 1.0
GRID_CELLS = 20
# Of a shorter load nothing is said: too many servers are level for a second or two.
SHORTEST_SECONDS = 5.0


@dataclass(frozen=True)
class TrialLoad:
    """What a trial's load phase gave; None: could not be told."""

    warmup: Warmup
    series: WindowSeries
    latency_p50_seconds: float | None
    latency_p99_seconds: float | None
    cpu_seconds_per_request: float | None
    # Over the whole load, where there is no series.
    throughput_per_second: float | None
    latency_whole_p99_seconds: float | None


@dataclass(frozen=True)
class _Cell:
    start_seconds: float
    rate: float


def seen_of(trial: Trial, valid: bool, windows: list[Window] | None = None) -> Seen | None:
    """The course of a trial by itself; None when it had no load or no window of it arrived.

    `windows` are the trial's own where they are known already.
    """
    windows = trial.windows() if windows is None else windows
    if not windows:
        return None
    cells = _rates(_on_grid(windows))
    return Seen(trial.variant, trial.number, valid, cells, _course(trial, windows, cells))


def load_of(
    trial: Trial,
    valid: bool,
    decided_jointly: Course | None = None,
    windows: list[Window] | None = None,
) -> TrialLoad | None:
    """As `seen_of`. `decided_jointly` is the course that all trials together tell."""
    windows = trial.windows() if windows is None else windows
    if not windows:
        return None
    observed = _observed(windows)
    grid = _on_grid(windows)
    course = decided_jointly or _course(trial, windows, _rates(grid))
    steady_from = None if course.steady_from is None else grid[course.steady_from].start_seconds
    steady = [] if steady_from is None else [w for w in windows if w.start_seconds >= steady_from]
    latencies = _histograms(windows)
    p50, p99 = _quantiles(merged(latencies[id(window)] for window in steady if not _paused(window)))
    rising, hidden = course.shape is Shape.RISING_RATE, course.shape is Shape.NO_SERIES
    calm = [latencies[id(window)] for window in windows if not _paused(window)]
    _, whole_p99 = _quantiles(merged(calm))
    warmup = Warmup(
        variant=trial.variant,
        trial=trial.number,
        shape=course.shape,
        observed_seconds=observed,
        steady_from_seconds=steady_from,
        steady_per_second=_rate(steady) if steady else None,
        first_second_per_second=None if rising else _rate_of_first(windows, GRID_SECONDS),
        first_seconds_per_second=None if rising else _rate_of_first(windows, FIRST_SECONDS),
        last_second_per_second=_rate_of_last(windows, observed, GRID_SECONDS),
        reason=course.reason,
        valid=valid,
        decided_jointly=decided_jointly is not None,
    )
    return TrialLoad(
        warmup=warmup,
        series=_series(trial, windows, latencies, valid),
        latency_p50_seconds=p50,
        latency_p99_seconds=p99,
        cpu_seconds_per_request=_cpu_per_request(trial, windows, observed),
        throughput_per_second=_rate(windows) if hidden else None,
        latency_whole_p99_seconds=whole_p99 if hidden else None,
    )


def _paused(window: Window) -> bool:
    """Whether its latencies are the generator's too."""
    return window.window.own_pause_us > OWN_PAUSE_LIMIT_US


def _course(trial: Trial, windows: list[Window], cells: Floats) -> Course:
    return _hidden(trial, windows) or course_of(cells)


def _rates(grid: list[_Cell]) -> Floats:
    return np.array([cell.rate for cell in grid])


def _hidden(trial: Trial, windows: list[Window]) -> Course | None:
    """The course of a load in which a course of the app cannot be seen; None: it can."""
    driver = trial.outcome.load.driver
    if trial.outcome.load.without_series:
        reason = f"was put under load by {driver}, which gives no series"
        return Course(Shape.NO_SERIES, None, reason)
    if rises([window.window.offered / window.width_seconds for window in windows]):
        return Course(Shape.RISING_RATE, None, "was asked at a rate that was made to rise")
    return None


def _observed(windows: list[Window]) -> float:
    return windows[-1].start_seconds + windows[-1].width_seconds


def _on_grid(windows: list[Window]) -> list[_Cell]:
    """Windows joined to cells of equal width; empty when the load was too short.

    No cell is narrower than the later windows, which are wider than the first ones.
    What is left over at the end is less than a cell and is dropped.
    """
    observed = _observed(windows)
    if observed < 0.95 * SHORTEST_SECONDS:
        return []
    later = next(w for w in reversed(windows) if w.start_seconds <= 0.75 * observed)
    width = max(min(GRID_SECONDS, observed / GRID_CELLS), later.width_seconds)
    cells = []
    start, joined, correct = windows[0].start_seconds, 0.0, 0
    for window in windows:
        joined += window.width_seconds
        correct += window.correct
        if joined >= 0.99 * width:
            cells.append(_Cell(start, correct / joined))
            start, joined, correct = window.start_seconds + window.width_seconds, 0.0, 0
    return cells


def _rate(windows: list[Window]) -> float:
    return sum(w.correct for w in windows) / sum(w.width_seconds for w in windows)


def _rate_of_first(windows: list[Window], seconds: float) -> float | None:
    """None when the load was shorter, or its windows do not end there."""
    first = [w for w in windows if w.start_seconds + w.width_seconds <= seconds + 1e-3]
    covered = sum(window.width_seconds for window in first)
    return _rate(first) if covered >= 0.95 * seconds else None


def _rate_of_last(windows: list[Window], observed: float, seconds: float) -> float | None:
    last = [w for w in windows if w.start_seconds >= observed - seconds - 1e-3]
    return _rate(last) if last else None


def _histograms(windows: list[Window]) -> dict[int, Counts]:
    """By identity of the window; one that cannot be read counts nothing."""
    found = {}
    for window in windows:
        try:
            found[id(window)] = counts_of(window.window.latency)
        except MalformedHistogram:
            found[id(window)] = NOTHING
    return found


def _quantiles(counts: Counts) -> tuple[float | None, float | None]:
    found = quantiles_seconds(counts, (0.5, 0.99))
    return (None, None) if found is None else (found[0], found[1])


def _series(
    trial: Trial, windows: list[Window], latencies: dict[int, Counts], valid: bool
) -> WindowSeries:
    if trial.outcome.load.without_series:
        # The trial had load, and nothing of it can be drawn over time.
        windows = []
    origin_ns = min(load.origin_monotonic_ns for load in trial.loads)
    first_ns = trial.first_response_ns or origin_ns
    offset = (origin_ns - first_ns) / 1e9
    quantiles = [_quantiles(latencies[id(window)]) for window in windows]
    return WindowSeries(
        variant=trial.variant,
        trial=trial.number,
        start_seconds=tuple(offset + window.start_seconds for window in windows),
        width_seconds=tuple(window.width_seconds for window in windows),
        throughput_per_second=tuple(w.correct / w.width_seconds for w in windows),
        latency_p50_seconds=tuple(p50 for p50, _ in quantiles),
        latency_p99_seconds=tuple(p99 for _, p99 in quantiles),
        valid=valid,
        block=trial.outcome.block,
        startup_seconds=(
            (trial.first_response_ns - trial.exec_ns) / 1e9
            if trial.exec_ns and trial.first_response_ns
            else None
        ),
    )


def _cpu_per_request(trial: Trial, windows: list[Window], observed: float) -> float | None:
    correct = sum(window.correct for window in windows)
    seconds = _cpu_between(
        trial, min(load.origin_monotonic_ns for load in trial.loads), 0.0, observed
    )
    return seconds / correct if seconds is not None and correct else None


def _cpu_between(trial: Trial, zero_ns: int, begin: float, end: float) -> float | None:
    """CPU seconds of all processes between two times, from cumulative counters.

    The control group's counter where there is one: it keeps the time of processes that
    have ended.
    """
    for quantities in (
        (Quantity.QUANTITY_CGROUP_CPU_US,),
        (Quantity.QUANTITY_CPU_USER_US, Quantity.QUANTITY_CPU_SYSTEM_US),
    ):
        total: Floats | None = None
        for quantity in quantities:
            try:
                found = trial.samples.readings(quantity, zero_ns)
            except MalformedBatch:
                return None
            # Sampling goes on after load; half a second is the most that may be missing.
            if len(found.seconds) < 2 or found.seconds[0] > begin or found.seconds[-1] < end - 0.5:
                break
            at = np.interp((begin, end), found.seconds, found.values)
            total = at if total is None else total + at
        else:
            if total is not None and total[1] >= total[0]:
                return float(total[1] - total[0]) / 1e6
    return None
