"""Quick forms of the benchmarks in bench/: seeded, so that they fail only after a change."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))

from bench.across_hosts import held
from bench.coverage import KINDS, break_even_coverage, coverage, false_verdicts
from bench.regressions import false_alarms, found
from bench.warmup import Curve, curves, inconsistent, tally

# Of 400 runs chance moves a coverage of 95 % by 2.8 points (99 %).
RUNS = 400
CHANCE = 0.028


@pytest.mark.parametrize("blocks", [4, 5, 6, 10])
@pytest.mark.parametrize("center", ["mean", "median"])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_true_ratio_as_often_as_they_say(
    kind: str, center: str, blocks: int
) -> None:
    found = coverage(kind, blocks, center, RUNS)

    assert 0.93 - CHANCE <= found <= 0.97 + CHANCE


@pytest.mark.parametrize("center", ["mean", "median"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_thing_twice_is_hardly_ever_different(kind: str, center: str) -> None:
    assert false_verdicts(kind, 5, center, 200) <= 0.05


@pytest.mark.parametrize("blocks", [4, 8])
def test_intervals_of_a_break_even_hold_it_as_often_as_they_say(blocks: int) -> None:
    # Of 150 runs chance moves a coverage of 95 % by 4.6 points.
    assert break_even_coverage(blocks, 150) >= 0.93 - 0.046


@pytest.mark.parametrize("hosts", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_means_over_hosts_hold_the_true_ratio_as_often_as_they_say(
    hosts: int, spread: float
) -> None:
    assert held(hosts, spread, "mean", RUNS).mean >= 0.93 - CHANCE


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
