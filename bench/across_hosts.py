"""How often what is pooled over a few hosts holds the truth, and how wide it is for that.

Each made-up host has a true ratio of its own around the mean, and its run of ten blocks the
drift and noise of `coverage.blocks_of`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from bench.coverage import TRUE_RATIO, blocks_of
from bench.table import BenchRow
from headstart.collector.analysis.across.pooled import standard_error
from headstart.collector.analysis.statistics.intervals import ratio_interval
from headstart.collector.analysis.statistics.meta import pool

HOSTS = (2, 3, 5)
# Standard deviation of the hosts' true ratios, as a share: alike, unlike, very unlike.
SPREADS = (0.0, 0.05, 0.2)
LEAST = 0.93
_BLOCKS = 10
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Held:
    """Shares of the simulated fleets."""

    mean: float
    # The true ratio of a further host; NaN: not predicted.
    further: float
    # Median reach of the interval of the mean, as a factor: 1.06 is -6 % to +6 %.
    reach: float


def held(hosts: int, spread: float, runs: int, seed: int = 1) -> Held:
    """How often the interval of the mean and the prediction hold, over simulated fleets."""
    rng = np.random.default_rng((seed, hosts, round(spread * 100)))
    means, further, widths = 0, 0, []
    for _ in range(runs):
        logs, errors = [], []
        for own in np.exp(rng.normal(0, spread, hosts)):
            base, variant = blocks_of("normal", _BLOCKS, rng)
            found, interval = ratio_interval(variant * own, base, _CONFIDENCE)
            assert interval is not None
            logs.append(float(np.log(found)))
            errors.append(standard_error(interval, _BLOCKS, _CONFIDENCE))
        pooled = pool(logs, errors, _CONFIDENCE)
        assert pooled.low is not None
        assert pooled.high is not None
        truth = float(np.log(TRUE_RATIO))
        means += pooled.low <= truth <= pooled.high
        widths.append((pooled.high - pooled.low) / 2)
        if pooled.predicted_low is not None and pooled.predicted_high is not None:
            another = truth + rng.normal(0, spread)
            further += pooled.predicted_low <= another <= pooled.predicted_high
    return Held(
        means / runs,
        further / runs if hosts > HOSTS[0] else float("nan"),
        float(np.exp(np.median(widths))),
    )


def run(quick: bool) -> list[BenchRow]:
    """A row for each number of hosts and each spread."""
    return list(_rows(200 if quick else 2_000))


def _rows(runs: int) -> Iterator[BenchRow]:
    chance = 2.58 * (0.95 * 0.05 / runs) ** 0.5
    for hosts, spread in product(HOSTS, SPREADS):
        found = held(hosts, spread, runs)
        predicted = "" if np.isnan(found.further) else f"; a further host {found.further:.1%}"
        yield BenchRow(
            what=f"coverage across {hosts} hosts that differ by {spread:.0%}",
            measured=f"mean {found.mean:.1%}{predicted}",
            budget=f"mean >= {LEAST:.0%}, chance {chance:.1%}",
            ratio=f"the interval's median reach is a factor of {found.reach:.3f}",
            ok=found.mean >= LEAST - chance,
        )
