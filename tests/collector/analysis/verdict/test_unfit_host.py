"""Recommendations from a host whose latest A/A run failed."""

from dataclasses import replace

import pytest

from headstart.collector.analysis.aa_of_host import host_check_of, with_host_check
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import Decision, GateStatus, Recommendation, RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.gate import failed, gate_markdown, junit_xml, undecided
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.views.decision import advice
from headstart.v1.experiment_pb2 import Gate, Gates
from headstart.words import metrics
from support.fake_runs import AOT, BROKEN, JIT, Fake, small
from support.odd_results import ODD

LEVEL_JIT = replace(JIT, first_per_second=14_600, climb_seconds=0)
STEADY = Fake(kinds=(LEVEL_JIT, AOT), blocks=6, load_every=2, load_seconds=60)


def aa_run(startup_factor: float) -> RunResult:
    """An A/A run on a host that lets the second name start slower by a factor."""
    again = replace(JIT, name="jit-again", startup_ms=JIT.startup_ms * startup_factor)
    fake = small(kinds=(JIT, again), blocks=8)
    info = replace(fake.info(), run_id="aa-run")
    info.experiment.aa = True
    info.experiment.name = "players-api.aa"
    return analyse_run(info, fake.records())


@pytest.fixture(scope="module")
def unfit() -> RunResult:
    return aa_run(1.3)


@pytest.fixture(scope="module")
def steady() -> RunResult:
    return STEADY.result()


def judged(fake: Fake, *gates: Gate) -> RunResult:
    info = fake.info()
    info.experiment.gates.CopyFrom(Gates(gates=gates))
    return analyse_run(info, fake.records())


def advised(result: RunResult, variant: str = "aot") -> Recommendation:
    return next(each for each in result.recommendations if each.variant == variant)


def test_what_would_proceed_is_deferred_with_the_run_and_a_way_out(
    steady: RunResult, unfit: RunResult
) -> None:
    found = advised(with_host_check(steady, unfit))
    (open_point,) = found.missing

    assert advised(steady).decision is Decision.PROCEED
    assert found.decision is Decision.DEFER
    assert "the host makes differences of its own" in found.summary
    assert open_point.startswith("This host makes differences of its own: its A/A run aa-run found")
    assert "Startup" in open_point
    assert open_point.endswith("Run `headstart aa` again, or use another host.")


def test_gates_on_metrics_that_did_not_differ_are_in_doubt_too_and_counted_bytes_are_not(
    steady: RunResult, unfit: RunResult
) -> None:
    statuses = {
        gate.limit.metric: gate.status for gate in with_host_check(steady, unfit).gate_outcomes
    }

    assert statuses.pop(metrics.IMAGE_UNPACKED.name) is GateStatus.PASSED
    assert metrics.THROUGHPUT_STEADY.name in statuses
    assert set(statuses.values()) == {GateStatus.UNDECIDED}


def test_a_missed_gate_rejects_nothing_on_such_a_host(unfit: RunResult) -> None:
    rejected = judged(small(blocks=8), Gate(metric=metrics.STARTUP.name, maximum=0.020))
    found = with_host_check(rejected, unfit)

    assert advised(rejected).decision is Decision.REJECT
    assert advised(found).decision is Decision.DEFER
    assert not failed(found)
    assert found.gate_outcomes[0].more_blocks is None


def test_an_image_that_is_too_large_is_rejected_all_the_same(unfit: RunResult) -> None:
    result = judged(
        small(blocks=8),
        Gate(metric=metrics.IMAGE_UNPACKED.name, maximum=1e6),
        Gate(metric=metrics.STARTUP.name, maximum=0.020),
    )
    found = with_host_check(result, unfit)

    assert advised(found).decision is Decision.REJECT
    assert [g.status for g in found.gate_outcomes] == [GateStatus.FAILED, GateStatus.UNDECIDED]


def test_what_rests_on_counted_bytes_alone_proceeds(unfit: RunResult) -> None:
    result = judged(small(blocks=8), Gate(metric=metrics.IMAGE_UNPACKED.name, maximum=1e9))

    assert advised(with_host_check(result, unfit)).decision is Decision.PROCEED


@pytest.mark.parametrize(("name", "variant"), [("wrong answers", "aot"), ("", "aot-broken")])
def test_facts_that_no_host_makes_reject_all_the_same(
    name: str, variant: str, unfit: RunResult
) -> None:
    result = ODD[name]() if name else small(kinds=(JIT, BROKEN), blocks=3).result()
    found = with_host_check(result, unfit)

    assert advised(found, variant).decision is Decision.REJECT
    assert advised(found, variant).summary == advised(result, variant).summary


def test_what_was_not_measured_stays_so(unfit: RunResult) -> None:
    result = judged(small(blocks=8), Gate(metric=metrics.THROUGHPUT_STEADY.name, margin=0.05))
    found = with_host_check(result, unfit)

    assert found.gate_outcomes == result.gate_outcomes
    assert "makes differences of its own" not in "".join(advised(found).missing)


@pytest.mark.parametrize("name", ODD)
def test_every_run_that_went_wrong_can_be_judged_on_such_a_host(
    name: str, unfit: RunResult
) -> None:
    result = ODD[name]()
    same_host = replace(result.host, fingerprint=unfit.host.fingerprint)
    found = with_host_check(replace(result, host=same_host), unfit)

    for before, after in zip(result.recommendations, found.recommendations, strict=True):
        assert after.summary.endswith(".")
        assert (after.decision is Decision.DEFER) == bool(after.missing)
        assert after.decision in (before.decision, Decision.DEFER)
    assert from_json(to_json(found)) == found


def test_a_later_aa_run_that_passes_gives_the_recommendation_back(
    steady: RunResult, unfit: RunResult
) -> None:
    again = with_host_check(with_host_check(steady, unfit), aa_run(1.0))

    assert again.recommendations == steady.recommendations
    assert again.gate_outcomes == steady.gate_outcomes


def test_a_host_that_passed_or_has_other_hardware_changes_nothing(
    steady: RunResult, unfit: RunResult
) -> None:
    other = replace(steady, host=replace(steady.host, fingerprint="another"))

    assert with_host_check(steady, aa_run(1.0)).gate_outcomes == steady.gate_outcomes
    assert with_host_check(other, unfit) == other


def test_a_result_from_before_recommendations_gets_none(
    steady: RunResult, unfit: RunResult
) -> None:
    old = replace(steady, recommendations=(), gate_outcomes=(), gates=(), gates_from="")
    found = with_host_check(old, unfit)

    assert found.recommendations == ()
    assert found.host.check == host_check_of(unfit)


def test_reports_and_ci_show_the_reason(steady: RunResult, unfit: RunResult) -> None:
    found = with_host_check(steady, unfit)

    assert undecided(found)
    assert advice(found)[0].decision is Decision.DEFER
    for text in (render_markdown(found), gate_markdown([found])):
        assert "This host makes differences of its own" in text
        assert "A/A run aa-run found differences of a variant with itself" in text
    assert 'failures="0"' in junit_xml([found])
    assert 'skipped="4"' in junit_xml([found])
