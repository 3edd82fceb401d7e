"""How often a series without a shift alarms, and how soon a real one is found.

Synthetic series of revisions with a spread of 2 %: normal, heavy-tailed, correlated from
one revision to the next, or with spikes; each new point is a new look at the series, as in a
collector, and a shift that was told is not told again.
"""

import time

import numpy as np

from bench.table import BenchRow
from headstart.collector.analysis.history.shifts import (
    FEWEST_POINTS,
    Shift,
    is_new,
    lasting_shifts,
)
from headstart.collector.analysis.statistics.change_points import Floats

KINDS = {"normal": 0.02, "t3": 0.05, "AR 0.3": 0.25, "spikes": 0.05}
DECISIONS = 85
POINTS = FEWEST_POINTS + DECISIONS - 1
MARGIN = 0.05
STEP = 1.05
FOUND_WITHIN = 10
_SPREAD = 0.02
_STEP_AT = 60
# An outlier somewhere in the points that a step is compared with, and the looks after the step.
OUTLIER, OUTLIER_STEP = 2.0, 1.10
_OUTLIER_STEP_AT, _LATER = 35, 25


def noise(kind: str, rng: np.random.Generator, points: int = POINTS) -> Floats:
    """Factors around 1 with a spread of 2 %."""
    match kind:
        case "t3":
            # Student's t with 3 degrees has a standard deviation of sqrt(3).
            draws = rng.standard_t(3, points) / 3**0.5
        case "AR 0.3":
            draws = rng.normal(0, (1 - 0.3**2) ** 0.5, points)
            for index in range(1, points):
                draws[index] += 0.3 * draws[index - 1]
        case "spikes":
            draws = rng.normal(0, 1, points) + np.where(rng.random(points) < 0.05, 10, 0)
        case _:
            draws = rng.normal(0, 1, points)
    return np.exp(_SPREAD * draws)


def told(series: Floats, margin: float = MARGIN) -> list[tuple[int, Shift]]:
    """Distinct shifts, each with the number of the point that completed it."""
    found: list[tuple[int, Shift]] = []
    for end in range(FEWEST_POINTS, len(series) + 1):
        values = list(series[:end])
        for shift in lasting_shifts(values, margin):
            if is_new(shift, [known for _, known in found], values):
                found.append((end - 1, shift))
    return found


def false_alarms(kind: str, series: int, seed: int = 1) -> tuple[float, float]:
    """Shifts told of series that have none, for each series: for the worse, and either way.

    The figure is one of which less is better; only a shift for the worse is an alert.
    """
    rng = np.random.default_rng((seed, len(kind)))
    shifts = [shift for _ in range(series) for _, shift in told(noise(kind, rng))]
    return sum(shift.ratio > 1 for shift in shifts) / series, len(shifts) / series


def found(kind: str, series: int, seed: int = 2) -> float:
    """Share of steps of 5 % that are told within 10 points."""
    rng = np.random.default_rng((seed, len(kind)))
    hits = 0
    for _ in range(series):
        values = noise(kind, rng, _STEP_AT + FOUND_WITHIN)
        values[_STEP_AT:] *= STEP
        hits += any(at >= _STEP_AT and shift.ratio > 1 for at, shift in told(values))
    return hits / series


def found_behind_an_outlier(kind: str, series: int, seed: int = 7) -> tuple[float, float]:
    """Share of steps of 10 % that are told although one of the 20 points before them is twice
    as high; and how many shifts each series tells in all."""
    rng = np.random.default_rng((seed, len(kind)))
    hits = shifts = 0
    for _ in range(series):
        values = noise(kind, rng, _OUTLIER_STEP_AT + _LATER)
        values[_OUTLIER_STEP_AT:] *= OUTLIER_STEP
        values[_OUTLIER_STEP_AT - rng.integers(1, 21)] *= OUTLIER
        found = [shift for _, shift in told(values)]
        hits += any(s.ratio > 1 and abs(s.begin - _OUTLIER_STEP_AT) <= 5 for s in found)
        shifts += len(found)
    return hits / series, shifts / series


def run(quick: bool) -> list[BenchRow]:
    """A row for each kind of noise, two for steps, one for the time that it takes."""
    series = 100 if quick else 400
    rows = []
    for kind, budget in KINDS.items():
        worse, either = false_alarms(kind, series)
        rows.append(
            BenchRow(
                what=f"false alerts of {DECISIONS} revisions, {kind} noise of 2 %",
                measured=f"{worse:.3f} a series",
                budget=f"<= {budget:g}",
                ratio=f"{series} series; {either:.3f} shifts with those for the better",
                # What chance adds to a count of so many series.
                ok=worse <= budget + 2.33 * (budget / series) ** 0.5,
            )
        )
    shares = {kind: found(kind, series) for kind in KINDS}
    rows.append(
        BenchRow(
            what=f"steps of 5 % told within {FOUND_WITHIN} revisions, normal noise of 2 %",
            measured=f"{shares['normal']:.1%}",
            budget=">= 90 %",
            ratio=", ".join(f"{kind} {share:.0%}" for kind, share in shares.items()),
            ok=shares["normal"] >= 0.9,
        )
    )
    behind = {kind: found_behind_an_outlier(kind, series // 2) for kind in KINDS}
    rows.append(
        BenchRow(
            what="steps of 10 % told after an outlier of twice the figure, 2 % normal noise",
            measured=f"{behind['normal'][0]:.1%}",
            budget=">= 95 %",
            ratio=", ".join(
                f"{kind} {share:.0%} ({shifts:.2f} shifts a series)"
                for kind, (share, shifts) in behind.items()
            ),
            ok=behind["normal"][0] >= 0.95,
        )
    )
    return [*rows, _timed()]


def _timed() -> BenchRow:
    rng = np.random.default_rng(3)
    series = [list(noise("normal", rng, 200)) for _ in range(1_000)]
    for values in series[::2]:
        values[-8:] = [value * 1.1 for value in values[-8:]]
    began = time.perf_counter()
    for values in series:
        lasting_shifts(values, MARGIN)
    seconds = time.perf_counter() - began
    return BenchRow(
        what="judging 1,000 series of 200 points, half of them with a shift",
        measured=f"{seconds:.2f} s",
        budget="<= 10 s",
        ratio="",
        ok=seconds <= 10,
    )
