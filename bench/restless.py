"""Noise as of a virtual machine whose neighbours take a share of its speed for seconds at a time.

On the machine of docs/METHODOLOGY.md a server that was level kept to its level within 4 to
11 % (standard deviation of windows of 1 s), lag-1 autocorrelation 0.2 to 0.6, mostly by dips.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headstart.collector.analysis.statistics.trend import Floats

# Of a variant, as a run of a few blocks has them.
TRIALS = 4
# Share of variants of which no wrong class is told.
NOT_WRONG = 0.85
# By this much the host is faster in one trial than in another.
_BETWEEN_TRIALS = 0.03


@dataclass(frozen=True)
class Noise:
    """`windows` gives the share by which each of so many windows is off."""

    name: str
    windows: Callable[[int, np.random.Generator], Floats]

    def trial(self, curve: Floats, rng: np.random.Generator) -> Floats:
        """One trial of a course, as measured."""
        level = 1 + rng.normal(0, _BETWEEN_TRIALS)
        return np.asarray(curve * level * (1 + self.windows(len(curve), rng)))


def autoregressive(deviation: float, memory: float) -> Callable[[int, np.random.Generator], Floats]:
    """AR(1) of this standard deviation and lag-1 autocorrelation."""

    def windows(count: int, rng: np.random.Generator) -> Floats:
        found = rng.normal(0, deviation, count)
        for at in range(1, count):
            found[at] = memory * found[at - 1] + np.sqrt(1 - memory**2) * found[at]
        return found

    return windows


def dips(count: int, rng: np.random.Generator) -> Floats:
    """2 % white noise; every 20 s a neighbour takes 3 to 15 % for some seconds."""
    found = rng.normal(0, 0.02, count)
    for _ in range(rng.poisson(count / 20)):
        begin = rng.integers(0, count)
        found[begin : begin + 1 + rng.geometric(0.3)] -= rng.uniform(0.03, 0.15)
    return found


NOISES = (
    Noise("5 % noise, AR 0.5", autoregressive(0.05, 0.5)),
    Noise("3 % noise, AR 0.7", autoregressive(0.03, 0.7)),
    Noise("dips of 3-15 %", dips),
)
