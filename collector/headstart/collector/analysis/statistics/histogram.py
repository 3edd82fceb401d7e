"""Latency histograms as arrays: merging and quantiles.

Their buckets are those of `headstart.words.histogram`.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from headstart.v1.records_pb2 import Histogram
from headstart.words.histogram import BUCKETS, middle_us

Counts = npt.NDArray[np.int64]


class MalformedHistogram(ValueError):
    """Indices and counts do not fit each other or the layout."""


def counts_of(histogram: Histogram) -> Counts:
    """Dense counts by bucket index, no longer than the highest index needs.

    Raises MalformedHistogram.
    """
    if len(histogram.index_delta) != len(histogram.count):
        raise MalformedHistogram("as many indices as counts are needed")
    if not histogram.count:
        return np.zeros(0, dtype=np.int64)
    index = np.cumsum(np.array(histogram.index_delta, dtype=np.int64))
    count = np.array(histogram.count, dtype=np.uint64)
    if index[-1] >= BUCKETS or int(count.max()) > 1 << 48:
        raise MalformedHistogram("an index or a count is out of range")
    counts = np.zeros(int(index[-1]) + 1, dtype=np.int64)
    np.add.at(counts, index, count.astype(np.int64))
    return counts


def merged(histograms: Iterable[Counts]) -> Counts:
    """The histogram of all values together."""
    parts = list(histograms)
    total = np.zeros(max((len(part) for part in parts), default=0), dtype=np.int64)
    for part in parts:
        total[: len(part)] += part
    return total


def quantiles_seconds(counts: Counts, quantiles: Iterable[float]) -> list[float] | None:
    """The values below which these shares of the counted ones lie; None when none is counted.

    The nearest rank's bucket, at its middle.
    """
    total = int(counts.sum())
    if total == 0:
        return None
    ranks = [max(1.0, np.ceil(quantile * total)) for quantile in quantiles]
    buckets = np.searchsorted(np.cumsum(counts), ranks)
    return [middle_us(int(bucket)) / 1e6 for bucket in buckets]
