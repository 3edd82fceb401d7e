"""Gates and what is recommended: an expert who reads the same figures must agree."""

import json
from dataclasses import replace

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.verdict.gates import gate_outcome, limits_of
from headstart.collector.analysis.verdict.recommendation import with_recommendations
from headstart.collector.findings import (
    Category,
    Decision,
    DiagnosticGroup,
    GateLimit,
    GateOutcome,
    GateStatus,
    Recommendation,
    RunResult,
    Shape,
    VariantDiagnostics,
    VariantWarmup,
    Verdict,
)
from headstart.collector.findings.json import from_json, to_json
from headstart.v1.experiment_pb2 import Experiment, Gate, Gates
from headstart.v1.records_pb2 import CheckOutcome, Failure, FailureCode, Record, TrialOutcome
from headstart.words import metrics
from headstart.words.gate_profiles import GateProfile
from headstart.words.metrics import METRICS
from headstart.words.verdicts import LimitKind
from support.fake_runs import AOT, JIT, Fake, Kind, small
from support.odd_results import ODD

LEVEL_JIT = replace(JIT, first_per_second=14_600, climb_seconds=0)
STEADY = Fake(kinds=(LEVEL_JIT, AOT), blocks=6, load_every=2, load_seconds=60)


def judged(fake: Fake, gates: Gates | None = None) -> RunResult:
    """The run of a fake, with these gates in its file."""
    info = fake.info()
    if gates is not None:
        info.experiment.gates.CopyFrom(gates)
    return analyse_run(info, fake.records())


def advised(result: RunResult, variant: str = "aot") -> Recommendation:
    return next(each for each in result.recommendations if each.variant == variant)


def outcome(result: RunResult, metric: str) -> GateOutcome:
    return next(g for g in result.gate_outcomes if g.limit.metric == metric)


def limit(metric: str, **bounds: float) -> Gates:
    return Gates(gates=[Gate(metric=metric, **bounds)])


def test_all_gates_passed_by_the_whole_interval_is_proceed() -> None:
    result = judged(STEADY)

    assert advised(result).decision is Decision.PROCEED
    assert advised(result).missing == ()
    assert {g.status for g in result.gate_outcomes} == {GateStatus.PASSED}


def test_a_stated_gate_missed_by_the_whole_interval_is_reject() -> None:
    result = judged(small(blocks=8), limit(metrics.STARTUP.name, maximum=0.020))

    assert outcome(result, metrics.STARTUP.name).status is GateStatus.FAILED
    assert advised(result).decision is Decision.REJECT
    assert "Startup at most 20.0 ms" in advised(result).summary


def test_an_interval_across_the_limit_is_deferred_with_how_much_would_settle_it() -> None:
    found = judged(small(blocks=8)).figure(metrics.STARTUP.name, "aot")
    assert found is not None
    assert found.center is not None
    assert found.interval is not None
    near = (found.center + 2 * found.interval.high) / 3
    result = judged(small(blocks=8), limit(metrics.STARTUP.name, maximum=near))
    more = outcome(result, metrics.STARTUP.name).more_blocks

    assert outcome(result, metrics.STARTUP.name).status is GateStatus.UNDECIDED
    assert advised(result).decision is Decision.DEFER
    # Two thirds of the way to the limit: (3/2)^2 of the blocks, and Student's t falls meanwhile.
    assert more is not None
    assert 6 <= more <= 11
    assert f"`plan.blocks: {8 + more}`" in advised(result).missing[0]


def test_a_figure_on_its_limit_is_not_promised_to_be_settled() -> None:
    found = judged(small(blocks=8)).figure(metrics.STARTUP.name, "aot")
    assert found is not None
    assert found.center is not None
    result = judged(small(blocks=8), limit(metrics.STARTUP.name, maximum=found.center * 1.0001))

    assert outcome(result, metrics.STARTUP.name).more_blocks is None
    assert "too near its limit" in advised(result).missing[0]


def test_too_few_trials_say_how_many_are_needed() -> None:
    result = judged(small(blocks=2), limit(metrics.STARTUP.name, maximum=0.05))

    assert outcome(result, metrics.STARTUP.name).more_blocks == 4
    assert "plan 6 blocks or more (`plan.blocks: 6`)" in advised(result).missing[0]


@pytest.mark.parametrize(
    ("metric", "kind", "bound", "status"),
    [
        (metrics.IMAGE_UNPACKED.name, "maximum", 10e6, GateStatus.FAILED),
        (metrics.IMAGE_UNPACKED.name, "maximum", 20e6, GateStatus.PASSED),
        (metrics.THROUGHPUT_STEADY.name, "minimum", 1e6, GateStatus.UNDECIDED),
        (metrics.THROUGHPUT_STEADY.name, "margin", 0.05, GateStatus.PASSED),
        (metrics.RSS_IDLE.name, "margin", 0.0, GateStatus.PASSED),
    ],
)
def test_every_format_of_a_limit_is_held_against_the_figures(
    metric: str, kind: str, bound: float, status: GateStatus
) -> None:
    result = judged(STEADY, limit(metric, **{kind: bound}))

    assert outcome(result, metric).status is status


def test_a_gate_that_nobody_stated_rejects_nothing() -> None:
    """A larger image may well be worth a faster start: that is a trade-off, not a defect."""
    larger = replace(AOT, image_mb=140)
    result = judged(replace(STEADY, kinds=(LEVEL_JIT, larger)))

    assert outcome(result, metrics.IMAGE_UNPACKED.name).status is GateStatus.FAILED
    assert advised(result).decision is Decision.DEFER
    assert any("trade-off" in point for point in advised(result).missing)
    stated = judged(replace(STEADY, kinds=(LEVEL_JIT, larger)), Gates(profile="ci-default"))
    assert advised(stated).decision is Decision.REJECT


def test_a_variant_that_does_not_start_is_rejected_with_its_last_output() -> None:
    found = advised(Fake(blocks=4, load_every=2, load_seconds=60).result(), "aot-broken")

    assert found.decision is Decision.REJECT
    assert "does not start" in found.summary
    assert "AutoMapperConfigurationException" in found.output_tail


def test_a_wrong_answer_is_rejected_and_quoted_however_fast() -> None:
    found = advised(ODD["wrong answers"]())

    assert found.decision is Decision.REJECT
    assert "GET /players/7: expected status 200, got status 500" in found.summary


def test_a_fault_that_the_baseline_has_too_is_not_the_variants() -> None:
    for name in ("all failed", "served nothing"):
        assert [r.decision for r in ODD[name]().recommendations] == [Decision.DEFER]


def test_without_a_baseline_nothing_is_proceeded_with() -> None:
    found = advised(ODD["baseline failed"]())

    assert found.decision is Decision.DEFER
    assert "aot-broken does not start" in found.missing[0]


def _dies_under_load(outcome: TrialOutcome) -> None:
    if outcome.HasField("load") and outcome.variant == "aot":
        outcome.failure.CopyFrom(
            Failure(code=FailureCode.FAILURE_CODE_DIED, message="aot exited with status 7")
        )


def test_an_app_that_dies_under_load_again_and_again_is_rejected() -> None:
    found = advised(judged(replace(STEADY, disturb=_dies_under_load)))

    assert found.decision is Decision.REJECT
    assert "dies in 3 of 6 trials" in found.summary


def test_a_profile_is_replaced_metric_by_metric_by_the_file() -> None:
    gates = Gates(
        profile="native-aot-api",
        gates=[Gate(metric=metrics.STARTUP.name, maximum=0.2, margin=0.1)],
    )
    source, limits = limits_of(Experiment(gates=gates))

    assert source == "native-aot-api, with limits of the file"
    own = [(g.kind, g.bound) for g in limits if g.metric == metrics.STARTUP.name]
    assert own == [("max", 0.2), ("margin", 0.1)]
    assert sum(g.metric == metrics.IMAGE_OWN.name for g in limits) == 1


def test_the_margins_of_the_file_are_those_of_the_default_profile() -> None:
    experiment = STEADY.experiment()
    experiment.margins[metrics.STARTUP.name] = 0.0
    _, limits = limits_of(experiment)
    bounds = {g.metric: g.bound for g in limits}

    assert bounds[metrics.STARTUP.name] == 0.0
    assert bounds[metrics.IMAGE_UNPACKED.name] == METRICS[metrics.IMAGE_UNPACKED.name].margin
    assert not any(g.hard for g in limits)


def test_microsofts_targets_pass_for_the_made_up_api_but_for_its_disk() -> None:
    result = judged(STEADY, Gates(profile="native-aot-api"))
    failed = [g.limit.metric for g in result.gate_outcomes if g.status is GateStatus.FAILED]

    assert failed == [metrics.IMAGE_OWN.name]
    assert "50.0 ms" in outcome(result, metrics.STARTUP.name).text


@pytest.mark.parametrize("name", sorted(ODD.keys() - {"incomplete"}))
def test_a_run_that_went_wrong_has_a_recommendation_that_says_so(name: str) -> None:
    result = ODD[name]()
    others = [v.variant for v in result.variants if v.variant != result.baseline]

    assert [r.variant for r in result.recommendations] == others
    for each in result.recommendations:
        assert each.summary.endswith(".")
        assert (each.decision is Decision.DEFER) == bool(each.missing)
    assert from_json(to_json(result)) == result
    text = json.dumps([r.summary + " ".join(r.rationale) for r in result.recommendations])
    assert "nan" not in text
    assert "None" not in text


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("profile", GateProfile)
def test_every_profile_can_be_held_against_every_run(name: str, profile: str) -> None:
    experiment = Experiment(gates=Gates(profile=profile))
    result = with_recommendations(ODD[name](), *limits_of(experiment))

    assert len(result.gate_outcomes) == len(result.gates) * len(result.recommendations)


def test_an_expert_agrees_on_players_and_squad() -> None:
    """A start and a memory that are clear, a JIT that had not settled; a sibling that crashes."""
    rising = replace(JIT, climb_seconds=20)
    squad = Kind("squad", AOT.compilation, 0, 0, 0, 0, 0, 0, 0, 166, starts=False)
    result = Fake(kinds=(rising, AOT, squad), blocks=6, load_every=2, load_seconds=30).result()
    players = advised(result)

    assert players.decision is Decision.DEFER
    assert len(players.missing) == 1
    assert "Steady throughput was not measured: jit was still rising" in players.missing[0]
    assert advised(result, "squad").decision is Decision.REJECT


def test_blocking_warnings_of_the_build_defer_what_else_would_proceed() -> None:
    group = DiagnosticGroup(
        variant="aot",
        package="AutoMapper",
        category=Category.BLOCKING,
        places=3,
        findings=5,
        codes={"IL2026": 2, "IL3050": 1},
    )
    result = replace(judged(STEADY), diagnostics=(VariantDiagnostics("aot", (group,)),))
    found = advised(with_recommendations(result, result.gates_from, result.gates))

    assert found.decision is Decision.DEFER
    assert "blocking build warnings remain" in found.summary
    assert found.missing == (
        "Blocking build warnings of AutoMapper remain: IL2026, IL3050 in 3 places.",
    )


def test_a_program_that_is_not_what_it_is_called_is_not_proceeded_with() -> None:
    result = judged(STEADY)
    variants = tuple(
        replace(v, mislabelled="aot is said to be aot, and was found to be IL.")
        if v.variant == "aot"
        else v
        for v in result.variants
    )
    again = with_recommendations(
        replace(result, variants=variants), result.gates_from, result.gates
    )

    assert advised(again).decision is Decision.DEFER
    assert "found to be IL" in advised(again).missing[0]


def _again(result: RunResult) -> RunResult:
    return with_recommendations(result, result.gates_from, result.gates)


def test_the_same_program_twice_is_no_reason_to_proceed_and_no_error() -> None:
    result = judged(replace(STEADY, kinds=(LEVEL_JIT, replace(LEVEL_JIT, name="aot")), noise=0.005))
    found = advised(result)

    assert {g.status for g in result.gate_outcomes} == {GateStatus.PASSED}
    assert found.decision is Decision.DEFER
    assert "no benefit is shown" in found.summary


def test_a_little_worse_within_the_margins_is_no_reason_to_proceed() -> None:
    worse = replace(
        LEVEL_JIT, name="aot", startup_ms=294, startup_rss_mb=68, idle_rss_mb=69, load_rss_mb=91.5
    )
    found = advised(judged(replace(STEADY, kinds=(LEVEL_JIT, worse), noise=0.005, blocks=12)))

    assert found.decision is Decision.DEFER


def test_a_gate_on_steady_throughput_says_how_long_was_looked() -> None:
    same = replace(STEADY, kinds=(LEVEL_JIT, replace(LEVEL_JIT, name="aot")), noise=0.005)
    found = advised(judged(same, Gates(profile="ci-default"))).rationale

    steady = [text for text in found if "Steady throughput" in text]
    assert len(steady) == 1
    assert ", as far as 60.0 s show, run " in steady[0]


def test_a_stated_limit_that_is_met_needs_no_benefit() -> None:
    same = replace(STEADY, kinds=(LEVEL_JIT, replace(LEVEL_JIT, name="aot")), noise=0.005)

    assert advised(judged(same, Gates(profile="ci-default"))).decision is Decision.PROCEED


def test_warnings_that_no_check_ran_through_are_missing() -> None:
    group = DiagnosticGroup(
        variant="aot",
        package="Newtonsoft.Json",
        category=Category.REVIEW,
        places=12,
        findings=12,
        codes={"IL2026": 12},
    )
    result = replace(judged(STEADY), diagnostics=(VariantDiagnostics("aot", (group,)),))
    found = advised(_again(result))

    assert found.decision is Decision.DEFER
    (point,) = found.missing
    assert point.startswith("No check ran through what the build warns of in Newtonsoft.Json (IL2")


def test_without_checks_nobody_knows_whether_it_answers_rightly() -> None:
    found = advised(judged(replace(STEADY, checks=0)))

    assert found.decision is Decision.DEFER
    assert "No check says whether aot answers rightly" in found.missing[0]


def test_a_failing_check_says_in_how_many_trials() -> None:
    fake = small(blocks=9)
    records = list(fake.records())
    trial = next(r.trial_outcome.trial for r in records if r.trial_outcome.variant == "aot")
    wrong = CheckOutcome(
        trial=trial, check="GET /players/7", expected="status 200", actual="status 500"
    )
    found = advised(analyse_run(fake.info(), [*records, Record(check_outcome=wrong)]))

    assert found.summary.startswith("aot answers wrongly in 1 of 9 trials: GET /players/7")


def test_a_restless_host_is_not_mended_by_a_longer_load() -> None:
    result = judged(STEADY)
    unsettled = VariantWarmup(
        variant="aot",
        shape=Shape.NO_STEADY_STATE,
        trials=3,
        settled=0,
        steady_from_seconds=None,
        observed_seconds=60,
        reason="varied too much to tell after 60 s of load",
    )
    others = tuple(w for w in result.load.variant_warmups if w.variant != "aot")
    result = replace(
        result,
        load=replace(result.load, variant_warmups=(*others, unsettled)),
        comparisons=tuple(
            replace(c, ratio=None, interval=None, verdict=Verdict.UNAVAILABLE, reason="aot varied")
            if (c.metric, c.variant) == ("throughput_steady_per_second", "aot")
            else c
            for c in result.comparisons
        ),
    )
    (point,) = advised(_again(result)).missing

    assert "longer" not in point.replace("A longer load does not settle that", "")
    assert "quieter host" in point


@pytest.mark.parametrize(("factor", "shown"), [(1.005, True), (1.05, False)])
def test_a_gate_shows_medians_only_where_the_ratio_is_theirs(factor: float, shown: bool) -> None:
    name = metrics.STARTUP.name
    result = judged(small(blocks=6))
    found, aot, jit = (
        result.comparison(name, "aot"),
        *(result.figure(name, variant) for variant in ("aot", "jit")),
    )
    assert found is not None
    assert aot is not None
    assert jit is not None
    assert aot.center
    assert jit.center
    apart = replace(found, ratio=aot.center / jit.center * factor)
    others = tuple(c for c in result.comparisons if c is not found)

    told = gate_outcome(
        replace(result, comparisons=(*others, apart)), "aot", GateLimit(name, LimitKind.MARGIN, 0.1)
    )

    assert (" against " in told.text) is shown
