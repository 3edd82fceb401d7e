"""Histograms of an agent, made of single values, and their buckets read backwards."""

from collections import Counter
from collections.abc import Iterable

from headstart.agent.load.histogram import SUB_BUCKETS, histogram_of_counts
from headstart.v1.records_pb2 import Histogram

_HALF = SUB_BUCKETS // 2


def histogram_of(latencies_us: Iterable[int]) -> Histogram:
    """The histogram of whole microseconds."""
    return histogram_of_counts(Counter(latencies_us))


def lower_bound_us(index: int) -> int:
    """The smallest value of a bucket; the inverse of the agent's `index_of`."""
    if index < SUB_BUCKETS:
        return index
    bucket, place = divmod(index, _HALF)
    return (place + _HALF) << (bucket - 1)
