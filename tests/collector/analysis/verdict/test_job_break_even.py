import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from headstart.collector.analysis.verdict.job_break_even import JobTimes, job_break_even
from headstart.collector.findings import JobBreakEven, JobOvertaking
from headstart.words.job_names import JobName
from support.fake_batches import batch_result, variant_named

# Of a simulated warm-up: seconds of start, then units of work per second.
START, SLOW, FAST, WARM_AFTER = 2.0, 0.3, 1.5, 5.0
EARLY_START = 0.05


def warming(work: float) -> float:
    """Seconds of a variant whose pace climbs exponentially from SLOW to FAST."""

    def done(t: float) -> float:
        return FAST * t - (FAST - SLOW) * WARM_AFTER * (1 - math.exp(-t / WARM_AFTER))

    low, high = 0.0, 1e5
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if done(middle) < work else (low, middle)
    return START + low


def level(work: float) -> float:
    """Seconds of a variant that goes at one pace from the start."""
    return EARLY_START + work


def race(
    *works: float,
    blocks: int = 4,
    noise: float = 0.0,
    late: Callable[[float], float] = warming,
    seed: int = 3,
) -> JobBreakEven:
    """jit against aot, the baseline, at jobs of these sizes; the first is the short one."""
    rng = np.random.default_rng(seed)

    def seconds(of: float) -> np.ndarray:
        return of * np.exp(rng.normal(0, noise, blocks))

    jobs = [
        JobTimes(name, seconds(level(work)), seconds(late(work)))
        for name, work in zip(JobName, works, strict=False)
    ]
    found = job_break_even("aot", "jit", True, jobs)
    assert found is not None
    return found


def at_ten_seconds(*late: float) -> JobBreakEven:
    """jit five times slower at 1 s of aot, and with these seconds, a block each, at 10 s."""
    short = JobTimes(JobName.SHORT, np.full(len(late), 1.0), np.full(len(late), 5.0))
    long = JobTimes(JobName.LONG, np.full(len(late), 10.0), np.array(late))
    found = job_break_even("aot", "jit", True, [short, long])
    assert found is not None
    return found


def truth() -> float:
    """Where the simulated curves cross, in the early variant's seconds."""
    low, high = 0.1, 1e4
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if warming(middle) > level(middle) else (low, middle)
    return level(low)


def test_a_start_without_a_warm_up_is_made_up_for_within_the_interval() -> None:
    # 0.05 + w = 2 + w / 1.5: w = 5.85.
    found = race(0.5, 10, late=lambda work: START + work / FAST, noise=0.01)

    assert found.outcome is JobOvertaking.BETWEEN
    assert (found.early, found.late) == ("aot", "jit")
    assert found.seconds_low is not None
    assert found.seconds_high is not None
    assert found.seconds_low <= 5.9 <= found.seconds_high
    assert found.seconds == pytest.approx(5.9, rel=0.3)


@pytest.mark.parametrize("blocks", [3, 5, 12])
@pytest.mark.parametrize("long", [1.3, 2.0, 4.0])
def test_the_interval_holds_the_truth_of_a_warm_up_however_long_the_long_job(
    blocks: int, long: float
) -> None:
    found = race(0.5, truth() * long, blocks=blocks, noise=0.01)

    assert found.outcome is JobOvertaking.BETWEEN
    assert found.seconds_low is not None
    assert found.seconds_low <= truth() <= (found.seconds_high or math.inf)


def test_it_covers_95_per_cent_of_simulated_runs() -> None:
    found = [race(0.5, truth() * 1.6, blocks=5, noise=0.03, seed=seed) for seed in range(200)]
    told = [one for one in found if one.seconds_low is not None]
    held = [one for one in told if one.seconds_low <= truth() <= (one.seconds_high or math.inf)]  # type: ignore[operator]  # told

    assert len(told) > 190
    assert len(held) / len(told) >= 0.95


def test_a_longer_job_brings_the_ends_apart_only_by_what_interpolation_may_miss() -> None:
    near, far = race(0.5, truth() * 1.2), race(0.5, truth() * 8)

    assert near.seconds == pytest.approx(truth(), rel=0.3)
    assert far.seconds_high is not None
    assert near.seconds_high is None or near.seconds_high < far.seconds_high


def test_what_is_slower_at_the_longest_job_never_catches_up_within_it() -> None:
    found = race(0.5, truth() / 3, noise=0.01)

    assert found.outcome is JobOvertaking.NEVER
    assert found.seconds is None
    assert found.longest_seconds == pytest.approx(level(truth() / 3), rel=0.02)
    assert found.ratio_low is not None
    assert found.ratio_low > 1


def test_a_longest_job_at_which_they_do_not_differ_for_sure_is_left_open() -> None:
    found = at_ten_seconds(10.5, 9.6, 10.6, 10.1)

    assert found.outcome is JobOvertaking.OPEN
    assert found.ratio > 1
    assert found.ratio_low is not None
    assert found.ratio_low < 1


def test_what_is_level_at_the_short_job_was_level_before_it() -> None:
    found = race(truth() * 1.5, truth() * 3, noise=0.01)

    assert found.outcome is JobOvertaking.ALREADY
    assert found.seconds is None
    assert found.ratio == pytest.approx(warming(truth() * 1.5) / level(truth() * 1.5), rel=0.02)


def test_an_end_beyond_the_longest_job_is_open() -> None:
    found = at_ten_seconds(9.99, 9.95, 9.8, 9.9)

    assert found.outcome is JobOvertaking.BETWEEN
    assert found.seconds_high is None
    assert found.seconds_low is not None
    assert 1.0 < found.seconds_low < 10.0


def test_blocks_that_do_not_cross_are_resampled_with_the_others_from_five_on() -> None:
    found, of_four = at_ten_seconds(8.0, 8.1, 8.2, 7.9, 11.0), at_ten_seconds(8.0, 8.1, 8.2, 11.0)

    assert found.outcome is of_four.outcome is JobOvertaking.BETWEEN
    assert found.seconds_low is not None
    assert of_four.seconds_low is None


@pytest.mark.parametrize("blocks", [1, 2])
def test_few_blocks_have_a_figure_and_no_interval(blocks: int) -> None:
    found = race(0.5, truth() * 2, blocks=blocks)

    assert found.outcome is JobOvertaking.BETWEEN
    assert found.seconds is not None
    assert (found.seconds_low, found.ratio_low) == (None, None)


@pytest.mark.parametrize(
    ("work", "outcome"), [(1.0, JobOvertaking.NEVER), (100.0, JobOvertaking.ALREADY)]
)
def test_a_single_job_tells_on_which_side_of_it_the_break_even_is(
    work: float, outcome: JobOvertaking
) -> None:
    found = race(work)

    assert found.outcome is outcome
    assert found.shortest_job == found.longest_job == "short"


def test_a_baseline_that_starts_later_is_the_one_that_has_to_catch_up() -> None:
    ahead = race(0.5, truth() * 2)
    jobs = [
        JobTimes(name, np.full(4, warming(work)), np.full(4, level(work)))
        for name, work in ((JobName.SHORT, 0.5), (JobName.LONG, truth() * 2))
    ]
    found = job_break_even("jit", "aot", False, jobs)

    assert found is not None
    assert (found.early, found.late) == ("aot", "jit")
    assert found.seconds == pytest.approx(ahead.seconds)
    assert found.ratio == pytest.approx(ahead.ratio)


def test_lengths_are_taken_in_their_order_whatever_the_jobs_are_called() -> None:
    turned = race(truth() * 2, 0.5)

    assert (turned.shortest_job, turned.longest_job) == ("long", "short")
    assert turned.seconds == pytest.approx(race(0.5, truth() * 2).seconds)


def test_without_a_lead_there_is_nothing_to_catch_up_with() -> None:
    jobs = [JobTimes(JobName.SHORT, np.ones(4), np.ones(4))]
    found = job_break_even("aot", "jit", None, jobs)

    assert found is not None
    assert found.outcome is JobOvertaking.UNDETERMINED


def test_no_job_and_no_block_have_no_break_even() -> None:
    empty = np.array([])

    assert job_break_even("aot", "jit", True, []) is None
    assert job_break_even("aot", "jit", True, [JobTimes(JobName.LONG, empty, empty)]) is None


def test_a_run_has_one_for_each_variant_from_its_trials() -> None:
    (found,) = batch_result().job_break_evens

    assert (found.early, found.late, found.blocks) == ("native", "jar", 4)
    assert found.outcome is JobOvertaking.BETWEEN
    assert found.seconds is not None
    assert 2.0 < found.seconds < 40.0


@pytest.mark.parametrize(
    ("changes", "outcomes"),
    [
        ({"blocks": 1}, [JobOvertaking.BETWEEN]),
        ({"jobs": ("short",)}, [JobOvertaking.NEVER]),
        ({"jobs": ("long",)}, [JobOvertaking.ALREADY]),
        ({"jobs": ()}, []),
        ({"failing_after": "short"}, [JobOvertaking.NEVER]),
        ({"failing_after": "startup"}, []),
        ({"zero": "long"}, [JobOvertaking.NEVER]),
        ({"zero": "startup"}, []),
        ({"wrong": True}, []),
    ],
)
def test_what_is_missing_leaves_a_figure_out_and_breaks_nothing(
    changes: dict[str, object], outcomes: list[JobOvertaking]
) -> None:
    result = batch_result(**changes)  # type: ignore[arg-type]  # the cases are of the right types

    assert [one.outcome for one in result.job_break_evens] == outcomes


def test_a_flagged_trial_is_left_out_while_three_blocks_are_valid() -> None:
    (found,) = batch_result(flagged_blocks=(2,)).job_break_evens
    (taken,) = batch_result(flagged_blocks=(2, 3)).job_break_evens

    assert (found.blocks, taken.blocks) == (3, 4)


def test_a_variant_that_starts_as_fast_has_nothing_to_catch_up_with() -> None:
    native = variant_named("native")
    (found,) = batch_result(kinds=(native, replace(native, name="twin"))).job_break_evens

    assert found.outcome is JobOvertaking.UNDETERMINED
