"""Latency histograms as arrays: merging and quantiles.

The layout is that of HdrHistogram with lowest discernible value 1 us and 2
significant digits, documented at `Histogram` in records.proto: values below 256 us
have a bucket each; above, every power of two is cut into 128. A bucket is never
wider than 1/128 of its value, so its middle is wrong by at most 0.4 %.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from headstart.v1.records_pb2 import Histogram

Counts = npt.NDArray[np.int64]

_SUB_BUCKETS = 256
_HALF = 128
_HALF_BITS = 7
# The bucket of 2**42 us, seven weeks: an index past it is not a latency.
_BUCKETS = ((42 - _HALF_BITS) << _HALF_BITS) + _HALF


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
    if index[-1] >= _BUCKETS or int(count.max()) > 1 << 48:
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
    return [float(value) for value in _middle_us(buckets) / 1e6]


def _middle_us(index: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    shift = np.maximum((index >> _HALF_BITS) - 1, 0)
    low = np.where(index < _SUB_BUCKETS, index, ((index & (_HALF - 1)) + _HALF) << shift)
    width = np.left_shift(1, shift)
    return np.asarray(low + (width - 1) / 2, dtype=np.float64)
