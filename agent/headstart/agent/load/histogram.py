"""The bucket layout of HdrHistogram: lowest discernible 1 us, 2 significant digits.

A value below 256 has a bucket of its own; above, every power of two is cut into
128 buckets, so that a bucket is never wider than 1/128 of its value. Source:
Gil Tene, HdrHistogram, `countsArrayIndex` with subBucketCount = 256.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from headstart.v1.records_pb2 import Histogram

SUB_BUCKETS = 256
_HALF_BITS = 7


def index_of(value_us: int) -> int:
    """Index of the bucket that holds a latency in whole microseconds (>= 0)."""
    if value_us < SUB_BUCKETS:
        return value_us
    bucket = value_us.bit_length() - (_HALF_BITS + 1)
    return (bucket << _HALF_BITS) + (value_us >> bucket)


def histogram_of_counts(by_value: Mapping[int, int]) -> Histogram:
    """The histogram of latencies in whole microseconds (>= 0), counted by value."""
    counts: Counter[int] = Counter()
    total = 0
    for value, count in by_value.items():
        counts[index_of(value)] += count
        total += value * count
    return _histogram(counts, total, max(by_value, default=0))


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of all that these hold."""
    counts: Counter[int] = Counter()
    total = maximum = 0
    for histogram in histograms:
        index = 0
        for delta, count in zip(histogram.index_delta, histogram.count, strict=True):
            index += delta
            counts[index] += count
        total += histogram.total_us
        maximum = max(maximum, histogram.maximum_us)
    return _histogram(counts, total, maximum)


def _histogram(counts: Mapping[int, int], total_us: int, maximum_us: int) -> Histogram:
    histogram = Histogram(total_us=total_us, maximum_us=maximum_us)
    last = 0
    for index in sorted(counts):
        histogram.index_delta.append(index - last)
        histogram.count.append(counts[index])
        last = index
    return histogram
