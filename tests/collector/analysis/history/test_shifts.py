"""Whether a series has shifted, judged at its newest point."""

import math

import numpy as np
import pytest

from headstart.collector.analysis.history.shifts import (
    FEWEST_POINTS,
    LOOKED_AT,
    Shift,
    is_new,
    judge_exact,
    lasting_shifts,
    same_shift,
    taken_back,
    takes_back,
)
from headstart.collector.analysis.statistics.change_points import change_points
from headstart.words.metrics import METRICS, threshold_of

MARGIN = 0.05


def steps(*levels: tuple[float, int], seed: int = 3) -> list[float]:
    """Levels held for so many points each, with noise of 1 %."""
    rng = np.random.default_rng(seed)
    return [
        level * math.exp(rng.normal(0, 0.01)) for level, points in levels for _ in range(points)
    ]


def judge(values: list[float], margin: float) -> Shift | None:
    """The one shift of a series that has no more than one."""
    found = lasting_shifts(values, margin)
    assert len(found) <= 1
    return found[0] if found else None


def test_change_points_are_where_levels_change() -> None:
    values = np.array(steps((1.0, 20), (1.3, 12), (0.9, 15)))

    assert change_points(values) == [20, 32]


def test_a_level_series_and_a_short_one_have_no_change_points() -> None:
    assert change_points(np.array(steps((1.0, 40)))) == []
    assert change_points(np.array([1.0, 1.1, 5.0, 5.1, 5.0])) == []
    assert change_points(np.full(20, 2.0)) == []


def test_levels_without_any_spread_differ_for_sure() -> None:
    assert change_points(np.array([1.0] * 6 + [2.0] * 6)) == [6]


def test_a_step_is_told_with_its_begin_and_its_size() -> None:
    shift = judge(steps((0.2, 20), (0.22, 6)), MARGIN)

    assert shift is not None
    assert shift.begin == 20
    assert shift.ratio == pytest.approx(1.1, rel=0.02)
    assert (shift.before, shift.after) == pytest.approx((0.2, 0.22), rel=0.02)


@pytest.mark.parametrize(("before", "after"), [(4, 15), (7, 7), (9, 5)])
def test_a_step_early_in_a_series_is_told_too(before: int, after: int) -> None:
    values = steps((27.0, before), (340.0, after))
    shift = judge(values, MARGIN)

    assert shift is not None
    assert shift.begin == before
    assert judge(values[: FEWEST_POINTS - 1], MARGIN) is None


def test_an_improvement_is_a_shift_too() -> None:
    shift = judge(steps((0.2, 20), (0.1, 5)), MARGIN)

    assert shift is not None
    assert shift.ratio == pytest.approx(0.5, rel=0.03)


def test_what_is_smaller_than_half_the_margin_is_not_told() -> None:
    assert threshold_of(MARGIN) == pytest.approx(0.025)
    assert judge(steps((1.0, 30), (1.015, 10)), MARGIN) is None


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_few_points_off_are_no_shift_yet(last: int) -> None:
    assert judge(steps((1.0, 30), (1.3, last)), MARGIN) is None


def test_a_step_that_was_taken_back_is_not_told_later() -> None:
    assert judge(steps((1.0, 30), (1.3, 6), (1.0, 12)), MARGIN) is None


def test_a_series_that_is_too_short_or_not_of_numbers_is_not_judged() -> None:
    values = steps((1.0, FEWEST_POINTS - 6), (2.0, 5))

    assert judge(values, MARGIN) is None
    assert judge([1.0, *values], MARGIN) is not None
    assert judge([*[math.nan] * 20, *values], MARGIN) is None
    assert judge([0.0, 1.0, *values], MARGIN) is None
    assert judge([], MARGIN) is None


def test_one_outlier_before_a_step_does_not_hide_it() -> None:
    """Of 20 places of the outlier, by each of which the step was hidden for ever."""
    told = 0
    for place in range(1, 21):
        values = steps((1.0, 35), (1.1, 10), seed=place)
        values[35 - place] *= 2
        shift = judge(values, MARGIN)
        told += shift is not None and abs(shift.begin - 35) <= 5 and shift.ratio > 1

    assert told == 20


def test_a_level_that_lasts_is_told_however_old_it_is() -> None:
    shift = judge(steps((1.0, 20), (1.1, 60)), MARGIN)

    assert shift is not None
    assert shift.begin == 20


def test_steps_one_on_the_other_are_all_told_the_oldest_first() -> None:
    found = lasting_shifts(steps((1.0, 20), (1.2, 20), (1.5, 20)), MARGIN)

    assert [shift.begin for shift in found] == [20, 40]


def test_a_shift_whose_begin_is_seen_elsewhere_is_not_new_while_its_level_holds() -> None:
    values = steps((1.0, 20), (1.2, 20))
    told = [Shift(12, 1.0, 1.2, 1.2)]

    assert not is_new(Shift(20, 1.0, 1.2, 1.2), told, values)
    assert is_new(Shift(20, 1.2, 1.5, 1.25), told, values)
    assert is_new(Shift(20, 1.2, 1.0, 1 / 1.2), told, values)


def test_a_shift_that_comes_again_after_it_was_over_is_new() -> None:
    values = steps((1.0, 20), (1.2, 10), (1.0, 10), (1.2, 10))

    assert is_new(Shift(40, 1.1, 1.2, 1.09), [Shift(20, 1.0, 1.2, 1.2)], values)


def test_a_shift_back_by_more_than_half_takes_the_earlier_one_back() -> None:
    worse = Shift(20, 1.0, 1.5, 1.5)

    assert takes_back(Shift(40, 1.5, 1.1, 1.1 / 1.5), worse)
    assert not takes_back(Shift(40, 1.5, 1.4, 1.4 / 1.5), worse)
    assert not takes_back(Shift(10, 1.5, 1.0, 1 / 1.5), worse)


def test_only_the_newest_points_are_looked_at_and_the_begin_counts_from_the_first() -> None:
    values = steps((9.0, 100), (1.0, LOOKED_AT), (1.2, 6))
    shift = judge(values, MARGIN)

    assert shift is not None
    assert shift.begin == 100 + LOOKED_AT


def test_one_step_stays_one_shift_while_points_follow() -> None:
    series = steps((1.0, 25), (1.1, 15))
    looks = [judge(series[:end], MARGIN) for end in range(26, len(series) + 1)]
    shifts = [shift for shift in looks if shift is not None]

    assert looks[0] is None
    assert len(shifts) >= 3
    assert all(same_shift(shifts[0], later) for later in shifts)


def test_shifts_apart_or_of_other_directions_are_not_the_same() -> None:
    up = judge(steps((1.0, 20), (1.1, 5)), MARGIN)
    down = judge(steps((1.1, 20), (1.0, 5)), MARGIN)
    later = judge(steps((1.0, 30), (1.1, 5)), MARGIN)

    assert up is not None
    assert down is not None
    assert later is not None
    assert not same_shift(up, down)
    assert not same_shift(up, later)


def test_a_shift_is_over_when_five_points_are_back_at_the_old_level() -> None:
    slow, back = steps((1.1, 6)), steps((1.0, 5))

    assert taken_back([*slow, *back], 1.0, 1.1)
    assert not taken_back([*slow, *back[:4]], 1.0, 1.1)
    assert not taken_back(slow, 1.0, 1.1)
    assert taken_back([*back, *slow], 1.1, 1.0)
    assert not taken_back(back[:4], 1.0, 1.1)


def test_of_a_figure_that_does_not_vary_any_departure_from_its_level_is_told_once() -> None:
    up = judge_exact([100.0, 100.0, 103.0], 0.01)

    assert up is not None
    assert (up.begin, up.before, up.after) == (2, 100.0, 103.0)
    assert up.ratio == pytest.approx(1.03)
    assert judge_exact([100.0, 100.0, 103.0, 103.0], 0.01) is None
    assert judge_exact([100.0, 100.5], 0.01) is None
    assert judge_exact([], 0.01) is None


def test_a_creeping_size_is_told_when_it_is_past_the_margin_from_its_level() -> None:
    creeping = [100.0, 100.4, 100.8, 101.2]

    assert judge_exact(creeping[:3], 0.01) is None
    shift = judge_exact(creeping, 0.01)
    assert shift is not None
    assert shift.before == 100.0


def test_every_metric_of_the_catalogue_has_a_threshold() -> None:
    assert all(0 < threshold_of(metric.margin) < 0.1 for metric in METRICS.values())
