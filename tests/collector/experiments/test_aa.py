"""A/A runs: how they are made, what they say of a host, and where that is shown."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import grpc.aio
import pytest

from headstart.collector.analysis.aa_of_host import (
    host_check_of,
    latest_telling,
    with_host_check,
)
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.experiments.aa import NoSuchVariant, as_aa
from headstart.collector.findings import RunResult, Verdict
from headstart.collector.findings.json import to_json
from headstart.collector.metrics.run_samples import run_samples
from headstart.collector.report.formats.markdown import render_markdown
from headstart.v1.experiments_pb2 import ReportFormat, ReportRequest, RunState, SubmitRequest
from headstart.words import metrics
from headstart.words.states import RunWord
from support.attending import (
    LONG_EXPERIMENT,
    as_sent,
    attend,
    collecting,
    envelope,
    experiments,
    in_loop,
    submit,
    watched,
)
from support.fake_runs import JIT, small

JSON = ReportFormat.REPORT_FORMAT_JSON
DONE = RunState.RUN_STATE_DONE
AGAIN = replace(JIT, name="jit-again")


def aa_result(startup_factor: float = 1.0, blocks: int = 8, noise: float = 0.02) -> RunResult:
    """An A/A run on a host that lets the second name start slower by a factor."""
    again = replace(AGAIN, startup_ms=JIT.startup_ms * startup_factor)
    fake = small(kinds=(JIT, again), blocks=blocks, noise=noise)
    info = fake.info()
    info.experiment.aa = True
    info.experiment.name = "players-api.aa"
    return analyse_run(info, fake.records())


def test_the_baseline_comes_twice_under_a_name_that_no_file_can_give() -> None:
    experiment = small().experiment()

    found = as_aa(experiment)

    assert [v.name for v in found.variants] == ["jit", "jit-again"]
    assert found.variants[0].image == found.variants[1].image
    assert (found.name, found.baseline, found.aa) == ("players-api.aa", "jit", True)
    assert found.plan == experiment.plan
    assert len(experiment.variants) == 2
    assert not experiment.aa


def test_another_variant_can_be_named_and_an_unknown_one_is_refused() -> None:
    assert as_aa(small().experiment(), "aot").baseline == "aot"
    with pytest.raises(NoSuchVariant, match="there is no variant r2r; there are jit, aot"):
        as_aa(small().experiment(), "r2r")


def test_a_long_name_stays_a_label() -> None:
    experiment = small().experiment()
    experiment.variants[0].name = experiment.baseline = "j" * 63

    names = [v.name for v in as_aa(experiment).variants]

    assert len(set(names)) == 2
    assert max(map(len, names)) == 63


def test_the_same_twice_passes() -> None:
    check = host_check_of(aa_result())

    assert check is not None
    assert check.passed
    assert check.verdicts > 3
    assert {c.verdict for c in aa_result().comparisons} <= {
        Verdict.EQUIVALENT,
        Verdict.INCONCLUSIVE,
        Verdict.UNAVAILABLE,
    }


def test_a_host_that_lets_one_name_start_slower_fails() -> None:
    check = host_check_of(aa_result(1.3))

    assert check is not None
    assert not check.passed
    assert metrics.STARTUP.name in check.differing


def test_an_ordinary_run_and_one_that_did_not_end_say_nothing() -> None:
    assert host_check_of(small(blocks=5).result()) is None
    assert host_check_of(replace(aa_result(), state=RunWord.CANCELLED)) is None


def test_an_aa_run_of_two_blocks_has_no_intervals_and_so_passes_nothing() -> None:
    fake = small(kinds=(JIT, AGAIN), blocks=2)
    info = fake.info()
    info.experiment.aa = True

    assert host_check_of(analyse_run(info, fake.records())) is None


def test_an_aa_run_says_what_size_of_difference_it_would_have_found() -> None:
    result = aa_result()
    check = host_check_of(result)

    assert check is not None
    assert check.detectable is not None
    assert 0.05 <= check.detectable <= 0.2
    assert "is found in 9 of 10 runs like this one" in result.remarks[0]
    assert f"and {check.detectable:.0%} would have shown" in render_markdown(
        with_host_check(result, None)
    )


def test_too_few_blocks_or_too_much_noise_tell_nothing_unless_they_differ() -> None:
    for silent in (aa_result(blocks=3), aa_result(blocks=8, noise=0.3)):
        assert host_check_of(silent) is None
        assert silent.remarks[0].startswith("This A/A run tells nothing of its host")
        assert "told nothing" in render_markdown(with_host_check(silent, None))
    unfit = host_check_of(aa_result(3.0, blocks=5))
    assert unfit is not None
    assert not unfit.passed


def test_an_aa_run_of_earlier_code_is_read_by_its_verdicts() -> None:
    earlier = aa_result(1.3)
    check = host_check_of(replace(earlier, host=replace(earlier.host, check=None)))

    assert check is not None
    assert (check.passed, check.detectable) == (False, None)


def test_a_run_that_tells_nothing_does_not_take_back_what_an_earlier_one_found() -> None:
    failed = aa_result(1.3)
    silent = aa_result(blocks=3)

    assert latest_telling([to_json(silent), to_json(failed)]) == failed
    assert latest_telling([to_json(silent)]) is None


def test_an_aa_run_recommends_nothing() -> None:
    assert aa_result().recommendations == ()


def test_every_report_says_what_is_known_of_the_host() -> None:
    result = small(blocks=5).result()

    never = render_markdown(result)
    passed = render_markdown(with_host_check(result, aa_result()))
    failed = render_markdown(with_host_check(result, aa_result(1.3)))

    assert "**A/A on this host:** never made" in never
    assert "**A/A on this host:** passed on 2026-" in passed
    assert failed.index("verdicts from here are doubtful") < failed.index("## Findings")
    assert "## Limits of this run" in failed
    assert "Startup" in failed


def test_other_hardware_under_the_same_name_was_not_tried() -> None:
    plain = small(blocks=5).result()
    result = replace(plain, host=replace(plain.host, fingerprint="another"))

    assert with_host_check(result, aa_result()).host.check is None


@pytest.mark.parametrize(("factor", "value"), [(1.0, 1.0), (1.3, 0.0)])
def test_a_gauge_says_whether_the_host_is_fit(factor: float, value: float) -> None:
    found = [s for s in run_samples(aa_result(factor)) if s.family == "headstart_host_fit"]

    assert [sample.value for sample in found] == [value]
    assert not any(s.family == "headstart_host_fit" for s in run_samples(small().result()))


async def played(port: int, agent: Any, run_id: str, records: list[Any], first: int) -> int:
    """Send a run's records and wait for its end; the next sequence."""
    for sequence, record in enumerate(records, first):
        await agent.send(envelope(sequence, run_id, record=as_sent(record)))
    await agent.acked(first + len(records) - 1)
    await watched(port, run_id, DONE)
    return first + len(records)


async def report(stub: Any, run_id: str) -> dict[str, Any]:
    """The report as JSON."""
    request = ReportRequest(run_id=run_id, format=JSON)
    pieces = [piece.chunk async for piece in stub.Report(request)]
    found = json.loads(b"".join(pieces))
    assert isinstance(found, dict)
    return found


@in_loop
async def test_reports_from_a_host_carry_its_latest_aa_run(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (ordinary,) = await submit(collector.port, LONG_EXPERIMENT)
        following = await played(
            collector.port, agent, ordinary, list(small(blocks=5).records()), 1
        )
        before = await report(stub, ordinary)
        request = SubmitRequest(source_text=LONG_EXPERIMENT, base_directory="/", aa=True)
        submitted = (await stub.Submit(request)).runs[0]
        records = list(small(kinds=(JIT, AGAIN), blocks=8).records())
        await played(collector.port, agent, submitted.run_id, records, following)
        own = await report(stub, submitted.run_id)
        after = await report(stub, ordinary)

    assert before["host"]["check"] is None
    assert submitted.experiment.endswith(".aa")
    assert own["host"]["check"]["passed"] is True
    assert after["host"]["check"]["run_id"] == submitted.run_id


# What the made-up aot passes tenfold.
GATED = f"{LONG_EXPERIMENT}gates: {{startup_seconds: {{max: 100ms}}}}\n"


def recommended(exposition: str) -> list[str]:
    """What is recommended of aot in the experiment `players`, as Prometheus sees it."""
    return [
        line.partition('recommendation="')[2].partition('"')[0]
        for line in exposition.splitlines()
        if line.startswith("headstart_recommendation{") and 'experiment="players",' in line
    ]


@in_loop
async def test_report_and_exposition_agree_as_aa_runs_fail_and_pass(tmp_path: Path) -> None:
    async def told() -> tuple[list[str], list[str]]:
        """The recommendation in the run's JSON, and in the exposition."""
        found = await report(stub, ordinary)
        url = f"http://127.0.0.1:{collector.metrics_port}/metrics"
        text = await asyncio.to_thread(lambda: urlopen(url, timeout=10).read().decode())
        return [each["decision"] for each in found["recommendations"]], recommended(text)

    async def tried(slower: float, first: int) -> int:
        """An A/A run whose second name starts slower by a factor; the next sequence."""
        request = SubmitRequest(source_text=LONG_EXPERIMENT, base_directory="/", aa=True)
        run_id = (await stub.Submit(request)).runs[0].run_id
        again = replace(AGAIN, startup_ms=JIT.startup_ms * slower)
        records = list(small(kinds=(JIT, again), blocks=8).records())
        following = await played(collector.port, agent, run_id, records, first)
        # A report waits for the analysis, which ends with the exposition.
        await report(stub, run_id)
        return following

    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (ordinary,) = await submit(collector.port, GATED)
        following = await played(
            collector.port, agent, ordinary, list(small(blocks=5).records()), 1
        )
        before = await told()
        following = await tried(1.3, following)
        unfit = await told()
        await tried(1.0, following)
        fit = await told()

    assert before == fit == (["proceed"], ["proceed"])
    assert unfit == (["defer"], ["defer"])


@in_loop
async def test_a_collector_that_starts_anew_shows_what_the_latest_aa_run_left(
    tmp_path: Path,
) -> None:
    again = replace(AGAIN, startup_ms=JIT.startup_ms * 1.3)
    unfit = list(small(kinds=(JIT, again), blocks=8).records())
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        request = SubmitRequest(source_text=LONG_EXPERIMENT, base_directory="/", aa=True)
        tried = (await stub.Submit(request)).runs[0].run_id
        following = await played(collector.port, agent, tried, unfit, 1)
        (ordinary,) = await submit(collector.port, GATED)
        await played(collector.port, agent, ordinary, list(small(blocks=5).records()), following)
        await report(stub, ordinary)
    async with collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector:
        url = f"http://127.0.0.1:{collector.metrics_port}/metrics"
        text = await asyncio.to_thread(lambda: urlopen(url, timeout=10).read().decode())

    assert recommended(text) == ["defer"]


@in_loop
async def test_an_aa_run_of_a_variant_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port),
        experiments(collector.port) as stub,
    ):
        request = SubmitRequest(
            source_text=LONG_EXPERIMENT, base_directory="/", aa=True, aa_variant="none"
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Submit(request)

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "there is no variant none" in str(refused.value.details())
