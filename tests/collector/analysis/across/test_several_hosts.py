"""Several hosts together: what is refused, what is flagged, and what is recommended."""

from dataclasses import replace

import pytest

from headstart.collector.analysis.across.several_hosts import across_hosts
from headstart.collector.analysis.verdict.recommendation import with_recommendations
from headstart.collector.findings import Decision, Fact, HostCheck, RunResult, Verdict
from headstart.collector.findings.comparability import Incomparable
from headstart.words import metrics
from headstart.words.states import RunWord
from support.metrics_results import does_not_start, run_result

ALPHA = run_result(host="alpha")
BETA = run_result(host="beta", fingerprint="beefcafe")


def passing(result: RunResult) -> RunResult:
    """Held against the one gate that everything here passes."""
    limits = tuple(limit for limit in result.gates if limit.metric == metrics.STARTUP.name)
    return with_recommendations(result, "startup alone", limits)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (replace(BETA, experiment="squad-api"), "different experiments: players-api .*squad-api"),
        (replace(BETA, baseline="aot"), "different baselines: jit"),
        (replace(BETA, revision="other"), "different revisions: 3f2c1ab.*headstart compare"),
        (replace(ALPHA, run_id="again"), "both of the host alpha"),
    ],
)
def test_unlike_things_are_refused_by_name(other: RunResult, words: str) -> None:
    with pytest.raises(Incomparable, match=words):
        across_hosts([ALPHA, other])


def test_two_machines_of_one_name_are_told_apart() -> None:
    found = across_hosts([ALPHA, replace(BETA, host=replace(BETA.host, name="alpha"))])

    assert [name for name, _ in found.runs] == ["alpha (c0ffee12)", "alpha (beefcafe)"]


def test_every_host_proceeds() -> None:
    found = across_hosts([passing(ALPHA), passing(BETA)])

    (advice,) = found.recommendations
    assert advice.decision is Decision.PROCEED
    assert advice.summary == "aot passes its gates on both hosts: alpha and beta."
    assert not advice.missing


def test_one_host_that_rejects_is_enough_and_is_named_with_its_reason() -> None:
    dead = does_not_start(BETA, "aot")
    found = across_hosts([passing(ALPHA), with_recommendations(dead, "none", dead.gates)])

    (advice,) = found.recommendations
    assert advice.decision is Decision.REJECT
    assert advice.summary.startswith("aot is rejected on beta (1 of 2 hosts): aot does not start")
    assert advice.rationale[0].startswith("beta: reject")
    startup = next(m for m in found.metrics if m.metric == metrics.STARTUP.name)
    assert startup.hosts[1].ratio is None
    assert "beta is left out" in startup.reason


def test_what_is_open_is_said_with_its_host() -> None:
    stopped = passing(replace(BETA, state=RunWord.CANCELLED))
    (advice,) = across_hosts([passing(ALPHA), stopped]).recommendations

    assert advice.decision is Decision.DEFER
    assert "1 of 2 hosts; deferred on beta" in advice.summary
    assert all(point.startswith("beta: ") for point in advice.missing)


def test_where_no_benefit_is_shown_no_gate_is_said_to_be_missed() -> None:
    advice = passing(BETA).recommendations[0]
    shown = "aot passes its only gate, but is better than jit in nothing: no benefit is shown."
    idle = replace(
        passing(BETA),
        recommendations=(
            replace(advice, decision=Decision.DEFER, summary=shown, missing=("State limits.",)),
        ),
    )
    (joint,) = across_hosts([passing(ALPHA), idle]).recommendations

    assert joint.decision is Decision.DEFER
    assert joint.summary == "aot may proceed on 1 of 2 hosts; deferred on beta."
    assert any("no benefit is shown" in reason for reason in joint.rationale)


def test_a_host_that_has_not_ended_keeps_all_from_proceeding() -> None:
    found = across_hosts([passing(ALPHA)], pending=["run r9 on gamma is leased"])

    assert found.recommendations[0].decision is Decision.DEFER
    assert "run r9 on gamma is leased" in found.recommendations[0].missing[0]
    assert "it is not in this" in found.flags[0]


def test_a_variant_that_one_run_lacks_is_open_there() -> None:
    without = passing(run_result(host="beta", fingerprint="beefcafe", variants=("jit",)))
    (advice,) = across_hosts([passing(ALPHA), without]).recommendations

    assert advice.decision is Decision.DEFER
    assert "beta: nothing is recommended of aot" in advice.missing[0]


def test_other_loads_and_limits_are_not_pooled_and_keep_from_proceeding() -> None:
    loaded = passing(replace(ALPHA, load=replace(ALPHA.load, description="16 connections")))
    other = passing(replace(BETA, load=replace(BETA.load, description="64 connections")))
    found = across_hosts([loaded, other])
    verdicts = {m.metric: m for m in found.metrics}

    throughput = verdicts[metrics.THROUGHPUT_STEADY.name]
    assert throughput.verdict is Verdict.UNAVAILABLE
    assert "alpha and beta: measured under another load (16 connections; 64" in throughput.reason
    assert verdicts[metrics.STARTUP.name].ratio is not None
    assert found.recommendations[0].decision is Decision.DEFER


def test_other_gates_keep_from_proceeding() -> None:
    (advice,) = across_hosts([ALPHA, passing(BETA)]).recommendations

    assert any("other gates" in point for point in advice.missing)


def test_what_differs_between_the_hosts_is_flagged() -> None:
    failed = HostCheck("run-aa", "players-api.aa", False, 1.0, 8, ("Startup",))
    text = "variants: {aot: {image: a, env: {DOTNET_gcServer: '%d'}}}"
    one = replace(ALPHA, source_text=text % 0, host=replace(ALPHA.host, check=failed))
    image = replace(BETA.variants[1], digest="sha256:other")
    other = replace(
        BETA,
        source_text=text % 1,
        variants=(BETA.variants[0], image),
        host=replace(
            BETA.host, facts=(Fact("kernel", "6.1.0"),), fingerprint=ALPHA.host.fingerprint
        ),
    )
    third = replace(BETA, revision="", state=RunWord.LOST, host=replace(BETA.host, name="gamma"))
    flags = "\n".join(across_hosts([one, other, third]).flags)

    assert "A/A run of alpha found differences where there are none (Startup)" in flags
    assert "aot was run with other settings: env {'DOTNET_gcServer': '0'} on alpha" in flags
    assert "aot is not the same program everywhere" in flags
    assert "kernel differs: 6.18.0 on alpha and gamma; 6.1.0 on beta" in flags
    assert "alpha and beta are the same hardware: every mean counts it 2 times" in flags
    assert "on gamma is lost" in flags
    assert "No revision is stated by the run on gamma" in flags


def test_the_same_host_twice_by_its_file_is_refused() -> None:
    with pytest.raises(Incomparable, match="counts twice"):
        across_hosts([ALPHA, ALPHA])
