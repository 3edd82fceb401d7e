"""What becomes of a run that ended: its result, its report, and what can go wrong with both."""

import asyncio
import json
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import update

from headstart.collector.config import CollectorConfig
from headstart.collector.judge.analyst import Analyst, ReportFault
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import (
    ends,
    hello as store_hello,
    leasing,
    queries,
    records as store_records,
    results as store_results,
    submitting,
)
from headstart.collector.store.store import Store
from headstart.collector.store.tables import runs
from headstart.collector.store.writer import Append, Appended
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import ReportFormat, ReportRequest, RunState
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import Record, SampleBatch, SampleColumn
from support import analyses
from support.attending import (
    LONG_EXPERIMENT,
    Attending,
    as_sent,
    attend,
    collecting,
    envelope,
    experiments,
    hello,
    in_loop,
    run_of,
    submit,
    watched,
)
from support.collector_process import collector_process
from support.exposed import exposed
from support.fake_runs import small
from support.full_disk import fill_up, free_up
from support.stores import on_a_file, url_of
from support.waiting import until

pytestmark = pytest.mark.usefixtures("each_store")

DONE = RunState.RUN_STATE_DONE
JSON = ReportFormat.REPORT_FORMAT_JSON
AUTO = """
experiment: players
baseline: jit
variants:
  jit: {command: [./server, --jit], compilation: jit}
  aot: {command: [./server], compilation: aot}
service: {port: 9000, ready: GET /health}
plan: {blocks: auto}
"""


async def report(stub: Any, run_id: str, report_format: ReportFormat.ValueType) -> bytes:
    """A report in one piece."""
    request = ReportRequest(run_id=run_id, format=report_format)
    return b"".join([piece.chunk async for piece in stub.Report(request)])


async def play(agent: Attending, run_id: str, blocks: int, end: bool = True) -> None:
    """Send the records of a made-up run of two variants."""
    records = list(small(blocks=blocks).records())
    for sequence, record in enumerate(records if end else records[:-1], 1):
        await agent.send(envelope(sequence, run_id, record=as_sent(record)))
    await agent.acked(len(records) if end else len(records) - 1)


@in_loop
async def test_an_ended_run_is_analysed_and_reported_in_every_form(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        await play(agent, run_id, blocks=5)
        await watched(collector.port, run_id, DONE)

        found = json.loads(await report(stub, run_id, JSON))
        markdown = (await report(stub, run_id, ReportFormat.REPORT_FORMAT_MARKDOWN)).decode()
        page = (await report(stub, run_id, ReportFormat.REPORT_FORMAT_HTML)).decode()

        assert run_id in json.dumps(found)
        assert "players" in markdown
        assert "<html" in page
        assert "</html>" in page

        def metrics() -> str:
            url = f"http://127.0.0.1:{collector.metrics_port}/metrics"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())

        text = await asyncio.to_thread(metrics)
        assert 'experiment="players"' in text
        assert exposed(text, "headstart_collector_analysis_seconds_count") == 1


@in_loop
async def test_a_running_run_is_reported_as_far_as_it_is(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        await play(agent, run_id, blocks=2, end=False)

        assert run_id in (await report(stub, run_id, JSON)).decode()
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_LEASED


@in_loop
async def test_blocks_are_asked_for_until_the_verdicts_are_decided(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, AUTO)
        await agent.until("lease")
        await play(agent, run_id, blocks=10, end=False)
        await agent.ask(run_id, 10)
        decision = await agent.until("block_decision")

        # Startup of these two differs tenfold.
        assert (decision.blocks_done, decision.another) == (10, False)
        assert "decided after 10 blocks" in decision.reason


@in_loop
async def test_between_looks_nothing_is_analysed(tmp_path: Path) -> None:
    """Of a run whose records nobody can analyse, which the looks find out."""
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, AUTO)
        await agent.until("lease")
        batch = SampleBatch(trial=1, time_delta_us=[1], columns=[SampleColumn(delta=[1, 1])])
        await agent.send(envelope(1, run_id, record=Record(samples=batch)))
        await agent.acked(1)

        async def looked_at(blocks: int) -> bool:
            await agent.ask(run_id, blocks)
            reason = (await agent.until("block_decision")).reason
            return "the decision failed: analysis failed" in reason

        asked = (4, 5, 6, 9, 10, 11, 15, 16, 20, 29, 30)
        assert [blocks for blocks in asked if await looked_at(blocks)] == [5, 10, 15, 20, 30]


@in_loop
async def test_results_are_shown_again_after_a_restart(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        await play(agent, run_id, blocks=3)
        async with experiments(collector.port) as stub:
            before = await report(stub, run_id, JSON)
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        experiments(collector.port) as stub,
    ):
        url = f"http://127.0.0.1:{collector.metrics_port}/metrics"

        def metrics() -> str:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())

        assert 'experiment="players"' in await asyncio.to_thread(metrics)
        assert await report(stub, run_id, JSON) == before


@on_a_file
@in_loop
async def test_a_run_that_ended_unanalysed_is_analysed_at_the_next_start(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        assert await store.read(store_results.missing) == [run_id]
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        assert run_id in (await report(stub, run_id, JSON)).decode()


@on_a_file
@in_loop
async def test_a_run_over_which_the_clock_was_set_back_is_analysed(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        began = update(runs).values(started_seconds=runs.c.ended_seconds + 1e6)
        await store.write(lambda c: c.execute(began))
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        assert json.loads(await report(stub, run_id, JSON))["blocks_completed"]


@in_loop
async def test_a_run_that_was_cancelled_in_the_queue_is_not_analysed(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, _):
        (run_id,) = await store.write(
            lambda c: submitting.submit(c, Experiment(name="players"), ["h1"], 5.0)
        )
        await store.write(lambda c: ends.cancel(c, run_id, "not needed", 6.0))
        stored: list[str] = []
        analyst = Analyst(store, SelfMetrics("0"))
        analyst.on_stored(stored.append)
        analyst.ended(run_id)
        await analyst.idle()

        assert stored == []
        await analyst.stop()


@asynccontextmanager
async def ended_run(data: Path) -> AsyncIterator[tuple[Store, str]]:
    """A store with one run that is DONE, with records and without a result."""
    async with Store(data) as store:
        await store.write(lambda c: store_hello.greet(c, hello(), 1.0))
        (run_id,) = await store.write(
            lambda c: submitting.submit(c, small().experiment(), ["h1"], 2.0)
        )
        await store.write(lambda c: leasing.lease_next(c, "h1", 3.0))
        records = list(small(blocks=2).records())
        rows = [
            store_records.row_of("s1", envelope(n, run_id, record=as_sent(record)))
            for n, record in enumerate(records, 1)
        ]
        outcome = (
            Attempt(run_id=run_id, attempt=1),
            records[-1].run_outcome,
        )
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        store.append(Append("s1", rows, len(rows), [outcome], done.set_result))
        assert (await done).fault is None
        yield store, run_id


@pytest.mark.parametrize(
    ("analyse", "words"),
    [
        (analyses.fails, "ValueError: a negative number of windows"),
        (analyses.dies, "the analysis process died"),
    ],
)
@in_loop
async def test_a_broken_analysis_is_stored_counted_and_shown(
    tmp_path: Path, analyse: Any, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = SelfMetrics("0")
    async with ended_run(tmp_path) as (store, run_id):
        analyst = Analyst(store, metrics, analyse=analyse)
        analyst.ended(run_id)
        await analyst.idle()

        run = await store.read(lambda c: queries.summary(c, run_id))
        assert run.state == DONE
        assert run.reason.startswith(f"analysis failed: {words}")
        assert words in caplog.text
        assert metrics.registry.get_sample_value("headstart_collector_analysis_failures_total") == 1
        with pytest.raises(ReportFault, match=words):
            await analyst.report(run_id, JSON)
        await analyst.stop()


@in_loop
async def test_a_report_tries_again_what_failed(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        broken = Analyst(store, SelfMetrics("0"), analyse=analyses.fails)
        broken.ended(run_id)
        await broken.idle()
        await broken.stop()
        analyst = Analyst(store, SelfMetrics("0"))

        assert run_id in (await analyst.report(run_id, JSON)).decode()
        run = await store.read(lambda c: queries.summary(c, run_id))
        assert run.reason == ""
        await analyst.stop()


@in_loop
async def test_a_result_that_found_no_room_is_stored_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.collector.store.store._FIRST_PAUSE_SECONDS", 0.02)
    async with ended_run(tmp_path) as (store, run_id):
        stored = asyncio.Event()
        analyst = Analyst(store, SelfMetrics("0"))
        analyst.on_stored(lambda _run_id: stored.set())
        await store.write(fill_up)
        analyst.ended(run_id)
        await analyst.idle()
        await until(lambda: bool(store.problem))
        assert await store.read(store_results.missing) == [run_id]
        await store.write(free_up)
        await stored.wait()

        assert await store.read(store_results.missing) == []
        assert run_id in (await analyst.report(run_id, JSON)).decode()
        await analyst.stop()


@in_loop
async def test_a_result_that_cannot_be_stored_is_reported_all_the_same(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        analyst = Analyst(store, SelfMetrics("0"))
        await store.write(fill_up)

        assert run_id in (await analyst.report(run_id, JSON)).decode()
        assert await store.read(store_results.missing) == [run_id]
        await analyst.stop()


@in_loop
async def test_one_that_keeps_nothing_reports_and_leaves_the_store_well(tmp_path: Path) -> None:
    """As a collector that stands by: its store refuses each change."""
    async with ended_run(tmp_path) as (store, run_id):
        analyst = Analyst(store, SelfMetrics("0"), keeps=False)
        report = await analyst.report(run_id, JSON)
        await analyst.stop()

        assert run_id in report.decode()
        assert await store.read(store_results.missing) == [run_id]


@in_loop
async def test_a_dead_process_is_replaced(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        analyst = Analyst(store, SelfMetrics("0"), analyse=analyses.dies_once)
        for _ in range(2):
            analyst.ended(run_id)
            await analyst.idle()

        stored = await store.read(lambda c: store_results.get(c, run_id))
        assert stored is not None
        assert (stored.result_json, stored.fault) == ('{"fine": true}', "")
        await analyst.stop()


@in_loop
async def test_the_analysis_process_ends_with_the_analyst(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        analyst = Analyst(store, SelfMetrics("0"))
        # As the server from which other tests fork theirs.
        before = children(os.getpid())
        await analyst.report(run_id, JSON)
        (process,) = children(os.getpid()) - before
        await analyst.stop()

        assert process not in children(os.getpid())


@in_loop
async def test_the_analysis_process_ends_when_the_collector_is_killed(tmp_path: Path) -> None:
    with collector_process(CollectorConfig(data=tmp_path, store=url_of(tmp_path))) as process:
        async with attend(process.port) as agent, experiments(process.port) as stub:
            (run_id,) = await submit(process.port)
            await play(agent, run_id, blocks=2)
            await report(stub, run_id, JSON)
        (worker,) = children(process.process.pid)
        process.kill()
        await until(lambda: not Path(f"/proc/{worker}").exists())


_OF_MULTIPROCESSING = (b"resource_tracker", b"forkserver")


def children(of: int) -> set[int]:
    """Processes that one started, but for those that multiprocessing keeps for itself."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == of and not any(own in command for own in _OF_MULTIPROCESSING):
            found.add(int(entry.name))
    return found


@on_a_file
@in_loop
async def test_an_unreachable_report_is_an_internal_fault(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as (store, run_id):
        broken = store_results.StoredResult(run_id, 1, '{"not": "a result"}', "")
        await store.write(lambda c: store_results.put(c, broken, 9.0))
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await report(stub, run_id, JSON)

        assert caught.value.code() == grpc.StatusCode.INTERNAL
        assert "could not be rendered" in str(caught.value.details())


@in_loop
async def test_a_lost_run_is_analysed_as_far_as_it_came(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
            await agent.until("lease")
        for _ in range(2):
            async with attend(collector.port) as agent:
                await agent.until("lease")
                at = agent.welcome.acked_sequence
                await agent.send(envelope(at + 1, run_id, attempt=3))
                await agent.acked(at + 1)
        async with attend(collector.port), experiments(collector.port) as stub:
            await watched(collector.port, run_id, RunState.RUN_STATE_LOST)

            assert "lost" in (await report(stub, run_id, JSON)).decode()
