"""What warnings are worth: the catalogue, rules, and checks that run through the code."""

import pytest

from headstart.collector.analysis.diagnostics import (
    check_outcomes,
    evidence,
    judged,
    variant_diagnostics,
)
from headstart.collector.analysis.trials.trial_records import RunRecords, Trial
from headstart.collector.findings import RULE, Category, Risk, VariantDiagnostics
from headstart.v1.experiment_pb2 import Check, Experiment, Service, Variant
from headstart.v1.records_pb2 import (
    DIAGNOSTIC_RISK_FAILS_WHEN_REACHED as FAILS,
    DIAGNOSTIC_RISK_MAY_FAIL as MAY_FAIL,
    CheckOutcome,
    Diagnostic,
    Failure,
    FailureCode,
    TrialOutcome,
)
from support.fake_builds import DIAGNOSTICS, EF_CORE, build, diagnostic

MAPPER = Check(name="GET /probe/automapper", covers=["AutoMapper"])
VALIDATION = Check(name="GET /probe/fluentvalidation", covers=["fluentvalidation*"])
MODEL = Check(name="GET /probe/efcore-model", covers=["Microsoft.EntityFrameworkCore*"])
QUERY = Check(name="GET /probe/efcore-query", covers=["Microsoft.EntityFrameworkCore*"])
CHECKS = (MAPPER, VALIDATION, MODEL, QUERY)


def trial(variant: str, number: int = 1, died: bool = False, **passed: bool) -> Trial:
    """A trial with outcomes of checks, named by the end of their path."""
    outcome = TrialOutcome(trial=number, variant=variant)
    if died:
        outcome.failure.CopyFrom(Failure(code=FailureCode.FAILURE_CODE_DIED))
    checks = [
        CheckOutcome(trial=number, check=f"GET /probe/{name.replace('_', '-')}", passed=good)
        for name, good in passed.items()
    ]
    return Trial(outcome, checks=checks)


def found_in(
    *trials: Trial, diagnostics: tuple[Diagnostic, ...] = DIAGNOSTICS
) -> VariantDiagnostics:
    experiment = Experiment(
        baseline="jit",
        variants=[Variant(name="jit"), Variant(name="aot")],
        service=Service(checks=CHECKS),
    )
    run = RunRecords(
        trials=list(trials), builds=[build("aot", diagnostics=diagnostics), build("jit")]
    )
    return next(d for d in variant_diagnostics(experiment, run) if d.variant == "aot")


def categories(found: VariantDiagnostics) -> dict[str, tuple[Category, str]]:
    return {group.package: (group.category, group.reason) for group in found.groups}


ALL_PASS = {
    "automapper": True,
    "fluentvalidation": True,
    "efcore_model": True,
    "efcore_query": True,
}


def test_checks_decide_what_the_warnings_that_they_cover_are_worth() -> None:
    found = found_in(
        trial("jit", 1, **ALL_PASS),
        trial("aot", 2, **ALL_PASS | {"automapper": False, "efcore_query": False}),
    )

    assert categories(found) == {
        EF_CORE: (Category.BLOCKING, "the check GET /probe/efcore-query fails"),
        "AutoMapper": (Category.BLOCKING, "the check GET /probe/automapper fails"),
        "FluentValidation": (
            Category.SUPPRESSIBLE,
            "exercised by the check GET /probe/fluentvalidation, which passes",
        ),
        "": (Category.SUPPRESSIBLE, ""),
    }
    assert [group.category for group in found.groups] == sorted(
        (group.category for group in found.groups), key=list(Category).index
    )
    assert found.places(Category.BLOCKING) == 11


def test_where_no_check_ran_the_catalogue_stands() -> None:
    found = found_in(trial("jit", 1, **ALL_PASS))

    assert categories(found)[EF_CORE] == (Category.REVIEW, "")
    assert categories(found)["FluentValidation"] == (Category.REVIEW, "")


def test_a_check_that_fails_on_the_baseline_too_proves_nothing() -> None:
    found = found_in(
        trial("jit", 1, **ALL_PASS | {"automapper": False}),
        trial("aot", 2, **ALL_PASS | {"automapper": False}),
    )

    assert categories(found)["AutoMapper"] == (Category.REVIEW, "")
    assert categories(found)[EF_CORE][0] is Category.SUPPRESSIBLE


def test_one_trial_in_which_a_check_fails_is_enough() -> None:
    trials = [trial("aot", 1, automapper=True), trial("aot", 2, automapper=False)]

    assert check_outcomes(trials, "aot") == {"GET /probe/automapper": False}
    assert check_outcomes(trials, "jit") == {}


def test_checks_after_the_one_that_killed_the_program_prove_nothing() -> None:
    trials = [trial("aot", 1, died=True, efcore_model=True, automapper=False, efcore_query=False)]

    assert check_outcomes(trials, "aot") == {
        "GET /probe/efcore-model": True,
        "GET /probe/automapper": False,
    }


def test_rules_and_errors_stand_whatever_a_check_says() -> None:
    passes = evidence(CHECKS, {MAPPER.name: True}, {})
    ruled = diagnostic("AutoMapper", ruled=True)
    error = diagnostic("AutoMapper", severity="error")

    assert judged(ruled, passes) == (Category.REVIEW, RULE)
    assert judged(error, passes) == (Category.BLOCKING, "")
    assert judged(diagnostic("AutoMapper"), passes)[0] is Category.SUPPRESSIBLE


@pytest.mark.parametrize(
    ("package", "assembly", "covered"),
    [
        (EF_CORE, "", True),
        ("Microsoft.EntityFrameworkCore.Sqlite", "", True),
        ("", "microsoft.entityframeworkcore.relational", True),
        ("Microsoft.Extensions.DependencyModel", "", False),
        ("", "", False),
    ],
)
def test_a_pattern_covers_packages_and_assemblies(
    package: str, assembly: str, covered: bool
) -> None:
    fails = evidence(CHECKS, {MODEL.name: False}, {})
    category, _ = judged(diagnostic(package, assembly=assembly), fails)

    assert (category is Category.BLOCKING) == covered


def test_a_group_counts_places_and_findings_and_shows_the_most_telling() -> None:
    found = found_in()
    group = next(group for group in found.groups if group.package == EF_CORE)

    assert (group.places, group.findings) == (10, 27)
    assert group.codes == {"IL3050": 9, "IL2026": 1}
    assert [(e.code, e.place) for e in group.examples] == [
        ("IL3050", "Model.cs:68"),
        ("IL2026", "Model.cs:33"),
        ("IL3050", "Microsoft.EntityFrameworkCore.Query.T0.M()"),
    ]
    assert found.findings == 31


def test_a_build_that_warned_of_nothing_has_no_warnings_and_a_failed_one_says_nothing() -> None:
    experiment = Experiment(baseline="jit", variants=[Variant(name="jit"), Variant(name="aot")])
    made, failed = build("jit"), build("aot")
    made.digest, failed.digest = "sha256:1", ""

    (found,) = variant_diagnostics(experiment, RunRecords(builds=[made, failed]))
    assert (found.variant, found.groups, found.findings) == ("jit", (), 0)


def test_what_fails_when_it_is_reached_stands_first_among_what_is_to_be_reviewed() -> None:
    experiment = Experiment(baseline="jit", variants=[Variant(name="jit")])
    warned = [diagnostic("Many", code="IL2075", line=at, risk=MAY_FAIL) for at in range(5)]
    warned += [diagnostic("Few", "IL2104", risk=MAY_FAIL), diagnostic("Few", "IL3052", risk=FAILS)]
    made = build("jit", diagnostics=warned)
    (found,) = variant_diagnostics(experiment, RunRecords(builds=[made]))

    assert [group.package for group in found.groups] == ["Few", "Many"]
    assert found.groups[0].risks == {Risk.FAILS: 1, Risk.MAY_FAIL: 1}
    assert found.groups[0].aggregates == 1
    assert found.groups[0].examples[0].code == "IL3052"


def test_what_the_builder_kept_back_and_projects_silence_is_said() -> None:
    experiment = Experiment(baseline="jit", variants=[Variant(name="jit")])
    made = build("jit", diagnostics=[diagnostic("A")])
    made.log_clipped = True
    made.silenced.append("Web.csproj: NoWarn IL2026")
    (found,) = variant_diagnostics(experiment, RunRecords(builds=[made]))

    assert (found.at_least, found.silenced) == (True, ("Web.csproj: NoWarn IL2026",))
