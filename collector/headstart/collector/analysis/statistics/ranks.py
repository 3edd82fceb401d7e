"""Intervals that end on ordered values, with the exact distribution of their ranks.

An interval from the k-th value to the k-th last has a level that is known exactly, and takes
one of few values. Between two of them the ends are interpolated so that the level is the one
that was asked for. Ends are sums of ordered values with weights that are not negative, so
that they move with every value, never against it.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The distribution is counted up to this size; beyond, the normal one is as good (1e-4).
_EXACT_SIGNED = 60


def sign_ends(values: Floats, confidence: float) -> tuple[float, float] | None:
    """Around the median: interpolated order statistics (after Hettmansperger & Sheather 1986).

    Their interpolation is right for symmetric values, and ends too far inside for skewed ones.
    Here the logarithm of the tail is interpolated: the tails of two neighbouring ranks differ by
    a factor, and an end between them is never further inside than by its share of that. None
    where even the whole range holds the median less often than asked for.
    """
    tails = _sign_tails(len(values))
    found = _rank(tails, confidence)
    if found is None:
        return None
    rank, share = found
    if 0.0 < share < 1.0:
        outer, inner = float(tails[rank - 1]), float(tails[rank])
        share = math.log1p(share * (inner / outer - 1)) / math.log(inner / outer)
    return _ends(np.sort(values), rank, share)


def signed_rank_ends(values: Floats, confidence: float) -> tuple[float, float] | None:
    """Around the centre of symmetry: ordered Walsh averages (Hodges & Lehmann 1963).

    Their ranks are those of Wilcoxon's signed-rank statistic. None as above.
    """
    found = _rank(_signed_tails(len(values)), confidence)
    return None if found is None else _ends(np.sort(walsh_averages(values)), *found)


def walsh_averages(values: Floats) -> Floats:
    """The means of all pairs, each value with itself too."""
    rows, columns = np.triu_indices(len(values))
    return np.asarray((values[rows] + values[columns]) / 2)


def _ends(ordered: Floats, rank: int, inner: float) -> tuple[float, float]:
    """From the value of this rank to the one as far from the other end, each moved inward."""
    last = len(ordered) - 1
    return (
        _between(ordered[rank - 1], ordered[min(rank, last)], inner),
        _between(ordered[-rank], ordered[max(last - rank, 0)], inner),
    )


def _between(outer: float, inner: float, share: float) -> float:
    """Also of infinite values: an end that leans on one is infinite."""
    if share in (0.0, 1.0):
        return float(inner if share else outer)
    return float((1 - share) * outer + share * inner)


def _rank(tails: Floats, confidence: float) -> tuple[int, float] | None:
    """The largest rank whose interval holds as often as asked, and how far on the next one is.

    `tails[k - 1]`: how often the value of rank k lies beyond.
    """
    tail = (1 - confidence) / 2
    # The level of a whole range is a power of two, which must not be missed by a rounding.
    rank = int(np.searchsorted(tails, tail * (1 + 1e-9), side="right"))
    if rank == 0:
        return None
    if rank == len(tails):
        return rank, 0.0
    outer, inner = float(tails[rank - 1]), float(tails[rank])
    return rank, min(max((tail - outer) / (inner - outer), 0.0), 1.0)


@lru_cache(maxsize=256)
def _sign_tails(count: int) -> Floats:
    """P(B <= k) of a binomial of `count` fair coins, k from 0 up to below one half."""
    total, tails = 0, []
    for heads in range((count + 1) // 2):
        total += math.comb(count, heads)
        # Whole numbers divide rightly at any size.
        tails.append(total / 2**count)
    return np.array(tails)


@lru_cache(maxsize=256)
def _signed_tails(count: int) -> Floats:
    """P(W <= k) of the signed-rank statistic, k from 0 up to below one half."""
    size = count * (count + 1) // 2
    if count > _EXACT_SIGNED:
        return _normal_tails(size, math.sqrt(count * (count + 1) * (2 * count + 1) / 24))
    ways = np.zeros(size + 1)
    ways[0] = 1.0
    for rank in range(1, count + 1):
        ways[rank:] = (ways[rank:] + ways[:-rank]) / 2
        ways[:rank] /= 2
    return np.asarray(ways.cumsum()[: (size + 1) // 2])


def _normal_tails(size: int, deviation: float) -> Floats:
    """Of a statistic that lies between 0 and `size`, by the normal distribution."""
    steps = np.arange((size + 1) // 2)
    scores = (steps + 0.5 - size / 2) / (deviation * math.sqrt(2))
    return np.array([math.erfc(-score) / 2 for score in scores])
