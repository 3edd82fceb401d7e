"""Intervals from blocks: paired for ratios, plain for one variant's middle.

The block is resampled, never the request or the window: those of one trial are
correlated (Kalibera & Jones 2013). Drift that a block's trials share stays in the pair
and cancels.

Medians are resampled; means have a standard error, and Student's t does better by them than
any bootstrap that was tried. `python -m bench coverage` holds both to 93-97 %.
"""

import hashlib
import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from headstart.collector.findings import Interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
# Fewer blocks give no interval at all.
MINIMUM_BLOCKS = 3
# From here on blocks are resampled. Below, a resample can take only a handful of
# values: 95 % cannot be reached (n = 3: 74 % in simulation, n = 4: 87 %).
BOOTSTRAP_BLOCKS = 5

# Of the nominal tail of a median's interval: see `_percentiles` and `median_tail`.
_MANY_BLOCKS = 8
_FEW_BLOCKS_TAIL = 0.5
_MANY_BLOCKS_TAIL = 1.2

_NORMAL = NormalDist()


def generator(*names: str) -> np.random.Generator:
    """A generator seeded by names, so that a report can be made again, digit by digit."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def middle(values: Floats, center: str) -> float:
    """The median, or for a rate the mean, of the trials."""
    return float(np.mean(values) if center == "mean" else np.median(values))


def center_interval(
    values: Floats, center: str, confidence: float, rng: np.random.Generator
) -> Interval | None:
    """Interval of one variant's middle; None below five trials."""
    if len(values) < BOOTSTRAP_BLOCKS:
        return None
    if center == "mean":
        mean = float(values.mean())
        if mean <= 0:
            return None
        return _around(mean, values / mean, confidence)
    picks = rng.integers(0, len(values), (RESAMPLES, len(values)))
    return _percentiles(_medians(values[picks]), len(values), confidence)


def ratio_interval(
    baseline: Floats, variant: Floats, center: str, confidence: float, rng: np.random.Generator
) -> tuple[float, Interval | None]:
    """The ratio variant / baseline of positive values paired by block, and its interval.

    From five blocks: ratio of middles; of medians with blocks resampled, of means with
    Student's t. With three or four: geometric mean of the blocks' ratios with Student's t
    on their logarithms. Below: no interval.
    """
    blocks = len(baseline)
    if blocks >= BOOTSTRAP_BLOCKS:
        ratio = middle(variant, center) / middle(baseline, center)
        if center == "mean":
            shares = variant / variant.mean() - baseline / baseline.mean()
            return ratio, _around(ratio, shares, confidence)
        picks = rng.integers(0, blocks, (RESAMPLES, blocks))
        ratios = _medians(variant[picks]) / _medians(baseline[picks])
        return ratio, _percentiles(ratios, blocks, confidence)
    logs = np.log(variant / baseline)
    ratio = math.exp(logs.mean())
    if blocks < MINIMUM_BLOCKS:
        return ratio, None
    half = student_quantile((1 + confidence) / 2, blocks - 1) * float(
        logs.std(ddof=1) / math.sqrt(blocks)
    )
    return ratio, Interval(ratio * math.exp(-half), ratio * math.exp(half))


def _around(estimate: float, shares: Floats, confidence: float) -> Interval:
    """Student's t on the logarithm of a mean or of a ratio of means.

    The delta method: ln(mean v / mean b) varies as the mean of v / mean v - b / mean b,
    block by block; `shares` are these.
    """
    count = len(shares)
    error = float(shares.std(ddof=1)) / math.sqrt(count)
    half = student_quantile((1 + confidence) / 2, count - 1) * error
    return Interval(estimate * math.exp(-half), estimate * math.exp(half))


def _medians(resamples: Floats) -> Floats:
    # np.median partitions, checks for NaN and averages in three passes: half as fast.
    half = resamples.shape[1] // 2
    resamples.sort(axis=1)
    if resamples.shape[1] % 2:
        return resamples[:, half]
    return np.asarray((resamples[:, half - 1] + resamples[:, half]) / 2)


def _percentiles(resampled: Floats, blocks: int, confidence: float) -> Interval:
    """Percentile interval of medians, its tails set right for how few blocks there are.

    A resampled median is one of few values: of up to seven blocks the interval is too
    narrow, of more too wide. The factors are from simulation.
    """
    tail = median_tail(blocks, confidence)
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return Interval(float(low), float(high))


def median_tail(blocks: int, confidence: float) -> float:
    """The share of resampled medians that is left out on either side."""
    factor = _FEW_BLOCKS_TAIL if blocks < _MANY_BLOCKS else _MANY_BLOCKS_TAIL
    return factor * (1 - confidence) / 2


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t: Abramowitz & Stegun 26.7.5, within 1 % from 2 degrees on.

    With one degree, where that series fails, it is Cauchy's, in closed form. Written out
    because scipy.stats takes half a second and 97 MB to import.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
