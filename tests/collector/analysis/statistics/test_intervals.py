import numpy as np
import pytest

from headstart.collector.analysis.statistics.intervals import (
    change_interval,
    figure_interval,
    figure_level,
    least_values,
    ratio_bounds,
    ratio_interval,
)
from headstart.collector.findings import Interval


def test_five_values_have_their_range_with_its_own_level_and_four_have_nothing() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]

    assert figure_interval(values, 0.95) == Interval(1.0, 5.0)
    assert figure_level(5, 0.95) == 0.9375
    assert figure_interval(values[:4], 0.95) is None
    assert [least_values(0.95), least_values(0.9875)] == [5, 7]
    assert figure_level(6, 0.9875) is None
    assert figure_level(8, 0.9875) == 0.9875


def test_drift_that_a_block_shares_cancels() -> None:
    rng = np.random.default_rng(1)
    drift = np.exp(rng.normal(0, 0.5, 20))
    trials = np.exp(rng.normal(0, 0.03, (2, 20)))

    _, calm = ratio_interval(trials[1], trials[0], 0.95)
    ratio, drifting = ratio_interval(drift * trials[1], drift * trials[0], 0.95)

    assert calm is not None
    assert drifting is not None
    assert (drifting.low, drifting.high) == pytest.approx((calm.low, calm.high))
    assert drifting.low < ratio < drifting.high


def test_an_interval_narrows_with_the_root_of_its_blocks() -> None:
    rng = np.random.default_rng(2)

    def width(blocks: int) -> float:
        pairs = np.exp(rng.normal(0, 0.05, (100, 2, blocks)))
        found = [ratio_interval(one, other, 0.95)[1] for one, other in pairs]
        return float(np.mean([np.log(i.high / i.low) for i in found if i is not None]))

    assert width(15) / width(60) == pytest.approx(2.0, rel=0.1)


def test_two_blocks_have_a_ratio_and_no_interval() -> None:
    ratio, interval = ratio_interval([2.0, 8.0], [1.0, 1.0], 0.95)

    assert ratio == pytest.approx(4.0)
    assert interval is None


def test_a_surer_interval_is_wider() -> None:
    values = np.random.default_rng(3).normal(10, 1, 12)

    usual, surer = (figure_interval(values, level) for level in (0.95, 0.9875))

    assert usual is not None
    assert surer is not None
    assert surer.low < usual.low < usual.high < surer.high


def test_a_change_between_runs_leaves_a_tenth_of_many_values_out_at_either_end() -> None:
    calm = np.exp(np.random.default_rng(4).normal(0, 0.02, (2, 10)))
    struck = calm.copy()
    struck[1, 0] *= 50

    change, usual = change_interval(calm[0], calm[1], 0.95)
    _, robust = change_interval(calm[0], struck[1], 0.95)

    assert usual is not None
    assert robust is not None
    assert usual.low < change < usual.high
    assert robust.high < 1.1
    assert change_interval([1.0, 2.0], [2.0, 4.0, 6.0], 0.95)[1] is None


@pytest.mark.parametrize("count", [6, 9, 20])
def test_no_end_moves_against_a_value(count: int) -> None:
    rng = np.random.default_rng(count)
    values, others = np.exp(rng.normal(0, 0.1, (2, count)))
    for index in range(count):
        moved = values.copy()
        moved[index] *= 1.3
        for before, after in (
            (figure_interval(values, 0.95), figure_interval(moved, 0.95)),
            (ratio_interval(values, others, 0.95)[1], ratio_interval(moved, others, 0.95)[1]),
        ):
            assert before is not None
            assert after is not None
            assert before.low <= after.low
            assert before.high <= after.high


@pytest.mark.parametrize("blocks", [4, 8])
def test_bounds_hold_whatever_lies_between_them(blocks: int) -> None:
    rng = np.random.default_rng(blocks)
    lows = np.exp(rng.normal(0, 0.1, (2, blocks)))
    highs = lows * np.exp(rng.exponential(0.2, (2, blocks)))
    variant, baseline = (list(zip(lows[i], highs[i], strict=True)) for i in range(2))

    bounds = ratio_bounds(variant, baseline, 0.95)

    assert bounds is not None
    for _ in range(200):
        between = lows * (highs / lows) ** rng.random((2, blocks))
        interval = ratio_interval(between[0], between[1], 0.95)[1]
        assert interval is not None
        assert bounds.low <= interval.low
        assert interval.high <= bounds.high
