"""What a record may hold: quantities have bounds, a seed has none."""

from dataclasses import replace
from typing import Any

import pytest

from headstart.collector.store.record_bounds import (
    Bounds,
    Unbelievable,
    bounds_of,
    check_numbers,
    check_record,
)
from headstart.collector.store.record_counts import checked
from headstart.v1.experiment_pb2 import (
    Build,
    Check,
    ContainerCheck,
    ContainerNeeds,
    ContextArchive,
    Experiment,
    GitSource,
    HostPath,
    HttpCheck,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import (
    BuildOutcome,
    CaseCounts,
    CaseResult,
    CheckOutcome,
    CompanionUse,
    Failure,
    FailureCode,
    ImagePulled,
    Record,
    ResolvedVariant,
    RunStarted,
    Startup,
    TrialOutcome,
)

BOUNDS = Bounds("vm", frozenset({"a", "b"}), 3, 6, 0)


@pytest.mark.parametrize("seed", [1, 2**62, 2**63 - 1, 2**64 - 1])
def test_every_seed_that_an_agent_draws_or_a_file_states_is_taken(seed: int) -> None:
    check_numbers(RunStarted(seed=seed), "run_started")


def test_a_time_beyond_all_clocks_is_not() -> None:
    with pytest.raises(Unbelievable, match=r"run_started\.unix_ns is 9223372036854775807"):
        check_numbers(RunStarted(unix_ns=2**63 - 1), "run_started")


@pytest.mark.parametrize(
    ("pulled", "why"),
    [
        (ImagePulled(), "none or the same"),
        (ImagePulled(variants=["a", "a"]), "none or the same"),
        (ImagePulled(variants=["a"], reference="x" * 2000), "reference has 2000 characters"),
        (ImagePulled(variants=["a"], digest="x" * 2000), "digest has 2000 characters"),
    ],
)
def test_a_pull_that_cannot_be_is_refused(pulled: ImagePulled, why: str) -> None:
    with pytest.raises(Unbelievable, match=why):
        check_record(Record(image_pulled=pulled), 0, BOUNDS)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (CheckOutcome(tests=[CaseResult(test="a")]), "has 1 tests and 0 left out, of 0"),
        (CheckOutcome(test_counts=CaseCounts(passed=9)), "has 0 tests and 0 left out, of 9"),
        (CheckOutcome(tests=[CaseResult(test="a" * 5000)]), "tests has 5000 characters"),
        (CheckOutcome(tests=[CaseResult(message="a" * 5000)]), "tests has 5000 characters"),
        (CheckOutcome(tests=[CaseResult()] * 2001), "tests has 2001 entries"),
        (
            CheckOutcome(passed=True, tests=[CaseResult()], test_counts=CaseCounts(failed=1)),
            "passed, with tests that did not",
        ),
    ],
)
def test_tests_that_cannot_be_are_refused(outcome: CheckOutcome, why: str) -> None:
    outcome.check = "unit"
    with pytest.raises(Unbelievable, match=why):
        check_record(Record(check_outcome=outcome), 0, replace(BOUNDS, tested=frozenset({"unit"})))


@pytest.mark.parametrize("name", ["answers", "quiet", "invented"])
def test_only_a_check_that_leaves_results_has_tests(name: str) -> None:
    """Whoever reads a report takes them for tests of that name in the experiment's file."""
    checks = [
        Check(name="unit", container=ContainerCheck(junit="/results")),
        Check(name="quiet", container=ContainerCheck()),
        Check(name="answers", http=HttpCheck()),
    ]
    bounds = bounds_of("vm", Experiment(service=Service(port=80, checks=checks)))
    for counts in (CaseCounts(), CaseCounts(passed=1)):
        outcome = CheckOutcome(check=name, test_counts=counts)
        outcome.tests.extend([CaseResult(test="a")] * counts.passed)
        with pytest.raises(Unbelievable, match=f"of '{name}', which leaves no results"):
            check_record(Record(check_outcome=outcome), 0, bounds)
        outcome.check = "unit"
        check_record(Record(check_outcome=outcome), 0, bounds)
    check_record(Record(check_outcome=CheckOutcome(check=name)), 0, bounds)


def test_an_image_is_pulled_once_for_a_variant() -> None:
    """Each would be a sentence of the report, and there is no end to them."""
    pulls = [Record(image_pulled=ImagePulled(variants=[name])) for name in ("a", "b", "a")]
    taken = checked(iter([(0, each) for each in pulls]), BOUNDS, 1)

    assert [next(taken), next(taken)] == pulls[:2]
    with pytest.raises(Unbelievable, match="the image of a was pulled twice"):
        next(taken)


@pytest.mark.parametrize(
    ("needs", "field"),
    [
        (ContainerNeeds(tmpfs_bytes={"/" + "a" * 70_000: 1}), "tmpfs_bytes"),
        (ContainerNeeds(tmpfs_bytes={f"/{n}": 1 for n in range(17)}), "tmpfs_bytes"),
        (ContainerNeeds(volumes=[f"/{n}" for n in range(17)]), "volumes"),
        (ContainerNeeds(ulimits={f"limit{n}": n for n in range(8)}), "ulimits"),
        (ContainerNeeds(capabilities=["CHOWN"] * 15), "capabilities"),
        (ContainerNeeds(host_paths=[HostPath(host="/a")] * 17), "host_paths"),
        (ContainerNeeds(hosts={f"a{n}": "::1" for n in range(65)}), "hosts"),
    ],
)
def test_needs_without_end_are_refused(needs: ContainerNeeds, field: str) -> None:
    started = RunStarted(variants=[ResolvedVariant(variant="a", needs=needs)])

    with pytest.raises(Unbelievable, match=f"{field} has"):
        check_numbers(started, "run_started")


def test_a_limit_that_is_none_is_believed() -> None:
    needs = ContainerNeeds(ulimits={"memlock": -1})

    check_numbers(RunStarted(variants=[ResolvedVariant(variant="a", needs=needs)]), "run_started")


BESIDE = replace(BOUNDS, others=frozenset({"beside.db", "check.1"}))


def outcome(**said: Any) -> Record:
    return Record(trial_outcome=TrialOutcome(trial=1, block=1, position=1, variant="a", **said))


def test_steps_of_readiness_come_after_the_exec_in_their_order() -> None:
    right = Startup(
        exec_monotonic_ns=5,
        ready_step_1_monotonic_ns=6,
        ready_step_2_monotonic_ns=6,
        first_correct_response_monotonic_ns=9,
    )
    check_record(outcome(startup=right), 1, BOUNDS)

    for wrong in (Startup(ready_step_1_monotonic_ns=4), Startup(ready_step_2_monotonic_ns=10)):
        stated = Startup()
        stated.CopyFrom(right)
        stated.MergeFrom(wrong)
        with pytest.raises(Unbelievable, match="in another order"):
            check_record(outcome(startup=stated), 1, BOUNDS)


@pytest.mark.parametrize(
    ("uses", "why"),
    [
        ([CompanionUse(name="cache")], "'beside.cache', which the experiment does not have"),
        ([CompanionUse(name="db"), CompanionUse(name="db")], "has a companion twice"),
        ([CompanionUse(name="db")] * 9, "has 9 entries; at most 8"),
        ([CompanionUse(name="db", cpu_seconds=-1)], "cpu_seconds is -1"),
        ([CompanionUse(name="db", ready_seconds=float("nan"))], "ready_seconds is nan"),
        ([CompanionUse(name="db", memory_bytes=2**63)], "memory_bytes is 9223372036854775808"),
    ],
)
def test_what_cannot_stand_beside_an_app_is_refused(uses: list[CompanionUse], why: str) -> None:
    with pytest.raises(Unbelievable, match=why):
        check_record(outcome(beside=uses), 1, BESIDE)


def test_a_companion_fails_only_where_there_is_one() -> None:
    """Else an agent's word would excuse a variant that dies."""
    failure = Failure(code=FailureCode.FAILURE_CODE_COMPANION, message="db ended")
    failed = outcome(failure=failure)
    check_record(failed, 1, BESIDE)

    for bounds in (BOUNDS, replace(BOUNDS, others=frozenset({"check.1"}))):
        with pytest.raises(Unbelievable, match="does not have any"):
            check_record(failed, 1, bounds)


def test_a_build_is_of_the_context_that_was_sent_or_named_for_it() -> None:
    url, commit = "https://git.example/a", "1" * 40
    sent = Variant(name="a", build=Build(archive=ContextArchive(sha256="1" * 64)))
    named = Variant(name="b", build=Build(git=GitSource(url=url, commit=commit)))
    bounds = bounds_of("vm", Experiment(variants=[sent, named, Variant(name="c", build=Build())]))
    believed = (
        BuildOutcome(variant="a", context_sha256="1" * 64),
        BuildOutcome(variant="a"),
        BuildOutcome(variant="b", git_url=url, git_commit=commit),
        BuildOutcome(variant="c"),
        # A folder of the host.
        BuildOutcome(variant="c", context_sha256="1" * 64),
    )
    others = (
        BuildOutcome(variant="a", context_sha256="2" * 64),
        BuildOutcome(variant="a", git_url=url, git_commit=commit),
        BuildOutcome(variant="b", git_url=url, git_commit="2" * 40),
        BuildOutcome(variant="b", git_url=url),
        BuildOutcome(variant="c", git_url=url, git_commit=commit),
    )

    for built in believed:
        check_record(Record(build_outcome=built), 0, bounds)
    for built in others:
        with pytest.raises(Unbelievable, match="it was sent"):
            check_record(Record(build_outcome=built), 0, bounds)
    odd = BuildOutcome(variant="c", context_sha256="<b>")
    with pytest.raises(Unbelievable, match="which is none"):
        check_record(Record(build_outcome=odd), 0, bounds)
