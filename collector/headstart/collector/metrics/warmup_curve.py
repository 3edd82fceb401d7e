"""The warm-up curve on a fixed grid: how many points it has does not depend on the run."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median

from headstart.collector.findings import WindowSeries

# Seconds from the first correct response; eight points a decade, rounded so that they
# read well as a label. Later points would only repeat the steady state.
_DECADE = (1.0, 1.3, 1.8, 2.4, 3.2, 4.2, 5.6, 7.5)
GRID_SECONDS = tuple(
    round(step * scale, 2)
    for scale in (0.1, 1.0, 10.0, 100.0)
    for step in _DECADE
    if step * scale <= 320
)

# A bin counts only where windows cover it; the rest allows for rounded window edges.
_COVERED = 0.98


def warmup_curve(trials: Iterable[WindowSeries]) -> dict[float, float]:
    """Grid point -> throughput between the point before and this one, in responses/s.

    The median of the valid trials. Points beyond the observed load are absent.
    """
    points: dict[float, list[float]] = {}
    for trial in trials:
        if trial.valid:
            for elapsed, throughput in _resampled(trial):
                points.setdefault(elapsed, []).append(throughput)
    return {elapsed: median(points[elapsed]) for elapsed in sorted(points)}


def _resampled(trial: WindowSeries) -> Iterator[tuple[float, float]]:
    """Time-weighted means of the windows in each bin: work is neither lost nor made."""
    windows = list(
        zip(
            trial.start_seconds,
            trial.width_seconds,
            trial.throughput_per_second,
            strict=True,
        )
    )
    first = 0
    for begin, end in pairwise((0.0, *GRID_SECONDS)):
        while first < len(windows) and windows[first][0] + windows[first][1] <= begin:
            first += 1
        covered = work = 0.0
        for start, width, throughput in windows[first:]:
            if start >= end:
                break
            overlap = min(end, start + width) - max(begin, start)
            covered += overlap
            work += overlap * throughput
        if covered >= _COVERED * (end - begin):
            yield end, work / covered
