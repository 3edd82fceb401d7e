"""The buckets are HdrHistogram's with 2 significant digits: exact order, bounded width."""

import random

from headstart.agent.load.histogram import SUB_BUCKETS, index_of, merge
from support.histograms import histogram_of, lower_bound_us

# Every small value, and values of every magnitude up to an hour.
VALUES = [
    *range(4096),
    *(value for bits in range(12, 33) for value in ((1 << bits) - 1, 1 << bits, (1 << bits) + 1)),
    *random.Random(1).sample(range(3_600_000_000), 2000),
]


def test_the_lower_bound_of_a_bucket_lies_in_it_and_the_value_below_does_not() -> None:
    for index in range(4000):
        bound = lower_bound_us(index)

        assert index_of(bound) == index
        assert bound == 0 or index_of(bound - 1) == index - 1


def test_every_value_lies_between_its_bucket_and_the_next() -> None:
    for value in VALUES:
        index = index_of(value)

        assert lower_bound_us(index) <= value < lower_bound_us(index + 1)


def test_a_bucket_is_at_most_a_128th_of_its_value_wide() -> None:
    for value in VALUES:
        index = index_of(value)
        width = lower_bound_us(index + 1) - lower_bound_us(index)

        assert width == 1 if value < SUB_BUCKETS else width / value <= 1 / 128


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
