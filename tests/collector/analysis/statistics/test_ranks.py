"""The levels of rank intervals, by going through every case there is."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from headstart.collector.analysis.statistics.ranks import (
    sign_ends,
    signed_rank_ends,
)


def tied(confidence: float) -> float:
    """Just below: where the level is that of a whole rank, no end is interpolated."""
    return confidence - 1e-12


@pytest.mark.parametrize(("count", "rank"), [(6, 1), (9, 2), (12, 3)])
def test_order_statistics_hold_the_median_as_often_as_coins_say(count: int, rank: int) -> None:
    # The median lies below the k-th value when fewer than k of the values are below it.
    outside = sum(sum(coins) < rank for coins in product((0, 1), repeat=count))
    level = 1 - 2 * outside / 2**count

    ends = sign_ends(np.arange(1.0, count + 1), tied(level))

    assert ends == pytest.approx((rank, count + 1 - rank), abs=1e-6)


def test_between_two_ranks_the_logarithm_of_the_tail_is_interpolated() -> None:
    # Of seven values 1/128 lies beyond the first, 8/128 beyond the second.
    inward = math.log(0.025 * 128) / math.log(8)

    ends = sign_ends(np.arange(1.0, 8.0), 0.95)

    assert ends == pytest.approx((1 + inward, 7 - inward))


@pytest.mark.parametrize("count", range(6, 31))
def test_skewed_trials_on_their_limit_are_decided_as_seldom_as_those_of_five(count: int) -> None:
    trials = np.random.default_rng(count).exponential(1.0, (20_000, count))
    ends = np.array([sign_ends(values, 0.95) for values in trials])
    wrong = max(np.mean(ends[:, 0] > math.log(2)), np.mean(ends[:, 1] <= math.log(2)))

    # A half to the fifth power; chance adds 0.3 % in one of a hundred.
    assert wrong < 0.5**5


@pytest.mark.parametrize(("count", "rank"), [(6, 1), (6, 3), (8, 4)])
def test_walsh_averages_hold_the_centre_as_often_as_signs_say(count: int, rank: int) -> None:
    ranks = range(1, count + 1)
    outside = sum(
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign) < rank
        for signs in product((0, 1), repeat=count)
    )
    level = 1 - 2 * outside / 2**count
    values = np.random.default_rng(1).normal(0, 1, count)
    walsh = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])

    ends = signed_rank_ends(values, tied(level))

    assert ends == pytest.approx((walsh[rank - 1], walsh[-rank]))


def test_too_few_values_cannot_hold_so_often() -> None:
    values = np.arange(5.0)

    assert sign_ends(values, 0.95) is None
    assert signed_rank_ends(values, 0.95) is None


def test_the_order_of_values_is_nothing_to_an_interval() -> None:
    found = {sign_ends(np.array(order), 0.9) for order in permutations([1.0, 2.0, 4.0, 8.0, 9.0])}

    assert len(found) == 1


def test_an_end_that_leans_on_an_infinite_value_is_infinite() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.inf, np.inf])

    ends = sign_ends(values, 0.95)

    assert ends is not None
    assert 1 < ends[0] < 2
    assert ends[1] == np.inf
