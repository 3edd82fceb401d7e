"""Quick forms of the benchmarks in bench/: seeded, so that they fail only after a change."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))

from bench.across_hosts import held
from bench.coverage import (
    DRIFTS,
    FEW_HOLD,
    FEW_UNEQUAL,
    KINDS,
    TWO_RUNS_HOLD,
    UNEQUAL,
    break_even_coverage,
    change_coverage,
    coverage,
    drift_coverage,
    false_verdicts,
    figure_coverage,
    unequal_coverage,
    unfit_hosts,
    wrong_gates,
)
from bench.regressions import false_alarms, found
from bench.warmup import Curve, curves, inconsistent, tally
from headstart.collector.analysis.statistics.intervals import figure_level

# Of 400 runs chance moves a coverage of 95 % by 2.8 points (99 %).
RUNS = 400
CHANCE = 0.028


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [5, 7, 9, 13, 25])
def test_intervals_of_a_figure_hold_its_median_as_often_as_they_say(kind: str, count: int) -> None:
    level = figure_level(count, 0.95)

    assert figure_coverage(kind, count, RUNS) == pytest.approx(level, abs=CHANCE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [5, 9])
def test_a_gate_on_the_figure_itself_is_rarely_decided(kind: str, count: int) -> None:
    # Of 400 runs chance adds 2.3 points to 3.1 %.
    assert wrong_gates(kind, count, RUNS) <= 0.031 + 0.023


@pytest.mark.parametrize("blocks", [4, 5, 6, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_true_ratio_as_often_as_they_say(kind: str, blocks: int) -> None:
    found = coverage(kind, blocks, RUNS)

    assert 0.93 - CHANCE <= found <= (FEW_HOLD if blocks <= 5 else 0.97) + CHANCE


@pytest.mark.parametrize("blocks", [4, 8])
@pytest.mark.parametrize("noise", UNEQUAL)
def test_they_do_so_where_one_variant_varies_more(noise: str, blocks: int) -> None:
    assert unequal_coverage(noise, blocks, RUNS) >= (FEW_UNEQUAL if blocks <= 5 else 0.93) - CHANCE


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_that_blocks_share_widens_no_interval(drift: str) -> None:
    held_of_ten, of_ten = drift_coverage(drift, 10, 200)
    _, of_twenty = drift_coverage(drift, 20, 200)

    assert held_of_ten >= 0.93 - 0.04
    # Trials vary by 3 %.
    assert of_ten == pytest.approx(0.062, abs=0.008)
    assert of_twenty == pytest.approx(0.041, abs=0.006)


@pytest.mark.parametrize("counts", [(4, 4), (10, 10), (5, 10)])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_between_two_runs_hold_the_true_change(
    kind: str, counts: tuple[int, int]
) -> None:
    assert 0.93 - CHANCE <= change_coverage(kind, counts, RUNS) <= TWO_RUNS_HOLD + 0.015


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_thing_twice_is_hardly_ever_different(kind: str) -> None:
    assert false_verdicts(kind, 5, 200) <= 0.05


@pytest.mark.parametrize("blocks", [4, 8])
def test_intervals_of_a_break_even_hold_it_as_often_as_they_say(blocks: int) -> None:
    # Of 150 runs chance moves a coverage of 95 % by 4.6 points.
    assert break_even_coverage(blocks, 150) >= 0.93 - 0.046


def test_a_host_fails_for_a_difference_and_not_for_how_many_metrics_there_are() -> None:
    # Of 200 runs chance adds 4 points to 5 %.
    assert unfit_hosts(0.0, 10, 0.1, 200) <= 0.09
    assert unfit_hosts(0.2, 10, 0.05, 100) >= 0.9


@pytest.mark.parametrize("hosts", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_means_over_hosts_hold_the_true_ratio_as_often_as_they_say(
    hosts: int, spread: float
) -> None:
    assert held(hosts, spread, RUNS).mean >= 0.93 - CHANCE


@pytest.mark.parametrize("curve", curves(), ids=lambda curve: curve.name)
def test_every_class_is_recognised_in_noise_in_any_unit_and_with_spikes(curve: Curve) -> None:
    found = tally(curve, 60)

    assert found.right >= 0.95
    assert found.same_in_other_units == 1
    assert found.same_with_spikes >= 0.9


def test_trials_of_two_classes_are_inconsistent() -> None:
    assert inconsistent(20) >= 0.95


def test_a_level_series_hardly_alarms_and_a_step_of_the_margin_is_found() -> None:
    worse, either = false_alarms("normal", 15)

    assert worse <= either <= 1 / 15
    assert found("normal", 20) >= 0.75
