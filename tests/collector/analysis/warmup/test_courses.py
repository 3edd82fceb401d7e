import numpy as np
import pytest

from headstart.collector.analysis.statistics.trend import Floats
from headstart.collector.analysis.warmup.courses import (
    Seen,
    Together,
    is_steady,
    together,
    variant_warmup,
)
from headstart.collector.analysis.warmup.detection import Course, course_of
from headstart.collector.findings import Shape, VariantWarmup, Warmup


def warmup(
    shape: Shape,
    steady: float | None,
    reason: str = "",
    valid: bool = True,
    observed: float = 60.0,
) -> Warmup:
    return Warmup("jit", 1, shape, observed, steady, None, None, None, None, reason, valid)


def combined(warmups: list[Warmup], may_have_jit: bool = True) -> VariantWarmup:
    return variant_warmup("jit", warmups, Shape.WARMUP, may_have_jit=may_have_jit)


def seen(cells: Floats, trial: int = 1, valid: bool = True) -> Seen:
    return Seen("jit", trial, valid, cells, course_of(cells))


def told(*trials: Floats) -> Together:
    return together([seen(cells, number) for number, cells in enumerate(trials, 1)])


def level(*parts: tuple[float, int], noise: float = 0.005, seed: int = 1) -> Floats:
    """Levels and how many seconds each lasts."""
    cells = np.concatenate([np.full(seconds, rate) for rate, seconds in parts])
    return np.asarray(cells * (1 + np.random.default_rng(seed).normal(0, noise, len(cells))))


def dipped(cells: Floats, *dips: tuple[int, int], depth: float = 0.15) -> Floats:
    """As on a host whose neighbour takes a share from one second to another."""
    taken = cells * (1 + np.random.default_rng(7).normal(0, 0.02, len(cells)))
    for begin, end in dips:
        taken[begin:end] *= 1 - depth
    return np.asarray(taken)


RISING = warmup(Shape.NO_STEADY_STATE, None, "was still rising")


def test_the_time_to_steady_is_the_median_of_the_trials() -> None:
    found = combined([warmup(Shape.WARMUP, s) for s in (20.0, 24.0, 31.0)])

    assert found.steady_from_seconds == 24.0
    assert is_steady(found)


def test_a_flat_variant_is_steady_from_the_start_also_when_a_trial_shifted_a_little() -> None:
    trials = [warmup(Shape.FLAT, 0.0), warmup(Shape.SLOWDOWN, 15.0)]

    found = variant_warmup("aot", trials, Shape.FLAT, may_have_jit=False)

    assert found.steady_from_seconds == 0
    assert found.settled == 2


FLAT = level((1000, 60))
WARM = level((500, 20), (1000, 40), seed=2)
TAKEN_FIRST = dipped(FLAT, (0, 6), (15, 18), depth=0.1)
TAKEN_OFTEN = dipped(FLAT, (2, 6), (20, 23), (50, 56), depth=0.2)


def test_trials_that_agree_have_one_shape() -> None:
    assert told(FLAT, level((980, 60), seed=5)).shape == "flat"
    assert told(WARM, level((480, 24), (950, 36), seed=6)).shape == "warmup"


def test_trials_that_disagree_are_inconsistent() -> None:
    assert told(WARM, FLAT).shape == "inconsistent"
    assert told(WARM, FLAT, WARM, FLAT).shape == "inconsistent"


def test_one_trial_of_four_may_be_another() -> None:
    assert told(FLAT, WARM, FLAT, FLAT).shape == "flat"
    assert told(WARM, WARM, FLAT, WARM).shape == "warmup"


def test_a_change_within_the_margin_contradicts_no_level_variant() -> None:
    less, more = level((960, 20), (1000, 40)), level((900, 20), (1000, 40))
    assert course_of(less).shape is course_of(more).shape is Shape.WARMUP

    assert told(FLAT, less, FLAT, FLAT, less).shape == "flat"
    assert told(FLAT, more, FLAT, FLAT, more).shape == "inconsistent"


def test_a_trial_that_never_settles_contradicts_any_that_do() -> None:
    falling = level(*((1000 - 15 * step, 6) for step in range(10)))
    assert course_of(falling).reason == "was still falling"

    assert told(FLAT, falling, FLAT).shape == "inconsistent"
    assert told(WARM, falling, WARM).shape == "inconsistent"
    assert told(falling, falling, falling, FLAT).shape == "no steady state"


def test_trials_that_are_too_restless_alone_are_decided_jointly() -> None:
    assert not course_of(TAKEN_FIRST).is_told
    assert not course_of(TAKEN_OFTEN).is_told

    found = told(FLAT, TAKEN_FIRST, TAKEN_OFTEN, FLAT)

    assert found == Together(Shape.FLAT, {2: Course(Shape.FLAT, 0), 3: Course(Shape.FLAT, 0)})


def test_a_trial_decided_jointly_is_steady_no_sooner_than_it_changed_its_own_level() -> None:
    late = dipped(level((500, 30), (1000, 30)), (33, 36), (50, 56))
    assert not course_of(late).is_told

    found = told(WARM, WARM, late, WARM)

    assert found.shape == "warmup"
    assert found.courses == {3: Course(Shape.WARMUP, 30)}


def test_a_trial_whose_noise_hides_the_change_of_all_has_it_too() -> None:
    low = [level((920, 5), (1000, 55), seed=seed) for seed in range(3)]
    noise = np.random.default_rng(3).normal(0, 0.06, 60)
    noise[:5] = 0
    hidden = level((920, 5), (1000, 55)) * (1 + noise)
    assert course_of(hidden).shape is Shape.FLAT

    found = told(*low, hidden)

    assert found == Together(Shape.WARMUP, {4: Course(Shape.WARMUP, 5)})


def test_a_trial_that_changed_its_level_near_its_end_is_steady_in_no_company() -> None:
    broken = dipped(level((500, 30), (1000, 30)), (45, 52), depth=0.3)
    assert not course_of(broken).is_told

    assert told(WARM, WARM, broken, WARM) == Together(Shape.WARMUP)


def test_of_inconsistent_trials_none_is_decided_jointly() -> None:
    found = told(WARM, FLAT, TAKEN_FIRST, WARM, FLAT)

    assert found == Together(Shape.INCONSISTENT)


def test_a_variant_of_restless_trials_alone_is_not_told() -> None:
    storm = [level((1000, 20), noise=0.3, seed=seed) for seed in range(4)]

    assert told(*storm) == Together(Shape.NO_STEADY_STATE)


@pytest.mark.parametrize("cells", [np.zeros(60), np.zeros(0)], ids=["nothing", "no series"])
def test_trials_without_a_level_are_voted_on(cells: Floats) -> None:
    shape = course_of(cells).shape.value

    assert told(cells, cells, cells, FLAT).shape == shape
    assert told(cells, FLAT).shape == "inconsistent"


def test_when_half_did_not_settle_the_others_do_not_stand_for_the_variant() -> None:
    found = combined([warmup(Shape.WARMUP, 40.0), RISING])

    assert not is_steady(found)
    assert found.reason == "was still rising after 60 s of load in 1 of 2 trials"


def test_a_single_trial_is_not_counted_out() -> None:
    assert combined([RISING]).reason == "was still rising after 60 s of load"


def test_invalid_trials_decide_only_when_there_is_no_other() -> None:
    disturbed = seen(WARM, trial=2, valid=False)

    assert together([seen(FLAT), disturbed]).shape == "flat"
    assert together([disturbed]).shape == "warmup"


def test_a_jit_that_was_level_for_a_short_load_is_not_believed_to_be_warm() -> None:
    level = [warmup(Shape.FLAT, 0.0, observed=20.0)] * 3

    believed, jit = combined(level, may_have_jit=False), combined(level)

    assert is_steady(believed)
    assert not is_steady(jit)
    assert jit.reason == (
        "was under load for 20 s only, less than the 45 s after which a JIT is believed to be warm"
    )
    assert is_steady(combined([warmup(Shape.FLAT, 0.0, observed=45.0)]))


def test_a_jit_that_did_not_settle_keeps_its_own_reason() -> None:
    rising = warmup(Shape.NO_STEADY_STATE, None, "was still rising", observed=20.0)

    assert combined([rising]).reason == "was still rising after 20 s of load"
