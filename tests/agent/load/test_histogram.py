"""Histograms as an agent sends them: nothing is lost but the place within a bucket."""

import random

from headstart.agent.load.histogram import merge
from headstart.words.histogram import index_of
from support.histograms import histogram_of


def test_counts_total_and_maximum_are_exact() -> None:
    histogram = histogram_of([5, 5, 300, 301, 100_000])

    assert list(histogram.count) == [2, 2, 1]
    assert next(iter(histogram.index_delta)) == 5
    assert sum(histogram.index_delta) == index_of(100_000)
    assert (histogram.total_us, histogram.maximum_us) == (100_611, 100_000)


def test_no_values_give_an_empty_histogram() -> None:
    histogram = histogram_of([])

    assert not histogram.count
    assert (histogram.total_us, histogram.maximum_us) == (0, 0)


def test_merged_histograms_are_that_of_all_values() -> None:
    values = random.Random(2).choices(range(1_000_000), k=5000)
    parts = [histogram_of(values[i : i + 700]) for i in range(0, len(values), 700)]

    assert merge([*parts, histogram_of([])]) == histogram_of(values)
