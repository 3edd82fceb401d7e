"""How often intervals hold the truth, and how often a verdict or a gate is wrong by chance.

Trials that are normal, skewed, heavy-tailed or spiked; hosts that drift; two variants whose
noise differs; two runs that nothing pairs; gates that lie exactly on the figure.
"""

from collections.abc import Callable, Iterator

import numpy as np

from bench.table import BenchRow
from headstart.collector.analysis.statistics.intervals import (
    Floats,
    change_interval,
    figure_interval,
    figure_level,
    ratio_interval,
)
from headstart.collector.analysis.verdict.break_even import Work, break_even
from headstart.collector.analysis.verdict.comparison import verdict_of
from headstart.collector.analysis.verdict.host_fitness import Twice, differing
from headstart.collector.findings import Interval, Verdict

COVERAGE = (0.93, 0.97)
# Student's t on few blocks, or few trials of two runs, holds more where trials are spiked.
FEW_BLOCKS, FEW_HOLD = 5, 0.985
# It holds less where one variant alone is spiked: five ratios may not show a spike.
FEW_UNEQUAL = 0.89
TWO_RUNS_HOLD = 0.985
FALSE_VERDICTS = 0.05
NOISES = (0.02, 0.05, 0.1, 0.2)
POWER = 0.9
# One end of an interval of five trials: a half to the fifth power.
WRONG_GATES = 0.032
KINDS = ("normal", "skewed", "t3", "spikes")
# Of each variant: the kind of its noise, and by how much it is larger than usual.
UNEQUAL = {
    "0.3 and 1.5 of normal": (("normal", 0.3), ("normal", 1.5)),
    "normal and t3": (("normal", 0.5), ("t3", 2.0)),
    "normal and skewed": (("normal", 1.0), ("skewed", 1.0)),
    "normal and spikes": (("normal", 1.0), ("spikes", 1.0)),
}
DRIFTS = ("blocks of 30 %", "walk of 10 %", "a third of the blocks x1.5")
FIGURES = (5, 6, 7, 8, 9, 10, 12, 13, 15, 20, 23, 25, 30)
BLOCKS = (3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)
RUNS = ((3, 3), (4, 4), (5, 5), (6, 6), (8, 8), (10, 10), (20, 20), (30, 30), (5, 10), (10, 30))
TRUE_RATIO = 0.5
MARGIN = 0.05
_CONFIDENCE = 0.95
_OF_AUTO = 0.9875
_POPULATION = 400_000


def trials_of(kind: str, shape: tuple[int, ...], rng: np.random.Generator, by: float = 1) -> Floats:
    """Values of trials around one; `by` scales what varies, but no spike."""
    match kind:
        case "normal":
            return np.exp(rng.normal(0, 0.05 * by, shape))
        case "skewed":
            return 1 + rng.exponential(0.15 * by, shape)
        case "t3":
            return np.exp(0.05 * by * rng.standard_t(3, shape))
        case _:
            spiked = np.where(rng.random(shape) < 0.1, 1.5, 1.0)
            return np.asarray(np.exp(rng.normal(0, 0.05 * by, shape)) * spiked)


def blocks_of(kind: str, blocks: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A pair whose true ratio is one half; the host slows down by 10 % over the run."""
    drift = np.exp(rng.normal(0, 0.03, blocks) + np.linspace(0, 0.1, blocks))
    trials = trials_of(kind, (2, blocks), rng)
    return drift * trials[0], TRUE_RATIO * drift * trials[1]


def share(runs: int, seed: tuple[int, ...], held: Callable[[np.random.Generator], bool]) -> float:
    """Of so many runs with one generator, in how many it holds."""
    rng = np.random.default_rng(seed)
    return sum(held(rng) for _ in range(runs)) / runs


def figure_coverage(kind: str, count: int, runs: int, seed: int = 4) -> float:
    """Share of the intervals of one figure that hold the median of its kind of trials."""
    truth = float(np.median(trials_of(kind, (_POPULATION,), np.random.default_rng(0))))

    def held(rng: np.random.Generator) -> bool:
        return _holds(figure_interval(trials_of(kind, (count,), rng), _CONFIDENCE), truth)

    return share(runs, (seed, count), held)


def coverage(
    kind: str, blocks: int, runs: int, seed: int = 1, confidence: float = _CONFIDENCE
) -> float:
    """Share of the intervals of a ratio that hold the true one."""

    def held(rng: np.random.Generator) -> bool:
        baseline, variant = blocks_of(kind, blocks, rng)
        return _holds(ratio_interval(variant, baseline, confidence)[1], TRUE_RATIO)

    return share(runs, (seed, blocks), held)


def unequal_coverage(name: str, blocks: int, runs: int, seed: int = 5) -> float:
    """The same of variants with noise of their own: the centre of the blocks' ratios."""
    (kind, by), (other_kind, other_by) = UNEQUAL[name]
    population = np.random.default_rng(0)
    logs = np.log(trials_of(other_kind, (_POPULATION,), population, other_by))
    logs -= np.log(trials_of(kind, (_POPULATION,), population, by))
    few = blocks <= FEW_BLOCKS
    truth = float(logs.mean() if few else np.median((logs[::2] + logs[1::2]) / 2))

    def held(rng: np.random.Generator) -> bool:
        baseline = trials_of(kind, (blocks,), rng, by)
        variant = trials_of(other_kind, (blocks,), rng, other_by)
        found = ratio_interval(variant, baseline, _CONFIDENCE)[1]
        return _holds(found, float(np.exp(truth)))

    return share(runs, (seed, blocks), held)


def drift_coverage(drift: str, blocks: int, runs: int, seed: int = 6) -> tuple[float, float]:
    """The same on a host that drifts, and the median width of the interval."""
    widths = []

    def held(rng: np.random.Generator) -> bool:
        match drift:
            case "blocks of 30 %":
                host = np.exp(rng.normal(0, 0.3, blocks))
            case "walk of 10 %":
                host = np.exp(np.cumsum(rng.normal(0, 0.1, blocks)))
            case _:
                host = np.where(rng.random(blocks) < 1 / 3, 1.5, 1.0)
        baseline, variant = host * np.exp(rng.normal(0, 0.03, (2, blocks)))
        found = ratio_interval(TRUE_RATIO * variant, baseline, _CONFIDENCE)[1]
        assert found is not None
        widths.append(found.high / found.low - 1)
        return _holds(found, TRUE_RATIO)

    return share(runs, (seed, blocks), held), float(np.median(widths))


def change_coverage(kind: str, counts: tuple[int, int], runs: int, seed: int = 7) -> float:
    """Share of the intervals between two runs that hold the true change."""

    def held(rng: np.random.Generator) -> bool:
        before, after = (trials_of(kind, (count,), rng) for count in counts)
        return _holds(change_interval(before, TRUE_RATIO * after, _CONFIDENCE)[1], TRUE_RATIO)

    return share(runs, (seed, *counts), held)


def wrong_gates(kind: str, count: int, runs: int, seed: int = 8) -> float:
    """Share of gates exactly on the figure's true value that are decided, on the worse side."""
    limit = float(np.median(trials_of(kind, (_POPULATION,), np.random.default_rng(0))))
    rng = np.random.default_rng((seed, count))
    passed = failed = 0
    for _ in range(runs):
        found = figure_interval(trials_of(kind, (count,), rng), _CONFIDENCE)
        assert found is not None
        passed += found.high <= limit
        failed += found.low > limit
    return max(passed, failed) / runs


def false_verdicts(kind: str, blocks: int, runs: int, seed: int = 2) -> float:
    """Share of the verdicts on the same thing twice that call it different."""

    def differs(rng: np.random.Generator) -> bool:
        one, other = blocks_of(kind, blocks, rng)
        _, interval = ratio_interval(other / TRUE_RATIO, one, _CONFIDENCE)
        verdict = verdict_of(interval, MARGIN, lower_is_better=True) if interval else None
        return verdict in (Verdict.BETTER, Verdict.WORSE)

    return share(runs, (seed, blocks), differs)


def unfit_hosts(difference: float, blocks: int, noise: float, runs: int, seed: int = 9) -> float:
    """Share of the A/A runs that fail, whose second name is slower by this share in one metric.

    18 metrics, a third of whose noise the metrics of a trial share.
    """

    def fails(rng: np.random.Generator) -> bool:
        shared = rng.normal(0, noise * np.sqrt(0.3), (2, blocks))
        metrics = {}
        for number in range(18):
            first, second = np.exp(shared + rng.normal(0, noise * np.sqrt(0.7), (2, blocks)))
            slower = 1 + difference if number == 0 else 1.0
            metrics[str(number)] = Twice(first, second * slower, MARGIN)
        return bool(differing(metrics))

    return share(runs, (seed, blocks, round(1000 * noise)), fails)


def break_even_coverage(blocks: int, runs: int, seed: int = 3) -> float:
    """Share of the intervals of a break-even that hold the true one.

    Starts vary by 5 %, rates by 3 %: 100 (t - 0.1) = 130 (t - 3.1) at t = 13.1 s.
    """

    def held(rng: np.random.Generator) -> bool:
        starts = np.exp(rng.normal(0, 0.05, blocks))
        rates = np.exp(rng.normal(0, 0.03, (2, blocks)) - 0.03**2 / 2)
        found = break_even(
            ("aot", [_work(b, 0.1 * starts[b], 100 * rates[0, b]) for b in range(blocks)]),
            ("jit", [_work(b, 3.1 * starts[b], 130 * rates[1, b]) for b in range(blocks)]),
            margin=MARGIN,
        )
        if found is None or found.seconds_low is None:
            return False
        high = np.inf if found.seconds_high is None else found.seconds_high
        return bool(found.seconds_low <= 13.1 <= high)

    return share(runs, (seed, blocks), held)


def _work(block: int, startup: float, rate: float) -> Work:
    seconds = np.arange(0, 30.1, 0.2)
    return Work(block, startup, startup + seconds, rate * seconds)


def _holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


def run(quick: bool) -> list[BenchRow]:
    """A row for each kind of interval and number of blocks; its worst kind of noise decides."""
    runs = 300 if quick else 5_000
    return [
        *_figures(4 * runs),
        *_ratios(runs),
        *_unequal(runs),
        *_drifts(runs),
        *_two_runs(runs),
        *_gates(4 * runs),
        *_break_evens(100 if quick else 2_000),
        *_verdicts(200 if quick else 1_000),
        *_hosts(100 if quick else 400),
    ]


def _figures(runs: int) -> Iterator[BenchRow]:
    for count in FIGURES:
        level = figure_level(count, _CONFIDENCE)
        assert level is not None
        found = {kind: figure_coverage(kind, count, runs) for kind in KINDS}
        yield _row(f"figures of {count} trials, at {level:.2%}", found, runs, level=level)


def _ratios(runs: int) -> Iterator[BenchRow]:
    for blocks in BLOCKS:
        found = {kind: coverage(kind, blocks, runs) for kind in KINDS}
        most = FEW_HOLD if blocks <= FEW_BLOCKS else COVERAGE[1]
        yield _row(f"ratios of {blocks} blocks", found, runs, most=most)
    for blocks in (5, 8, 10, 15):
        found = {kind: coverage(kind, blocks, runs, confidence=_OF_AUTO) for kind in KINDS}
        yield _row(f"ratios of {blocks} blocks, at {_OF_AUTO:.2%}", found, runs, level=_OF_AUTO)


def _unequal(runs: int) -> Iterator[BenchRow]:
    for blocks in BLOCKS:
        found = {name: unequal_coverage(name, blocks, runs) for name in UNEQUAL}
        few = blocks <= FEW_BLOCKS
        most, least = (FEW_HOLD, FEW_UNEQUAL) if few else (COVERAGE[1], COVERAGE[0])
        what = f"ratios of {blocks} blocks, unequal noise"
        yield _row(what, found, runs, most=most, least=least)


def _drifts(runs: int) -> Iterator[BenchRow]:
    for blocks in (5, 10, 20):
        both = {name: drift_coverage(name, blocks, runs) for name in DRIFTS}
        found = {f"{name} (width {width:.1%})": held for name, (held, width) in both.items()}
        yield _row(f"ratios of {blocks} blocks, drift", found, runs)


def _two_runs(runs: int) -> Iterator[BenchRow]:
    for counts in RUNS:
        found = {kind: change_coverage(kind, counts, runs) for kind in KINDS}
        what = f"two runs of {counts[0]} and {counts[1]} trials"
        yield _row(what, found, runs, most=TWO_RUNS_HOLD)


def _row(
    what: str,
    found: dict[str, float],
    runs: int,
    level: float = _CONFIDENCE,
    most: float | None = None,
    least: float | None = None,
) -> BenchRow:
    """Within two points of the level that it says; where it is known to hold more, up to that."""
    chance = _chance(runs)
    narrow = _CONFIDENCE - COVERAGE[0] if level <= _CONFIDENCE else 0.01
    least = least or level - narrow
    most = most or min(level + (COVERAGE[1] - _CONFIDENCE), 1.0)
    low, high = min(found.values()), max(found.values())
    return BenchRow(
        what=f"coverage, {what}",
        measured=f"{low:.1%} to {high:.1%}",
        budget=f"{least:.1%} to {most:.1%}, chance {chance:.1%}",
        ratio=", ".join(f"{kind} {held:.1%}" for kind, held in found.items()),
        ok=least - chance <= low and high <= most + chance,
    )


def _chance(runs: int) -> float:
    """What chance alone adds to or takes from a share of so many runs (99 %)."""
    return float(2.58 * (0.95 * 0.05 / runs) ** 0.5)


def _gates(runs: int) -> Iterator[BenchRow]:
    for count in FIGURES:
        found = {kind: wrong_gates(kind, count, runs) for kind in KINDS}
        chance = 2.58 * (WRONG_GATES / runs) ** 0.5
        yield BenchRow(
            what=f"gates on their limit decided, figures of {count} trials",
            measured=f"{max(found.values()):.1%} at worst",
            budget=f"<= {WRONG_GATES:.1%}, chance {chance:.1%}",
            ratio=", ".join(f"{kind} {wrong:.1%}" for kind, wrong in found.items()),
            ok=max(found.values()) <= WRONG_GATES + chance,
        )


def _break_evens(runs: int) -> Iterator[BenchRow]:
    for blocks in (4, 5, 8, 12):
        found = {"": break_even_coverage(blocks, runs)}
        yield _row(f"break-even of {blocks} blocks", found, runs)


def _verdicts(runs: int) -> Iterator[BenchRow]:
    found = {
        (kind, blocks): false_verdicts(kind, blocks, runs)
        for kind in KINDS
        for blocks in (4, 5, 6, 10)
    }
    (kind, blocks), worst = max(found.items(), key=lambda item: item[1])
    yield BenchRow(
        what="A/A: verdicts of a difference",
        measured=f"{worst:.1%} at worst",
        budget=f"<= {FALSE_VERDICTS:.0%}",
        ratio=f"{kind}, {blocks} blocks; {np.mean(list(found.values())):.2%} over all",
        ok=worst <= FALSE_VERDICTS,
    )


def _hosts(runs: int) -> Iterator[BenchRow]:
    chance = 2.58 * (0.05 * 0.95 / runs) ** 0.5
    for blocks in (5, 10, 20):
        found = {f"{noise:.0%}": unfit_hosts(0.0, blocks, noise, runs) for noise in NOISES}
        worst = max(found.values())
        yield BenchRow(
            what=f"A/A runs of {blocks} blocks that fail on a fit host",
            measured=f"{worst:.1%} at worst",
            budget=f"<= {FALSE_VERDICTS:.0%}, chance {chance:.1%}",
            ratio=", ".join(f"noise {noise} {wrong:.1%}" for noise, wrong in found.items()),
            ok=worst <= FALSE_VERDICTS + chance,
        )
    power = {f"{noise:.0%}": unfit_hosts(0.2, 10, noise, runs) for noise in NOISES}
    yield BenchRow(
        what="A/A runs of 10 blocks that fail on a host with a difference of 20 % in one metric",
        measured=f"{power['5%']:.1%} with trial noise of 5 %",
        budget=f">= {POWER:.0%}",
        ratio=", ".join(f"noise {noise} {share:.1%}" for noise, share in power.items()),
        ok=power["5%"] >= POWER,
    )
