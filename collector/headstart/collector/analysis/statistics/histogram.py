"""Latency histograms as arrays: merging and quantiles.

Their buckets are those of `headstart.words.histogram`. A load has thousands of them, so they
stay as sparse as they come.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from headstart.v1.records_pb2 import Histogram
from headstart.words.histogram import BUCKETS, middle_us

_MOST_COUNTED = 1 << 48
# A lookup for each window and quantile: computed once.
_MIDDLES_SECONDS = tuple(middle_us(index) / 1e6 for index in range(BUCKETS))


class MalformedHistogram(ValueError):
    """Indices and counts do not fit each other or the layout."""


@dataclass(frozen=True)
class Counts:
    """Buckets in ascending order, and how many values each has."""

    index: Sequence[int]
    count: Sequence[int]

    @property
    def total(self) -> int:
        return sum(self.count)


NOTHING = Counts((), ())


def counts_of(histogram: Histogram) -> Counts:
    """Raises MalformedHistogram."""
    count, steps = histogram.count[:], histogram.index_delta[:]
    if len(steps) != len(count):
        raise MalformedHistogram("as many indices as counts are needed")
    if not count:
        return NOTHING
    index = list(accumulate(steps))
    if index[-1] >= BUCKETS or max(count) > _MOST_COUNTED:
        raise MalformedHistogram("an index or a count is out of range")
    return Counts(index, count)


def merged(histograms: Iterable[Counts]) -> Counts:
    """The histogram of all values together."""
    index: list[int] = []
    count: list[int] = []
    for part in histograms:
        index += part.index
        count += part.count
    total = np.zeros(BUCKETS, dtype=np.int64)
    # A bucket comes as often as there are parts that have it.
    np.add.at(
        total,
        np.fromiter(index, dtype=np.int64, count=len(index)),
        np.fromiter(count, dtype=np.int64, count=len(count)),
    )
    found = np.flatnonzero(total)
    return Counts(found.tolist(), total[found].tolist())


def quantiles_seconds(counts: Counts, quantiles: Iterable[float]) -> list[float] | None:
    """The values below which these shares of the counted ones lie; None when none is counted.

    The nearest rank's bucket, at its middle.
    """
    cumulated = list(accumulate(counts.count))
    if not cumulated or not cumulated[-1]:
        return None
    total = cumulated[-1]
    return [
        _MIDDLES_SECONDS[counts.index[bisect_left(cumulated, max(1, math.ceil(quantile * total)))]]
        for quantile in quantiles
    ]
