"""The trend of a series of windows along a line, and how sure it is.

Neighbours of a virtual machine take a share of its speed for seconds at a time. Windows
then are like those before them, and a line drifts further than it would through windows
that are not: the errors of trends grow by what the series remembers (Santer et al. 2000).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Two levels within 2 % of each other are one, and a trend of 2 % is none.
EQUIVALENCE = 0.02
# A level counts as known when its trend is below 10 % for sure (95 %, one-sided): a mean
# is then off its end by at most 5 %, the usual margin. Where windows vary by 10 %, a climb
# does not stand out, and absence of evidence passed for a steady state in 9 of 10 trials.
_TREND_BOUND = 0.10
# 95 %, one-sided.
_BOUND_ERRORS = 1.64
# The most that is believed of a series' memory: its error is then 4.4 times as large.
_MEMORY = 0.9


@dataclass(frozen=True)
class Trend:
    """Change along the least-squares line from end to end and its error, as shares of the mean."""

    change: float
    error: float

    def shows(self, errors: float) -> bool:
        """Whether it is more than 2 % and than this many standard errors."""
        return abs(self.change) > max(EQUIVALENCE, errors * self.error)

    def is_none(self, errors: float) -> bool:
        """Whether it does not show and is known well enough for that to mean something."""
        bound = abs(self.change) + _BOUND_ERRORS * self.error
        return not self.shows(errors) and bound <= _TREND_BOUND


def trend_of(part: Floats, swell: float) -> Trend:
    count, mean = len(part), float(part.mean())
    if mean <= 0:
        return Trend(0.0, 0.0)
    slope, residual = _residual(part)
    spread = (count**3 - count) / 12
    error = swell * math.sqrt(float(residual @ residual) / (count - 2) / spread)
    return Trend(slope * (count - 1) / mean, error * (count - 1) / mean)


def swell_of(throughput: Floats, starts: list[int]) -> float:
    """By what the standard error of a trend grows because windows are like those before them.

    sqrt((1 + r) / (1 - r)) with the lag-1 autocorrelation r around each segment's line,
    which a line brings down by (2 + 4 r) / windows (Kendall 1954).
    """
    products = squares = 0.0
    for part in np.split(throughput, starts[1:]):
        if part.mean() > 0:
            left = _residual(part)[1] / part.mean()
            products += float(left[1:] @ left[:-1])
            squares += float(left @ left)
    if squares == 0:
        return 1.0
    length = len(throughput) / len(starts)
    memory = (products / squares + 2 / length) / (1 - 4 / length)
    memory = min(max(memory, 0.0), _MEMORY)
    return math.sqrt((1 + memory) / (1 - memory))


def _residual(part: Floats) -> tuple[float, Floats]:
    """The slope of the least-squares line, and what is left around it."""
    x = np.arange(len(part)) - (len(part) - 1) / 2
    slope = float(x @ part) / float(x @ x)
    return slope, np.asarray(part - part.mean() - slope * x)
