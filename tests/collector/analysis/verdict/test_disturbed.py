"""Disturbed trials between bounds decide what holds wherever they lay, and nothing else."""

import math
from dataclasses import replace

import numpy as np
import pytest

from headstart.collector.analysis.statistics.intervals import figure_interval, ratio_interval
from headstart.collector.analysis.trials.figures import Reading, figure_of
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.analysis.verdict.comparison import compare
from headstart.collector.analysis.verdict.gates import gate_outcome
from headstart.collector.findings import (
    Basis,
    Comparison,
    Figure,
    GateLimit,
    GateOutcome,
    GateStatus,
    Interval,
    Verdict,
)
from headstart.collector.findings.points import points_of
from headstart.words import metrics
from headstart.words.verdicts import LimitKind
from support.fake_runs import small

Pair = tuple[float, float]


def disturbed(low: float, high: float, block: int) -> Reading:
    return Reading(block, high, Validity.FLAGGED, bounds=Interval(low, high))


def readings(values: list[float | Pair]) -> list[Reading]:
    """A pair is a disturbed trial, between its bounds."""
    return [
        disturbed(*value, block)
        if isinstance(value, tuple)
        else Reading(block, value, Validity.VALID)
        for block, value in enumerate(values, 1)
    ]


def compared(variant: list[float | Pair], baseline: list[float | Pair]) -> Comparison:
    return compare(
        metrics.STARTUP,
        "aot",
        "jit",
        readings(variant),
        readings(baseline),
        margin=0.05,
        confidence=0.95,
    )


def figure(values: list[float | Pair]) -> Figure:
    return figure_of(metrics.STARTUP, "aot", readings(values), 0.95)


@pytest.mark.parametrize("blocks", [5, 6, 10])
def test_what_holds_at_both_ends_is_decided_though_every_trial_was_disturbed(blocks: int) -> None:
    quick: list[float | Pair] = [(0.010 + i / 5e4, 0.021) for i in range(blocks)]
    slow: list[float | Pair] = [(0.050, 0.100 + i / 1e4) for i in range(blocks)]

    found = compared(quick, slow)

    assert (found.verdict, found.basis) == (Verdict.BETTER, Basis.BOUNDED)
    assert found.disturbed_blocks == found.blocks == blocks
    assert found.interval is not None
    assert found.interval.low < 0.11
    assert found.interval.high >= 0.42
    assert found.interval_as_measured is not None
    assert found.interval_as_measured.high < 0.25


def test_what_holds_at_one_end_only_is_open_and_says_why() -> None:
    found = compared([(0.04, 0.08)] * 6, [(0.05, 0.1)] * 6)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == (
        "6 of 6 blocks were disturbed, and what others may have added to them leaves it open;"
        " more blocks do not settle that, a quieter host does"
    )


def test_disturbed_trials_are_not_left_out_of_the_side_that_has_more_of_them() -> None:
    # Half of both sides' trials are slow; the variant's slow ones are flagged.
    slow_ones: list[float | Pair] = [1.0, 1.3] * 5
    found = compared([1.0, (0.9, 1.3)] * 5, slow_ones)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.interval is not None
    assert found.interval.low < 1 <= found.interval.high


def test_a_flagged_trial_without_bounds_stays_out() -> None:
    baseline = readings([0.1] * 6)
    variant = [*readings([(0.01, 0.02)] * 5), Reading(6, 0.02, Validity.FLAGGED)]
    found = compare(metrics.STARTUP, "aot", "jit", variant, baseline, margin=0.05, confidence=0.95)

    assert (found.blocks, found.disturbed_blocks, found.lone_blocks) == (5, 5, 1)
    assert figure_of(metrics.STARTUP, "aot", variant, 0.95).excluded == 1


def test_without_disturbed_trials_nothing_is_as_measured_but_the_interval() -> None:
    found = compared([0.01, 0.011, 0.012], [0.1, 0.11, 0.1])

    assert (found.basis, found.disturbed_blocks) == (Basis.VALID, 0)
    assert found.interval_as_measured is None


def test_a_figure_is_what_was_measured_and_its_interval_the_worst_case() -> None:
    found = figure([(0.010, 0.020), 0.012, (0.011, 0.022), 0.0125, 0.013, 0.0128])

    assert found.basis is Basis.BOUNDED
    assert found.disturbed == 2
    assert found.center == pytest.approx(0.0129)
    assert found.interval is not None
    # Of six an end lies 0.24 of the way from the outermost value to the next one.
    assert found.interval.low == pytest.approx(0.01024, rel=0.001)
    assert found.interval.high == pytest.approx(0.02152, rel=0.001)
    assert sorted(found.undisturbed) == [2, 4, 5, 6]


def gate_of(values: list[float | Pair], at_most: float) -> GateOutcome:
    result = replace(small(blocks=1).result(), figures=(figure(values),))
    return gate_outcome(result, "aot", GateLimit(metrics.STARTUP.name, LimitKind.MAX, at_most))


def test_a_limit_that_is_held_or_missed_in_the_worst_case_is_decided_and_says_why() -> None:
    values: list[float | Pair] = [(0.010, 0.020)] * 4 + [0.012] * 3

    held, missed, open_ = (gate_of(values, at_most) for at_most in (0.021, 0.009, 0.015))

    assert (held.status, missed.status) == (GateStatus.PASSED, GateStatus.FAILED)
    assert "decided although 4 of 7 trials were disturbed" in held.text
    assert open_.status is GateStatus.UNDECIDED
    assert open_.reason == "the worst case reaches across the limit: 4 of 7 were disturbed"
    assert open_.more_blocks is None


@pytest.mark.parametrize(("undisturbed", "value"), [(4, 0.1), (2, 0.2)])
def test_a_point_of_history_is_of_undisturbed_trials_where_there_are_enough(
    undisturbed: int, value: float
) -> None:
    fake = small(blocks=1).result()
    values: list[float | Pair] = [(0.05, 0.2)] * 5 + [0.1] * undisturbed
    own = replace(figure(values), variant=fake.variants[0].variant)
    (point,) = points_of(replace(fake, figures=(own,)))

    assert (point.value, point.flagged) == (value, undisturbed < 3)


@pytest.mark.parametrize("blocks", [3, 4, 5, 6, 9])
def test_no_values_between_the_bounds_leave_the_worst_case(blocks: int) -> None:
    rng = np.random.default_rng(blocks)
    low = rng.uniform(0.5, 1, (2, blocks))
    high = low * np.exp(rng.exponential(0.3, (2, blocks)) * (rng.random((2, blocks)) < 0.6))
    ends = [
        [pair if pair[0] < pair[1] else pair[0] for pair in zip(lows, highs, strict=True)]
        for lows, highs in zip(low.tolist(), high.tolist(), strict=True)
    ]
    worst, single = compared(ends[0], ends[1]).interval, figure(ends[0]).interval
    assert worst is not None

    for _ in range(300):
        share = rng.choice([0.0, 1.0, rng.random()], size=(2, blocks))
        variant, baseline = np.exp(np.log(low) + share * (np.log(high) - np.log(low)))
        _, found = ratio_interval(variant, baseline, 0.95)
        assert found is not None
        assert worst.low <= found.low * (1 + 1e-9)
        assert found.high <= worst.high * (1 + 1e-9)
        if single is not None:
            of_values = figure_interval(variant, 0.95)
            assert of_values is not None
            assert single.low <= of_values.low * (1 + 1e-9)
            assert of_values.high <= single.high * (1 + 1e-9)
    assert math.isfinite(worst.high)


def test_bounds_that_reach_across_the_margin_are_settled_by_no_number_of_blocks() -> None:
    wide = compared([(0.04, 0.08)] * 10, [(0.05, 0.1)] * 10)
    # At both ends the estimate is past the margin, only its interval is not yet.
    noisy = [(0.030 + i % 5 * 0.02, 0.0301 + i % 5 * 0.02) for i in range(10)]
    narrow = compared(list(noisy), [0.09] * 10)

    assert (wide.verdict, wide.more_blocks_settle) == (Verdict.INCONCLUSIVE, False)
    assert "more blocks do not settle that" in wide.reason
    assert (narrow.verdict, narrow.more_blocks_settle) == (Verdict.INCONCLUSIVE, True)
