import math

import pytest

from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.analysis.verdict.comparison import compare, verdict_of
from headstart.collector.findings import Basis, Comparison, Interval, Verdict
from headstart.words import metrics
from headstart.words.metrics import METRICS

VALID, FLAGGED, WRONG = Validity.VALID, Validity.FLAGGED, Validity.WRONG
JITTER = (1.0, 1.01, 0.99, 1.005, 0.995, 1.02, 0.98, 1.0, 1.01, 0.99)


def readings(values: list[float], standing: Validity = VALID, first: int = 1) -> list[Reading]:
    return [Reading(i, value, standing) for i, value in enumerate(values, first)]


def compared(
    variant: list[Reading], baseline: list[Reading], metric: str = metrics.STARTUP.name
) -> Comparison:
    return compare(
        METRICS[metric],
        "aot",
        "jit",
        variant,
        baseline,
        margin=0.05,
        confidence=0.95,
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.10, 0.12, Verdict.BETTER),
        (0.96, 1.04, Verdict.EQUIVALENT),
        (1.06, 1.50, Verdict.WORSE),
        (0.90, 1.00, Verdict.INCONCLUSIVE),
        (0.80, 1.30, Verdict.INCONCLUSIVE),
        (0.95, 1.05, Verdict.EQUIVALENT),
    ],
)
def test_the_whole_interval_is_held_against_the_margin(
    low: float, high: float, verdict: Verdict
) -> None:
    assert verdict_of(Interval(low, high), 0.05, lower_is_better=True) is verdict


def test_more_is_better_for_throughput() -> None:
    assert verdict_of(Interval(1.2, 1.3), 0.05, lower_is_better=False) is Verdict.BETTER
    assert verdict_of(Interval(0.7, 0.8), 0.05, lower_is_better=False) is Verdict.WORSE


def test_a_variant_ten_times_faster_is_better_with_its_interval() -> None:
    found = compared(
        readings([0.03 * j for j in JITTER]), readings([0.3 * j for j in reversed(JITTER)])
    )

    assert found.verdict is Verdict.BETTER
    assert found.ratio == pytest.approx(0.1, rel=0.02)
    assert found.interval is not None
    assert found.ratio is not None
    assert found.interval.low <= found.ratio <= found.interval.high
    assert found.blocks == 10


def test_the_same_twice_is_equivalent() -> None:
    found = compared(
        readings([0.3 * j for j in JITTER]), readings([0.3 * j for j in reversed(JITTER)])
    )

    assert found.verdict is Verdict.EQUIVALENT


def test_a_difference_on_the_margin_is_inconclusive_and_says_so() -> None:
    found = compared(readings([0.95 * j for j in JITTER]), readings(list(reversed(JITTER))))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "they differ, but perhaps by less than the margin of 5 %"


@pytest.mark.parametrize("blocks", [1, 2])
def test_too_few_blocks_are_inconclusive_with_a_ratio(blocks: int) -> None:
    found = compared(readings([0.03] * blocks), readings([0.3] * blocks))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.ratio == pytest.approx(0.1)
    assert found.interval is None
    assert "at least 3 are needed" in found.reason


def test_only_blocks_that_both_have_are_paired() -> None:
    baseline = readings([0.3, 0.3, 0.3, 0.3, 900.0])
    found = compared(readings([0.03] * 4), baseline)

    assert found.blocks == 4
    assert found.ratio == pytest.approx(0.1)


def test_no_common_block_is_unavailable() -> None:
    found = compared(readings([1.0] * 5), readings([1.0] * 5, first=6))

    assert found.verdict is Verdict.UNAVAILABLE
    assert found.reason


def test_flagged_trials_are_left_out_while_enough_are_valid() -> None:
    baseline = readings([0.3] * 6)
    variant = readings([0.03] * 5) + readings([9.9], FLAGGED, first=6)

    found = compared(variant, baseline)

    assert found.basis is Basis.VALID
    assert found.blocks == 5
    assert found.ratio == pytest.approx(0.1)


def test_flagged_trials_of_both_sides_are_taken_in_together() -> None:
    baseline = readings([0.3] * 4) + readings([0.6] * 2, FLAGGED, first=5)
    variant = readings([0.03] * 2) + readings([0.06] * 4, FLAGGED, first=3)

    found = compared(variant, baseline)

    assert found.basis is Basis.FLAGGED
    assert found.blocks == 6


def test_wrong_answers_are_never_compared() -> None:
    found = compared(readings([0.03] * 6, WRONG), readings([0.3] * 6))

    assert found.verdict is Verdict.UNAVAILABLE
    assert found.ratio is None


@pytest.mark.parametrize(
    ("variant", "baseline"),
    [([0.3] * 5, [0.0] * 5), ([0.0] * 5, [0.3] * 5), ([0.0] * 5, [0.0] * 5)],
)
def test_zeros_of_a_time_have_no_ratio(variant: list[float], baseline: list[float]) -> None:
    found = compared(readings(variant), readings(baseline))

    assert found.verdict is Verdict.UNAVAILABLE
    assert "zero" in found.reason


def test_a_throughput_of_zero_is_inconclusive_and_no_crash() -> None:
    found = compared(
        readings([0.0, 10.0, 10.0, 10.0]), readings([10.0] * 4), metrics.THROUGHPUT_STEADY.name
    )

    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.ratio, found.interval) == (1.0, None)


def test_what_never_varies_is_compared_exactly() -> None:
    found = compare(
        METRICS[metrics.IMAGE_UNPACKED.name],
        "aot",
        "jit",
        [Reading(0, 13.7e6, VALID)],
        [Reading(0, 123e6, VALID)],
        margin=0.01,
        confidence=0.95,
    )

    assert found.verdict is Verdict.BETTER
    assert found.interval is None


@pytest.mark.parametrize("spread", [0.0, 1e-12, 5.0])
def test_verdicts_are_finite_whatever_the_spread(spread: float) -> None:
    found = compared(
        readings([math.exp(spread * i) for i in range(8)]),
        readings([math.exp(-spread * i) for i in range(8)]),
    )

    assert found.interval is not None
    assert math.isfinite(found.interval.low)
    assert math.isfinite(found.interval.high)
