"""Courses of throughput on made-up curves: how often the class is right, and what moves it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench import restless
from bench.table import BenchRow
from headstart.collector.analysis.statistics.trend import Floats
from headstart.collector.analysis.warmup.courses import Seen, together
from headstart.collector.analysis.warmup.detection import course_of
from headstart.collector.findings import Shape

NOISE = 0.02
RIGHT = 0.95
UNMOVED = 0.90
# Share of level courses with low first seconds that may pass as flat in noise of 2 %.
FLAT_IN_WHITE = 0.10
# Of the windows, and how far they fall or rise.
_SPIKE_SHARE, _SPIKE_SIZE = 0.05, 0.03
_SEED = 20
# By this share the first 5 s lie below the rest.
FIRST_LOW = (0.06, 0.08, 0.10, 0.20)


@dataclass(frozen=True)
class Curve:
    """A noiseless course, one value a second, and the class that it is of."""

    name: str
    shape: Shape
    values: Floats


def climb(seconds: int, constant: float, first: float = 6_000, last: float = 14_700) -> Floats:
    """An exponential approach, as of a JIT whose hot methods are compiled one by one."""
    middles = np.arange(seconds) + 0.5
    return np.asarray(last - (last - first) * np.exp(-middles / constant))


def steps(*parts: tuple[float, int]) -> Floats:
    """Levels and how many seconds each lasts."""
    return np.concatenate([np.full(seconds, level) for level, seconds in parts])


def curves() -> list[Curve]:
    """Every class, by more than one kind of course."""
    seconds = np.arange(60, dtype=np.float64) + 0.5
    return [
        Curve("level for 60 s", Shape.FLAT, steps((14_800, 60))),
        Curve("level for 30 s", Shape.FLAT, steps((14_800, 30))),
        Curve("climb of 3 s", Shape.WARMUP, climb(60, 3)),
        Curve("climb of 8 s", Shape.WARMUP, climb(60, 8)),
        Curve("doubled at 30 s", Shape.WARMUP, steps((7_500, 30), (14_700, 30))),
        Curve("three tiers", Shape.WARMUP, steps((6_000, 8), (9_000, 12), (14_700, 40))),
        Curve("10 % faster at 10 s", Shape.WARMUP, steps((9_000, 10), (9_900, 50))),
        Curve("10 % slower at 20 s", Shape.SLOWDOWN, steps((9_000, 20), (8_100, 40))),
        Curve("fast, then decays in 5 s", Shape.SLOWDOWN, climb(60, 5, 14_000, 9_000)),
        Curve("climb of 40 s", Shape.NO_STEADY_STATE, climb(60, 40)),
        Curve("climb of 15 s cut at 30 s", Shape.NO_STEADY_STATE, climb(30, 15)),
        Curve("falls all the time", Shape.NO_STEADY_STATE, 14_000 - 80 * seconds),
        Curve("changes level near its end", Shape.NO_STEADY_STATE, steps((9e3, 48), (12e3, 12))),
        Curve(
            "two levels by turns",
            Shape.NO_STEADY_STATE,
            steps((9e3, 12), (12e3, 12), (9e3, 12), (12e3, 12), (9e3, 12)),
        ),
    ]


def noisy(curve: Floats, rng: np.random.Generator) -> Floats:
    """As measured: every window off by 2 %."""
    return np.asarray(curve * (1 + rng.normal(0, NOISE, len(curve))))


def spiked(series: Floats, rng: np.random.Generator) -> Floats:
    """One window in twenty 3 % up or down."""
    hit = rng.random(len(series)) < _SPIKE_SHARE
    return np.asarray(series * np.where(hit, 1 + _SPIKE_SIZE * rng.choice([-1, 1]), 1.0))


@dataclass(frozen=True)
class Tally:
    """Shares of the trials of one curve."""

    right: float
    same_in_other_units: float
    same_with_spikes: float


def tally(curve: Curve, trials: int, seed: int = _SEED) -> Tally:
    """Classify noisy copies, each also in microseconds' units and with spikes."""
    rng = np.random.default_rng(seed)
    right = units = spikes = 0
    for _ in range(trials):
        series = noisy(curve.values, rng)
        course = course_of(series)
        right += course.shape is curve.shape
        units += course == course_of(series * 1e-6) == course_of(series * 1e6)
        spikes += course.shape is course_of(spiked(series, rng)).shape
    return Tally(right / trials, units / trials, spikes / trials)


def variant_shape(trials: Sequence[Floats]) -> str:
    """The class of a variant that has these trials."""
    seen = [Seen("jit", i, True, cells, course_of(cells)) for i, cells in enumerate(trials)]
    return together(seen).shape


def inconsistent(runs: int, seed: int = _SEED) -> float:
    """Share of runs said to be inconsistent whose trials are half flat, half warming up."""
    rng = np.random.default_rng(seed)
    halves = [steps((14_800, 60)), climb(60, 8)] * 2
    found = [variant_shape([noisy(curve, rng) for curve in halves]) for _ in range(runs)]
    return found.count("inconsistent") / runs


def run(quick: bool) -> list[BenchRow]:
    """The least of every kind of curve decides, so that none hides behind the others."""
    trials = 40 if quick else 300
    rows = []
    for curve in curves():
        found = tally(curve, trials)
        rows.append(
            BenchRow(
                what=f"class of a curve: {curve.name} ({curve.shape.value})",
                measured=f"{found.right:.1%} right",
                budget=f">= {RIGHT:.0%}; units 100 %, spikes >= {UNMOVED:.0%}",
                ratio=f"units {found.same_in_other_units:.0%}, spikes {found.same_with_spikes:.1%}",
                ok=found.right >= RIGHT
                and found.same_in_other_units == 1
                and found.same_with_spikes >= UNMOVED,
            )
        )
    rows += [
        _restless_row(curve, noise, trials // 4) for noise in restless.NOISES for curve in curves()
    ]
    rows += [_first_row(low, None, trials) for low in FIRST_LOW]
    rows += [_first_row(low, noise, trials // 4) for noise in restless.NOISES for low in FIRST_LOW]
    share = inconsistent(trials // 4)
    rows.append(
        BenchRow(
            what="class across trials: half flat, half warming up (inconsistent)",
            measured=f"{share:.1%} right",
            budget=f">= {RIGHT:.0%}",
            ratio="",
            ok=share >= RIGHT,
        )
    )
    return rows


def _restless_row(curve: Curve, noise: restless.Noise, runs: int) -> BenchRow:
    rng = np.random.default_rng(_SEED)
    shapes = Counter(
        variant_shape([noise.trial(curve.values, rng) for _ in range(restless.TRIALS)])
        for _ in range(runs)
    )
    right = shapes.pop(curve.shape.value, 0) / runs
    undetermined = shapes.pop(Shape.NO_STEADY_STATE.value, 0) / runs
    wrong = ", ".join(f"{shape} {count / runs:.1%}" for shape, count in shapes.items())
    return BenchRow(
        what=f"class of {restless.TRIALS} trials, {noise.name}: {curve.name} ({curve.shape.value})",
        measured=f"{right:.1%} right, {undetermined:.1%} not told",
        budget=f"right or not told >= {restless.NOT_WRONG:.0%}",
        ratio=wrong,
        ok=right + undetermined >= restless.NOT_WRONG,
    )


def _first_row(low: float, noise: restless.Noise | None, runs: int) -> BenchRow:
    """60 s whose first 5 s are low: one trial in white noise, a variant's on a restless host."""
    curve = steps((14_800 * (1 - low), 5), (14_800, 55))
    rng = np.random.default_rng(_SEED)
    if noise is None:
        shapes = Counter(course_of(noisy(curve, rng)).shape.value for _ in range(runs))
    else:
        shapes = Counter(
            variant_shape([noise.trial(curve, rng) for _ in range(restless.TRIALS)])
            for _ in range(runs)
        )
    flat = shapes[Shape.FLAT.value] / runs
    budget = FLAT_IN_WHITE if noise is None else 1.0
    others = ", ".join(f"{shape} {count / runs:.1%}" for shape, count in shapes.items())
    where = "one trial, 2 % noise" if noise is None else f"{restless.TRIALS} trials, {noise.name}"
    return BenchRow(
        what=f"first 5 s of 60 are {low:.0%} low, {where}: called flat",
        measured=f"{flat:.1%}",
        budget=f"<= {budget:.0%}" if noise is None else "",
        ratio=others,
        ok=flat <= budget,
    )
