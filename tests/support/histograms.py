"""Histograms of an agent, made of single values."""

from collections import Counter
from collections.abc import Iterable

from headstart.agent.load.histogram import histogram_of_counts
from headstart.v1.records_pb2 import Histogram


def histogram_of(latencies_us: Iterable[int]) -> Histogram:
    """The histogram of whole microseconds."""
    return histogram_of_counts(Counter(latencies_us))
