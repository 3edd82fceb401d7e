"""What stands beside an app may fail: that never counts against a variant."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.findings import Decision, Recommendation, RunResult
from headstart.collector.findings.usable import system_failed, without_usable_trial
from headstart.v1.records_pb2 import CheckOutcome, Failure, FailureCode, Record, TrialOutcome
from headstart.words import metrics
from headstart.words.metric import Stage
from headstart.words.outcomes import Outcome
from support.fake_runs import AOT, BROKEN, JIT, Fake, small

MESSAGE = "db ended in the middle with status 137"
BESIDE = Failure(code=FailureCode.FAILURE_CODE_COMPANION, message=MESSAGE, output_tail="FATAL")
LOADED = Fake(kinds=(replace(JIT, climb_seconds=0), AOT), blocks=6, load_every=1, load_seconds=20)


def spoilt(
    outcome: TrialOutcome, fails: Callable[[TrialOutcome], bool], wrong: bool = False
) -> None:
    """Its companion failed, and then the app answered wrongly perhaps."""
    if fails(outcome):
        outcome.failure.CopyFrom(BESIDE)
        if wrong:
            outcome.load.incorrect = outcome.load.completed
            outcome.checks_failed = 1


def run(fails: Callable[[TrialOutcome], bool], fake: Fake = LOADED, wrong: bool = False) -> Fake:
    return replace(fake, disturb=lambda outcome: spoilt(outcome, fails, wrong))


def advised(result: RunResult, variant: str = "aot") -> Recommendation:
    return next(each for each in result.recommendations if each.variant == variant)


def never_ready(fake: Fake) -> RunResult:
    """The companion failed before any app was started."""
    records = list(fake.records())
    for record in records:
        if record.WhichOneof("record") == "trial_outcome":
            record.trial_outcome.ClearField("startup")
            record.trial_outcome.ClearField("load")
            record.trial_outcome.ClearField("memory")
            record.trial_outcome.failure.CopyFrom(BESIDE)
    return analyse_run(fake.info(), records)


def test_a_run_in_which_companions_fail_all_trials_rejects_nothing() -> None:
    for result in (never_ready(LOADED), run(lambda _each: True, wrong=True).result()):
        found = advised(result)

        assert {variant.outcome for variant in result.variants} == {Outcome.COMPANION_FAILED}
        assert found.decision is Decision.DEFER
        assert found.summary == f"aot was not measured (companion failed: {MESSAGE})."
        assert (
            "Something that stands beside the app failed in 6 of 6 trials of aot"
            in (found.missing[0])
        )
        assert MESSAGE in found.missing[0]
        assert not any("Mend the baseline" in each for each in found.missing)
        assert {figure.metric for figure in result.figures}.isdisjoint(
            {metrics.STARTUP.name, metrics.THROUGHPUT_STEADY.name, metrics.RSS_IDLE.name}
        )
        assert [each.variant for each in without_usable_trial(result)] == ["jit", "aot"]
        assert not system_failed(result)


def test_wrong_answers_beside_a_failed_companion_are_not_the_apps() -> None:
    fake = run(lambda each: each.variant == "aot" and each.block < 3, wrong=True)
    aot = [t.trial_outcome for t in fake.records() if t.trial_outcome.failure.code]
    check = Record(
        check_outcome=CheckOutcome(trial=aot[0].trial, check="GET /", expected="1", actual="2")
    )
    result = analyse_run(fake.info(), [*fake.records(), check])
    (found,) = (each for each in result.variants if each.variant == "aot")

    assert (found.outcome, found.failing_checks) == (Outcome.MEASURED, ())
    assert (found.trials_wrong_under_load, found.trials_companion_failed) == (0, 2)
    assert advised(result).decision is Decision.DEFER
    assert not any("aot died" in each for each in advised(result).missing)
    # The figures are those of the other four trials, and the two are told.
    startup = result.figure(metrics.STARTUP.name, "aot")
    assert startup is not None
    assert sorted(startup.blocks) == [3, 4, 5, 6]
    assert startup.excluded == 0
    told = [(each.code, each.text) for each in result.invalid_trials]
    assert told == [("companion-failed", MESSAGE)] * 2


@pytest.mark.parametrize(("died", "decision"), [(1, Decision.DEFER), (2, Decision.REJECT)])
def test_only_what_a_variant_failed_of_by_itself_counts_against_it(
    died: int, decision: Decision
) -> None:
    fake = run(lambda each: each.variant == "aot" and each.block > 3)
    records = list(fake.records())
    for record in records:
        outcome = record.trial_outcome
        if outcome.variant == "aot" and 1 <= outcome.block <= died:
            outcome.failure.CopyFrom(
                Failure(code=FailureCode.FAILURE_CODE_DIED, message="aot died")
            )
    result = analyse_run(fake.info(), records)

    assert advised(result).decision is decision
    if decision is Decision.REJECT:
        assert advised(result).summary == "aot dies in 2 of 3 trials: aot died."
    else:
        assert any(each.startswith("1 of 3 trials failed") for each in advised(result).missing)


def test_a_variant_that_never_starts_does_not_hide_behind_a_companion() -> None:
    fake = replace(small(blocks=4), kinds=(JIT, BROKEN))
    records = list(fake.records())
    broken = [r.trial_outcome for r in records if r.trial_outcome.variant == BROKEN.name]
    broken[0].failure.CopyFrom(BESIDE)
    result = analyse_run(fake.info(), records)
    found = advised(result, BROKEN.name)

    assert found.decision is Decision.REJECT
    assert found.summary.startswith("aot-broken does not start")


def test_a_trial_beside_a_failed_companion_is_spoilt_and_not_wrong() -> None:
    outcome = TrialOutcome(failure=BESIDE, checks_failed=1)
    outcome.load.completed = outcome.load.incorrect = 1000
    trial = Trial(outcome)

    assert {validity_of(trial, stage) for stage in Stage} == {Validity.FLAGGED}
