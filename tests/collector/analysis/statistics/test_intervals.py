from collections.abc import Callable

import numpy as np
import pytest

from headstart.collector.analysis.statistics.intervals import (
    Floats,
    change_interval,
    figure_interval,
    figure_level,
    least_values,
    ratio_bounds,
    ratio_interval,
)
from headstart.collector.findings import Interval

_RUNS = 400
# Three standard errors of a share of so many runs; the methods before were off by more.
_CHANCE = 3 * (0.95 * 0.05 / _RUNS) ** 0.5

_NOISES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, count: np.exp(rng.normal(0, 0.05, count)),
    "skewed": lambda rng, count: 1 + rng.exponential(0.15, count),
    "spikes": lambda rng, count: (
        np.where(rng.random(count) < 0.1, 1.5, 1.0) * np.exp(rng.normal(0, 0.05, count))
    ),
}
# Of one skewed value, 1 + 0.15 ln 2; of one spiked, the median of both kinds together.
_MEDIANS = {"normal": 1.0, "skewed": 1.1039721, "spikes": 1.0070}


def share(hold: Callable[[np.random.Generator], bool], seed: int) -> float:
    rng = np.random.default_rng(seed)
    return sum(hold(rng) for _ in range(_RUNS)) / _RUNS


def holds(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("noise", _NOISES)
@pytest.mark.parametrize("count", [5, 7, 9, 13, 15, 25])
def test_a_figures_interval_holds_the_median_as_often_as_it_says(count: int, noise: str) -> None:
    level = figure_level(count, 0.95)
    assert level is not None

    held = share(
        lambda rng: holds(figure_interval(_NOISES[noise](rng, count), 0.95), _MEDIANS[noise]), count
    )

    assert held == pytest.approx(level, abs=_CHANCE)


def test_five_values_have_their_range_with_its_own_level_and_four_have_nothing() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]

    assert figure_interval(values, 0.95) == Interval(1.0, 5.0)
    assert figure_level(5, 0.95) == 0.9375
    assert figure_interval(values[:4], 0.95) is None
    assert [least_values(0.95), least_values(0.9875)] == [5, 7]
    assert figure_level(6, 0.9875) is None
    assert figure_level(8, 0.9875) == 0.9875


@pytest.mark.parametrize("noise", _NOISES)
@pytest.mark.parametrize("blocks", [5, 6, 10, 20])
def test_a_ratios_interval_holds_the_true_ratio_as_often_as_it_says(
    blocks: int, noise: str
) -> None:
    def hold(rng: np.random.Generator) -> bool:
        drift = np.exp(rng.normal(0, 0.3, blocks))
        baseline, variant = (drift * _NOISES[noise](rng, blocks) for _ in range(2))
        return holds(ratio_interval(0.5 * variant, baseline, 0.95)[1], 0.5)

    # Student's t holds 97-98 % of five blocks with spikes.
    held = share(hold, blocks)
    assert 0.95 - _CHANCE <= held <= (0.98 if blocks == 5 else 0.95) + _CHANCE


def test_noise_of_one_side_alone_is_no_trouble_for_a_ratio() -> None:
    def hold(rng: np.random.Generator) -> bool:
        baseline, variant = (np.exp(rng.normal(0, sd, 8)) for sd in (0.01, 0.2))
        return holds(ratio_interval(variant, baseline, 0.95)[1], 1.0)

    assert share(hold, 8) == pytest.approx(0.95, abs=_CHANCE)


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


@pytest.mark.parametrize("sides", [(4, 4), (4, 10), (6, 6), (10, 20)])
@pytest.mark.parametrize("noise", _NOISES)
def test_a_change_between_runs_is_held_as_often_as_its_interval_says(
    sides: tuple[int, int], noise: str
) -> None:
    def hold(rng: np.random.Generator) -> bool:
        before, after = (_NOISES[noise](rng, count) for count in sides)
        return holds(change_interval(before, 1.2 * after, 0.95)[1], 1.2)

    assert 0.93 - _CHANCE <= share(hold, sum(sides)) <= 0.985 + _CHANCE


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
            (change_interval(others, values, 0.95)[1], change_interval(others, moved, 0.95)[1]),
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
