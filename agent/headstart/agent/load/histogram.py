"""Latency histograms as they are sent, in the buckets of `headstart.words.histogram`."""

from collections import Counter
from collections.abc import Iterable, Mapping

from headstart.v1.records_pb2 import Histogram
from headstart.words.histogram import index_of


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
