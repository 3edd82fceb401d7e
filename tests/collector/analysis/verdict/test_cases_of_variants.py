"""What differs between variants test by test, and what flows from it."""

from headstart.collector.findings import Decision, RunResult
from headstart.words.outcomes import Outcome
from support.case_runs import case_result

Told = list[tuple[str, str, int, str]]


def told(result: RunResult, variant: str) -> Told:
    (cases,) = [each for each in result.cases if each.variant == variant]
    return [(c.test, c.outcome.value, c.trials, c.baseline.value) for c in cases.cases]


def test_what_only_a_variant_fails_comes_first_and_once_for_each_test() -> None:
    result = case_result()

    assert told(result, "aot") == [
        ("Api.adds", "failed", 3, "passed"),
        ("Api.flaky", "failed", 1, "absent"),
        ("Api.slow", "failed", 3, "failed"),
        ("Api.gone", "absent", 3, "passed"),
        ("Api.json", "skipped", 3, "passed"),
    ]
    assert told(result, "jit") == [("Api.slow", "failed", 3, "failed")]


def test_counts_are_those_of_the_trial_in_which_most_failed() -> None:
    jit, aot = case_result().cases

    assert (jit.check, jit.variant, jit.trials) == ("integration", "jit", 3)
    assert (jit.passed, jit.failed, jit.errored, jit.skipped) == (4, 1, 0, 0)
    assert (aot.passed, aot.failed, aot.errored, aot.skipped) == (1, 3, 0, 1)
    assert [case.seconds for case in aot.cases] == [0.5, 0.5, 0.5, 0, 0]
    assert aot.cases[0].message == "Api.adds says F"


def test_a_test_that_breaks_off_now_and_then_is_told_with_how_often() -> None:
    result = case_result({"jit": {"a": "P"}, "aot": {"a": "PPE", "b": "FFP"}})

    assert (
        told(result, "aot") == [("b", "failed", 2, "absent"), ("a", "errored", 1, "passed")][::-1]
    )


def test_what_no_record_holds_is_not_called_absent() -> None:
    tests = {"jit": {"a": "P"}, "aot": {"a": "P", "b": "F"}}

    assert told(case_result(tests, left_out=["jit"]), "aot") == [("b", "failed", 3, "unknown")]
    no_b = {"jit": {"a": "P", "b": "P"}, "aot": {"a": "P"}}
    assert told(case_result(no_b, left_out=["aot"]), "aot") == []


def test_tests_that_the_baseline_did_not_run_are_no_difference_where_they_pass() -> None:
    assert told(case_result({"aot": {"a": "P", "b": "S"}}), "aot") == []
    assert told(case_result({"jit": {"a": "S"}, "aot": {"a": "P"}}), "aot") == []


def test_no_more_are_listed_than_a_reader_reads() -> None:
    many = {f"t{n:03}": "F" for n in range(150)}
    _, aot = case_result({"jit": {"a": "P"}, "aot": {"a": "P", **many}}).cases

    assert (len(aot.cases), aot.more) == (100, 50)


def test_a_variant_whose_tests_fail_is_rejected_and_one_that_fails_as_the_baseline_is_not() -> None:
    rejected = case_result({"jit": {"a": "P"}, "aot": {"a": "F"}})
    alike = case_result({"jit": {"a": "F"}, "aot": {"a": "F"}})

    assert rejected.variants[1].outcome is Outcome.CHECKS_FAIL
    assert len(rejected.variants[1].failing_checks) == 1
    assert rejected.recommendations[0].decision is Decision.REJECT
    assert {each.code for each in rejected.invalid_trials} == {"check-failed"}
    assert alike.recommendations[0].decision is Decision.DEFER
