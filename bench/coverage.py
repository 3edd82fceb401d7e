"""How often intervals hold the true ratio, and how often the same thing twice differs.

Blocks on a host that drifts, with trials that are normal, skewed, heavy-tailed or spiked.
"""

from collections.abc import Iterator

import numpy as np

from bench.table import BenchRow
from headstart.collector.analysis.statistics.bootstrap import Floats, ratio_interval
from headstart.collector.analysis.verdict.break_even import Work, break_even
from headstart.collector.analysis.verdict.comparison import verdict_of
from headstart.collector.findings import Verdict

COVERAGE = (0.93, 0.97)
FALSE_VERDICTS = 0.05
KINDS = ("normal", "skewed", "t3", "spikes")
BLOCKS = (4, 5, 6, 8, 10, 12, 20, 30)
TRUE_RATIO = 0.5
MARGIN = 0.05
_CONFIDENCE = 0.95


def blocks_of(kind: str, blocks: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A pair whose true ratio is one half; the host slows down by 10 % over the run."""
    drift = np.exp(rng.normal(0, 0.03, blocks) + np.linspace(0, 0.1, blocks))
    shape = (2, blocks)
    match kind:
        case "normal":
            trials = np.exp(rng.normal(0, 0.05, shape))
        case "skewed":
            trials = 1 + rng.exponential(0.15, shape)
        case "t3":
            trials = np.exp(0.05 * rng.standard_t(3, shape))
        case _:
            trials = np.exp(rng.normal(0, 0.05, shape))
            trials = trials * np.where(rng.random(shape) < 0.1, 1.5, 1.0)
    return drift * trials[0], TRUE_RATIO * drift * trials[1]


def coverage(kind: str, blocks: int, center: str, runs: int, seed: int = 1) -> float:
    """Share of the intervals at 95 % that hold the true ratio."""
    rng = np.random.default_rng((seed, blocks))
    held = 0
    for _ in range(runs):
        _, interval = ratio_interval(*blocks_of(kind, blocks, rng), center, _CONFIDENCE, rng)
        held += interval is not None and interval.low <= TRUE_RATIO <= interval.high
    return held / runs


def false_verdicts(kind: str, blocks: int, center: str, runs: int, seed: int = 2) -> float:
    """Share of the verdicts on the same thing twice that call it different."""
    rng = np.random.default_rng((seed, blocks))
    different = 0
    for _ in range(runs):
        one, other = blocks_of(kind, blocks, rng)
        _, interval = ratio_interval(one, other / TRUE_RATIO, center, _CONFIDENCE, rng)
        verdict = verdict_of(interval, MARGIN, lower_is_better=True) if interval else None
        different += verdict in (Verdict.BETTER, Verdict.WORSE)
    return different / runs


def break_even_coverage(blocks: int, runs: int, seed: int = 3) -> float:
    """Share of the intervals of a break-even that hold the true one.

    Starts vary by 5 %, rates by 3 %: 100 (t - 0.1) = 130 (t - 3.1) at t = 13.1 s.
    """
    rng = np.random.default_rng((seed, blocks))
    held = 0
    for number in range(runs):
        starts = np.exp(rng.normal(0, 0.05, blocks))
        rates = np.exp(rng.normal(0, 0.03, (2, blocks)) - 0.03**2 / 2)
        found = break_even(
            ("aot", [_work(b, 0.1 * starts[b], 100 * rates[0, b]) for b in range(blocks)]),
            ("jit", [_work(b, 3.1 * starts[b], 130 * rates[1, b]) for b in range(blocks)]),
            margin=MARGIN,
            run_id=str(number),
        )
        if found is not None and found.seconds_low is not None:
            high = np.inf if found.seconds_high is None else found.seconds_high
            held += found.seconds_low <= 13.1 <= high
    return held / runs


def _work(block: int, startup: float, rate: float) -> Work:
    seconds = np.arange(0, 30.1, 0.2)
    return Work(block, startup, startup + seconds, rate * seconds)


def run(quick: bool) -> list[BenchRow]:
    """A row for each center and number of blocks; its worst kind of noise decides."""
    return [
        *_coverages(300 if quick else 2_000),
        *_break_evens(100 if quick else 400),
        *_verdicts(200 if quick else 1_000),
    ]


def _break_evens(runs: int) -> Iterator[BenchRow]:
    chance = 2.58 * (0.95 * 0.05 / runs) ** 0.5
    for blocks in (4, 5, 8, 12):
        share = break_even_coverage(blocks, runs)
        yield BenchRow(
            what=f"coverage of 95 % intervals, break-even of {blocks} blocks",
            measured=f"{share:.1%}",
            budget=f"{COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}, chance {chance:.1%}",
            ratio="",
            ok=COVERAGE[0] - chance <= share <= COVERAGE[1] + chance,
        )


def _coverages(runs: int) -> Iterator[BenchRow]:
    # What chance alone adds to or takes from a share of so many runs (99 %).
    chance = 2.58 * (0.95 * 0.05 / runs) ** 0.5
    for center in ("mean", "median"):
        for blocks in BLOCKS:
            found = {kind: coverage(kind, blocks, center, runs) for kind in KINDS}
            low, high = min(found.values()), max(found.values())
            yield BenchRow(
                what=f"coverage of 95 % intervals, {center}s of {blocks} blocks",
                measured=f"{low:.1%} to {high:.1%}",
                budget=f"{COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}, chance {chance:.1%}",
                ratio=", ".join(f"{kind} {share:.1%}" for kind, share in found.items()),
                ok=COVERAGE[0] - chance <= low and high <= COVERAGE[1] + chance,
            )


def _verdicts(runs: int) -> Iterator[BenchRow]:
    for center in ("mean", "median"):
        found = {
            (kind, blocks): false_verdicts(kind, blocks, center, runs)
            for kind in KINDS
            for blocks in (4, 5, 10)
        }
        (kind, blocks), worst = max(found.items(), key=lambda item: item[1])
        yield BenchRow(
            what=f"A/A: verdicts of a difference, {center}s",
            measured=f"{worst:.1%} at worst",
            budget=f"<= {FALSE_VERDICTS:.0%}",
            ratio=f"{kind}, {blocks} blocks; {np.mean(list(found.values())):.2%} over all",
            ok=worst <= FALSE_VERDICTS,
        )
