"""Estimates of one thing from several hosts, pooled: random-effects meta-analysis.

Each host's true value is taken as one draw from how hosts differ, and its estimate as that
value with an error of known size. What is pooled is the mean over such hosts; how much they
differ (tau) is estimated by Paule & Mandel (1982), which needs no distribution and does better
than DerSimonian & Laird (1986) with few hosts (Veroniki et al. 2016). Intervals take Student's
t (Hartung & Knapp 2001; Sidik & Jonkman 2002) and are never narrower than the classical one
(Wiksten, Ruecker & Schwarzer 2016): else two hosts that agree by chance would leave no width.
docs/METHODOLOGY.md says what else was tried.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from headstart.collector.analysis.statistics.student import student_quantile

# With two hosts, Student's t has one degree of freedom and a prediction none that is of use.
PREDICTED_HOSTS = 3
# Values whose trials were all alike have no error of their own; a host is not known better
# than to a hundredth of a per cent for that.
SMALLEST_ERROR = 1e-4
_STEPS = 200

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Pooled:
    """The mean over hosts, on the scale of the estimates, and how hosts differ around it."""

    mean: float
    # None: a single estimate.
    low: float | None
    high: float | None
    # Standard deviation of the hosts' true values.
    tau: float
    # Each host's share of the mean; they add up to 1.
    weights: tuple[float, ...]
    # Where another host's true value would lie; None below three hosts.
    predicted_low: float | None
    predicted_high: float | None


def pool(values: Sequence[float], errors: Sequence[float], confidence: float) -> Pooled:
    """Of one estimate and its standard error per host; at least one host.

    A further host is predicted as by IntHout et al. (2016): Student's t with one degree less
    than there are hosts.
    """
    variances = [max(error, SMALLEST_ERROR) ** 2 for error in errors]
    count = len(values)
    tau2 = between_variance(values, variances)
    weights = [1 / (variance + tau2) for variance in variances]
    total = math.fsum(weights)
    mean = _mean(values, weights)
    shares = tuple(weight / total for weight in weights)
    if count == 1:
        return Pooled(mean, None, None, 0.0, shares, None, None)
    quantile = student_quantile((1 + confidence) / 2, count - 1)
    # Weighted squares over what is expected of them: 1 where tau is above zero, by its choice.
    spread = _squares(values, variances, tau2) / (count - 1)
    classical = _NORMAL.inv_cdf((1 + confidence) / 2)
    half = max(quantile * math.sqrt(spread), classical) * math.sqrt(1 / total)
    around = quantile * math.sqrt(1 / total + tau2) if count >= PREDICTED_HOSTS else None
    return Pooled(
        mean,
        mean - half,
        mean + half,
        math.sqrt(tau2),
        shares,
        None if around is None else mean - around,
        None if around is None else mean + around,
    )


def between_variance(values: Sequence[float], variances: Sequence[float]) -> float:
    """Paule & Mandel: with it the weighted squares around the mean are what is expected of them.

    These fall as it grows (DerSimonian & Kacker 2007), so that halving an interval finds it;
    zero where the hosts differ by no more than their errors.
    """
    expected = len(values) - 1
    if expected < 1 or _squares(values, variances, 0.0) <= expected:
        return 0.0
    # With weights as small as these the squares are at most as many as expected.
    low, high = 0.0, _squares(values, [0.0] * len(values), 1.0) / expected
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _squares(values, variances, middle) > expected:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _squares(values: Sequence[float], variances: Sequence[float], tau2: float) -> float:
    weights = [1 / (variance + tau2) for variance in variances]
    mean = _mean(values, weights)
    pairs = zip(weights, values, strict=True)
    return math.fsum(weight * (value - mean) ** 2 for weight, value in pairs)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    pairs = zip(weights, values, strict=True)
    return math.fsum(weight * value for weight, value in pairs) / math.fsum(weights)
