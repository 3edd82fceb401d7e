"""Intervals from blocks: paired for ratios, plain for one variant's middle.

The block is resampled, never the request or the window: those of one trial are
correlated (Kalibera & Jones 2013). Drift that a block's trials share stays in the pair
and cancels.
"""

import hashlib
import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from headstart.collector.results import Interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
# Fewer blocks give no interval at all.
MINIMUM_BLOCKS = 3
# From here on blocks are resampled. Below, a resample can take only a handful of
# values: 95 % cannot be reached (n = 3: 74 % in simulation, n = 4: 87 %).
BOOTSTRAP_BLOCKS = 5

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
    picks = rng.integers(0, len(values), (RESAMPLES, len(values)))
    return _percentiles(_middles(values[picks], center), len(values), center, confidence)


def ratio_interval(
    baseline: Floats, variant: Floats, center: str, confidence: float, rng: np.random.Generator
) -> tuple[float, Interval | None]:
    """The ratio variant / baseline of positive values paired by block, and its interval.

    From five blocks: ratio of middles, blocks resampled. With three or four: geometric
    mean of the blocks' ratios with Student's t on their logarithms. Below: no interval.
    """
    blocks = len(baseline)
    if blocks >= BOOTSTRAP_BLOCKS:
        picks = rng.integers(0, blocks, (RESAMPLES, blocks))
        ratios = _middles(variant[picks], center) / _middles(baseline[picks], center)
        return (
            middle(variant, center) / middle(baseline, center),
            _percentiles(ratios, blocks, center, confidence),
        )
    logs = np.log(variant / baseline)
    ratio = math.exp(logs.mean())
    if blocks < MINIMUM_BLOCKS:
        return ratio, None
    half = student_quantile((1 + confidence) / 2, blocks - 1) * float(
        logs.std(ddof=1) / math.sqrt(blocks)
    )
    return ratio, Interval(ratio * math.exp(-half), ratio * math.exp(half))


def _middles(resamples: Floats, center: str) -> Floats:
    if center == "mean":
        return np.asarray(resamples.mean(axis=1))
    # np.median partitions, checks for NaN and averages in three passes: half as fast.
    half = resamples.shape[1] // 2
    resamples.sort(axis=1)
    if resamples.shape[1] % 2:
        return resamples[:, half]
    return np.asarray((resamples[:, half - 1] + resamples[:, half]) / 2)


def _percentiles(resampled: Floats, blocks: int, center: str, confidence: float) -> Interval:
    """Percentile interval; for means expanded for small samples.

    The bootstrap's variance of a mean is short by (n-1)/n and its tails are normal.
    Hesterberg ("What Teachers Should Know About the Bootstrap", 2015, section 5.3) widens
    the level to Phi(-sqrt(n/(n-1)) t). Medians are covered, rather too well, without it.
    """
    tail = (1 - confidence) / 2
    if center == "mean":
        expanded = math.sqrt(blocks / (blocks - 1)) * student_quantile(tail, blocks - 1)
        tail = _NORMAL.cdf(expanded)
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return Interval(float(low), float(high))


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t: Abramowitz & Stegun 26.7.5, within 1 % from 2 degrees on.

    Written out because scipy.stats takes half a second and 97 MB to import.
    """
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
