from headstart.collector.analysis.courses import is_steady, variant_warmup
from headstart.collector.results import VariantWarmup, Warmup


def warmup(
    shape: str,
    steady: float | None,
    reason: str = "",
    valid: bool = True,
    observed: float = 60.0,
) -> Warmup:
    return Warmup("jit", 1, shape, observed, steady, None, None, None, None, reason, valid)


def combined(warmups: list[Warmup], may_have_jit: bool = True) -> VariantWarmup:
    return variant_warmup("jit", warmups, may_have_jit=may_have_jit)


RISING = warmup("no steady state", None, "was still rising")


def test_trials_that_agree_have_one_shape_and_the_median_time() -> None:
    found = combined([warmup("warmup", s) for s in (20.0, 24.0, 31.0)])

    assert found.shape == "warmup"
    assert found.steady_from_seconds == 24.0
    assert is_steady(found)


def test_trials_that_disagree_are_inconsistent() -> None:
    found = combined([warmup("warmup", 20.0), warmup("flat", 0.0)])

    assert found.shape == "inconsistent"


def test_when_half_did_not_settle_the_others_do_not_stand_for_the_variant() -> None:
    found = combined([warmup("warmup", 40.0), RISING])

    assert not is_steady(found)
    assert found.reason == "was still rising after 60 s of load in 1 of 2 trials"


def test_a_single_trial_is_not_counted_out() -> None:
    assert combined([RISING]).reason == "was still rising after 60 s of load"


def test_invalid_trials_decide_only_when_there_is_no_other() -> None:
    disturbed = warmup("slowdown", 10.0, valid=False)

    assert combined([warmup("flat", 0.0), disturbed]).shape == "flat"
    assert combined([disturbed]).shape == "slowdown"


def test_a_jit_that_was_level_for_a_short_load_is_not_believed_to_be_warm() -> None:
    level = [warmup("flat", 0.0, observed=20.0)] * 3

    believed, jit = combined(level, may_have_jit=False), combined(level)

    assert is_steady(believed)
    assert not is_steady(jit)
    assert jit.reason == (
        "was under load for 20 s only, less than the 45 s after which a JIT is believed to be warm"
    )
    assert is_steady(combined([warmup("flat", 0.0, observed=45.0)]))


def test_a_jit_that_did_not_settle_keeps_its_own_reason() -> None:
    rising = warmup("no steady state", None, "was still rising", observed=20.0)

    assert combined([rising]).reason == "was still rising after 20 s of load"
