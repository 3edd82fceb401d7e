"""The buckets are HdrHistogram's with 2 significant digits: exact order, bounded width."""

import random

from headstart.words.histogram import BUCKETS, SUB_BUCKETS, index_of, lowest_us, middle_us

# Every small value, and values of every magnitude up to an hour.
VALUES = [
    *range(4096),
    *(value for bits in range(12, 33) for value in ((1 << bits) - 1, 1 << bits, (1 << bits) + 1)),
    *random.Random(1).sample(range(3_600_000_000), 2000),
]


def test_the_lower_bound_of_a_bucket_lies_in_it_and_the_value_below_does_not() -> None:
    for index in range(4000):
        bound = lowest_us(index)

        assert index_of(bound) == index
        assert bound == 0 or index_of(bound - 1) == index - 1


def test_every_value_lies_between_its_bucket_and_the_next() -> None:
    for value in VALUES:
        index = index_of(value)

        assert lowest_us(index) <= value < lowest_us(index + 1)


def test_a_bucket_is_at_most_a_128th_of_its_value_wide() -> None:
    for value in VALUES:
        index = index_of(value)
        width = lowest_us(index + 1) - lowest_us(index)

        assert width == 1 if value < SUB_BUCKETS else width / value <= 1 / 128


def test_the_middle_of_a_bucket_is_wrong_by_at_most_0_4_per_cent() -> None:
    for value in VALUES:
        assert abs(middle_us(index_of(value)) - value) <= 0.004 * value


def test_buckets_widen_at_powers_of_two() -> None:
    found = [index_of(value) for value in (0, 255, 256, 257, 511, 512)]

    assert found == [0, 255, 256, 256, 383, 384]


def test_the_last_bucket_is_that_of_seven_weeks() -> None:
    assert index_of(1 << 42) == BUCKETS
