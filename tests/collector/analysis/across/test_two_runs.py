"""Two runs against each other: what is compared, what is refused, and what is flagged."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from headstart.collector.analysis.across.two_runs import AcrossRuns, Change, compare_runs
from headstart.collector.findings import RunResult, Verdict
from headstart.collector.findings.comparability import Incomparable
from headstart.collector.report.formats.two_runs import across_json, print_across
from headstart.words import metrics
from support.fake_runs import AOT, JIT, Fake, small
from support.odd_results import ODD

BEFORE = small(blocks=12).result()
SLOWER = replace(AOT, startup_ms=AOT.startup_ms * 1.3)


def change(found: AcrossRuns, metric: str, variant: str = "aot") -> Change:
    return next(c for c in found.changes if (c.metric, c.variant) == (metric, variant))


def elsewhere(result: RunResult) -> RunResult:
    return replace(result, host=replace(result.host, name="other", fingerprint="0000"))


def test_a_slower_revision_is_worse_and_the_other_variant_is_not() -> None:
    after = small(kinds=(JIT, SLOWER), blocks=12, seed=8).result()
    found = compare_runs(BEFORE, after)
    startup = change(found, metrics.STARTUP.name)

    assert startup.verdict is Verdict.WORSE
    assert startup.interval is not None
    assert startup.interval.low < 1.3 < startup.interval.high
    assert change(found, metrics.STARTUP.name, "jit").verdict is not Verdict.WORSE
    assert change(found, metrics.IMAGE_UNPACKED.name).verdict is Verdict.EQUIVALENT


def test_across_hosts_only_ratios_to_the_baseline_are_compared() -> None:
    slow = [replace(kind, startup_ms=kind.startup_ms * 2) for kind in (JIT, AOT)]
    after = elsewhere(small(kinds=tuple(slow), blocks=12, seed=8).result())
    found = compare_runs(BEFORE, after)
    startup = change(found, metrics.STARTUP.name)

    assert not found.same_host
    assert startup.of == "ratio to jit"
    assert startup.before == pytest.approx(0.104, abs=0.01)
    assert startup.verdict in (Verdict.EQUIVALENT, Verdict.INCONCLUSIVE)
    assert {c.variant for c in found.changes} == {"aot"}
    assert "only ratios" in found.flags[0]


def test_different_experiments_are_refused() -> None:
    with pytest.raises(Incomparable, match="different experiments"):
        compare_runs(BEFORE, replace(BEFORE, experiment="squad-api"))


def test_across_hosts_with_different_baselines_nothing_can_be_compared() -> None:
    with pytest.raises(Incomparable, match="baselines"):
        compare_runs(BEFORE, replace(elsewhere(BEFORE), baseline="aot"))


def test_figures_under_another_load_or_limit_are_refused_with_both() -> None:
    loaded = Fake(kinds=(JIT, AOT), blocks=4, load_every=2, load_seconds=15).result()
    load = replace(loaded.load, description="GET /players, 64 connections, by wrk")
    other = replace(loaded, load=load)
    found = compare_runs(loaded, other)

    assert "64 connections" in change(found, metrics.THROUGHPUT_FIRST.name).reason
    assert change(found, metrics.STARTUP.name).ratio is not None

    limits = tuple(f.replace("512", "256") for f in loaded.plan_description)
    tight = compare_runs(loaded, replace(loaded, plan_description=limits))
    assert "256 MiB" in change(tight, metrics.STARTUP.name).reason
    assert change(tight, metrics.IMAGE_UNPACKED.name).verdict is Verdict.EQUIVALENT


def test_another_garbage_collector_is_flagged() -> None:
    text = "variants: {aot: {image: a, env: {DOTNET_gcServer: '0'}}}"
    before = replace(BEFORE, source_text=text)
    after = replace(BEFORE, source_text=text.replace("'0'", "'1'"))

    assert any("DOTNET_gcServer" in flag for flag in compare_runs(before, after).flags)


def test_two_blocks_decide_nothing() -> None:
    found = compare_runs(BEFORE, small(blocks=2).result())

    assert change(found, metrics.STARTUP.name).verdict is Verdict.INCONCLUSIVE
    assert "3 are needed" in change(found, metrics.STARTUP.name).reason


def compared_in_words(one: RunResult, other: RunResult) -> None:
    found = compare_runs(one, other)
    output = StringIO()
    print_across(found, Console(file=output))

    assert "B against A" in output.getvalue()
    assert json.loads(across_json(found))
    for each in found.changes:
        assert each.ratio is not None or each.reason


@pytest.mark.parametrize("name", sorted(ODD.keys() - {"all failed"}))
def test_a_run_that_went_wrong_is_compared_with_one_that_did_not(name: str) -> None:
    compared_in_words(BEFORE, ODD[name]())


@pytest.mark.parametrize("name", sorted(ODD.keys() - {"all failed", "baseline failed"}))
def test_a_run_that_went_wrong_is_compared_with_one_of_another_host(name: str) -> None:
    compared_in_words(ODD[name](), elsewhere(BEFORE))


def test_runs_without_a_common_variant_or_baseline_are_refused_in_words() -> None:
    with pytest.raises(Incomparable, match="no variant in common"):
        compare_runs(BEFORE, ODD["all failed"]())
    with pytest.raises(Incomparable, match="no variant in common"):
        compare_runs(ODD["all failed"](), elsewhere(BEFORE))
    with pytest.raises(Incomparable, match="and so do the baselines"):
        compare_runs(ODD["baseline failed"](), elsewhere(BEFORE))
