from headstart.collector.analysis.courses import is_steady, variant_warmup
from headstart.collector.results import Warmup


def warmup(shape: str, steady: float | None, reason: str = "", valid: bool = True) -> Warmup:
    return Warmup("jit", 1, shape, 60.0, steady, None, None, None, None, reason, valid)


RISING = warmup("no steady state", None, "was still rising")


def test_trials_that_agree_have_one_shape_and_the_median_time() -> None:
    found = variant_warmup("jit", [warmup("warmup", s) for s in (20.0, 24.0, 31.0)])

    assert found.shape == "warmup"
    assert found.steady_from_seconds == 24.0
    assert is_steady(found)


def test_trials_that_disagree_are_inconsistent() -> None:
    found = variant_warmup("jit", [warmup("warmup", 20.0), warmup("flat", 0.0)])

    assert found.shape == "inconsistent"


def test_when_half_did_not_settle_the_others_do_not_stand_for_the_variant() -> None:
    found = variant_warmup("jit", [warmup("warmup", 40.0), RISING])

    assert not is_steady(found)
    assert found.reason == "was still rising after 60 s of load in 1 of 2 trials"


def test_a_single_trial_is_not_counted_out() -> None:
    assert variant_warmup("jit", [RISING]).reason == "was still rising after 60 s of load"


def test_invalid_trials_decide_only_when_there_is_no_other() -> None:
    disturbed = warmup("slowdown", 10.0, valid=False)

    assert variant_warmup("jit", [warmup("flat", 0.0), disturbed]).shape == "flat"
    assert variant_warmup("jit", [disturbed]).shape == "slowdown"
