"""No job of the analysis takes more time or memory than it may, and the next one is served."""

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import pytest

from headstart.collector.config import JobLimits
from headstart.collector.judge import process_pool, worker
from headstart.collector.judge.analyst import Analyst, ReportFault
from headstart.collector.judge.job_limits import JobExceeded, JobFault, StoreAway, job
from headstart.collector.judge.process_pool import AnalysisPool, WorkerDied
from headstart.collector.judge.regressions import Regressions
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import (
    forgetting,
    postgresql_connection,
    queries,
    results as store_results,
    shifts as store_shifts,
    store as stores,
)
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.writer import StoreDamaged, StoreFault
from headstart.v1.experiments_pb2 import ReportFormat, RunState
from support import analyses
from support.attending import as_sent, in_loop
from support.damage import spoil
from support.fake_runs import small
from support.postgres_server import PostgresServer
from support.recorded import record
from support.waiting import until

JSON = ReportFormat.REPORT_FORMAT_JSON


@pytest.mark.parametrize("greedy", [analyses.fills_memory, analyses.fills_memory_by_numpy])
@in_loop
async def test_a_job_that_wants_too_much_memory_says_so_and_the_next_is_served(
    tmp_path: Path, greedy: Callable[[str, str], Any]
) -> None:
    pool = AnalysisPool(JobLimits(memory_bytes=512 << 20))
    try:
        with pytest.raises(JobExceeded, match="more than the 512 MiB of memory"):
            await pool.run(greedy, "", "")
        with pytest.raises(JobFault, match="ValueError: a negative number of windows"):
            await pool.run(analyses.fails, "", "")
    finally:
        await pool.stop()


@in_loop
async def test_a_job_that_takes_too_long_is_ended_and_the_next_is_served(tmp_path: Path) -> None:
    pool = AnalysisPool(JobLimits(seconds=1))
    try:
        with pytest.raises(JobExceeded, match="more than the 1 s that it may"):
            await pool.run(analyses.never_ends, "", "")
        with pytest.raises(JobFault, match="a negative number of windows"):
            await pool.run(analyses.fails, "", "")
    finally:
        await pool.stop()


@in_loop
async def test_a_process_that_dies_before_it_is_told_its_job_is_a_fault_and_the_next_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nexit 1\n")
    dying.chmod(0o755)
    pool = AnalysisPool()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(spawn, "_python_exe", os.fsencode(tmp_path / "none"))
            with pytest.raises(WorkerDied):
                await pool.run(analyses.fails, "", "")
            patch.setattr(spawn, "_python_exe", os.fsencode(dying))
            with pytest.raises(WorkerDied):
                await pool.run(analyses.fails, "", "")
        with pytest.raises(JobFault, match="a negative number of windows"):
            await pool.run(analyses.fails, "", "")
    finally:
        await pool.stop()


@in_loop
async def test_a_job_that_nobody_waits_for_any_more_spoils_no_other(tmp_path: Path) -> None:
    pool = AnalysisPool(JobLimits(seconds=10))
    asked = asyncio.create_task(pool.run(analyses.begins_and_never_ends, str(tmp_path / "job"), ""))
    try:
        await until((tmp_path / "job.begun").exists)
        # As when a client leaves while a report is made.
        asked.cancel()
        with pytest.raises(JobFault, match="ValueError: a negative number of windows"):
            await pool.run(analyses.fails, "", "")
        with pytest.raises(asyncio.CancelledError):
            await asked
    finally:
        await pool.stop()


@in_loop
async def test_a_process_that_dies_is_told_from_one_that_took_too_long() -> None:
    pool = AnalysisPool()
    with pytest.raises(WorkerDied, match="the analysis process died"):
        await pool.run(analyses.dies, "", "")
    await pool.stop()


@in_loop
async def test_signals_to_all_of_a_group_are_the_collectors_to_answer() -> None:
    pool = AnalysisPool()
    try:
        assert (await pool.run(analyses.outlives_signals, "", "")).fault == "outlived all"
    finally:
        await pool.stop()


@in_loop
async def test_a_store_that_is_away_for_a_moment_fails_no_analysis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "_AGAIN_SECONDS", (0.0, 0.0))
    pool = AnalysisPool()
    try:
        path = str(tmp_path / "job")
        assert (await pool.run(analyses.finds_the_store_after, path, "")).fault == "found"
        monkeypatch.setattr(process_pool, "_AGAIN_SECONDS", (0.0,))
        with pytest.raises(StoreAway, match="server closed the connection"):
            await pool.run(analyses.finds_the_store_after, str(tmp_path / "other"), "")
    finally:
        await pool.stop()


def test_every_job_has_the_limits() -> None:
    made_by_the_decorator = job(lambda: None).__code__
    jobs = {
        name
        for name, function in inspect.getmembers(worker, inspect.isfunction)
        if function.__code__ is made_by_the_decorator
    }
    others = {
        name
        for name, function in inspect.getmembers(worker, inspect.isfunction)
        if function.__module__ == worker.__name__ and not name.startswith("_")
    } - jobs
    # A context manager is wrapped too.
    jobs.discard("group_signals_held")

    assert jobs == {
        "analyse",
        "decide",
        "render",
        "judge",
        "rerun_verdicts",
        "build_logs",
        "export",
    }
    assert others == {"prepare", "group_signals_held"}


@in_loop
async def test_a_run_that_breaks_its_analysis_is_not_analysed_for_everybody_who_asks(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
        metrics = SelfMetrics("0")
        analyst = Analyst(store, metrics, analyse=analyses.counts_and_fills_memory)
        analyst.ended(run_id)
        await analyst.idle()
        for _ in range(3):
            with pytest.raises(ReportFault, match="MiB of memory"):
                await analyst.report(run_id, JSON)
        await analyst.stop()

        run = await store.read(lambda c: queries.summary(c, run_id))
        assert analyses.tried(tmp_path / FILE_NAME) == 1
        assert run.state == RunState.RUN_STATE_DONE
        assert "analysis failed: it needs more than" in run.reason


@in_loop
async def test_a_run_that_goes_on_and_breaks_its_analysis_is_tried_once(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        running = list(small(blocks=2).records())[:-1]
        run_id = await record(store, small().experiment(), running, end=False)
        analyst = Analyst(store, SelfMetrics("0"), analyse=analyses.counts_and_fills_memory)
        for _ in range(3):
            with pytest.raises(ReportFault, match="MiB of memory"):
                await analyst.report(run_id, JSON)
        await analyst.stop()

        assert analyses.tried(tmp_path / FILE_NAME) == 1


class Failing(AnalysisPool):
    """Each job ends with the next of these, the last of them again and again."""

    def __init__(self, *faults: Exception) -> None:
        super().__init__()
        self.faults = list(faults)
        self.jobs: list[str] = []
        self.before: Callable[[], Awaitable[object]] = partial(asyncio.sleep, 0)

    async def run(self, job: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.jobs.append(job.__name__)
        await self.before()
        raise self.faults.pop(0) if len(self.faults) > 1 else self.faults[0]


async def nobody(_hosts: object) -> None:
    """Nobody is told of reruns."""


@in_loop
async def test_a_run_that_breaks_its_judgement_is_left_out_of_the_history_for_good(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
        analyst = Analyst(store, SelfMetrics("0"))
        analyst.ended(run_id)
        await analyst.idle()
        await analyst.stop()
        assert await store.read(store_shifts.unjudged) == [run_id]
        pool = Failing(JobExceeded("it takes more than the 1 s that it may"))
        for _ in range(2):
            regressions = Regressions(store, pool, nobody)
            await regressions.start()
            await regressions.idle()
            await regressions.stop()

        assert pool.jobs == ["judge"]
        assert "left out of the history: it takes more than the 1 s" in caplog.text


@in_loop
async def test_a_store_that_is_away_for_long_fails_no_analysis_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process_pool, "_AGAIN_SECONDS", ())
    monkeypatch.setattr(stores, "_FIRST_PAUSE_SECONDS", 0.0)
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
        analyst = Analyst(store, SelfMetrics("0"), analyse=analyses.finds_the_store_after)
        stored: list[str] = []
        analyst.on_stored(stored.append)
        analyst.ended(run_id)
        await until(lambda: bool(stored))
        await analyst.stop()

        assert (await stored_fault(store, run_id)) == "found"
        assert caplog.text.count(f"run {run_id} is not analysed yet") == 2


@in_loop
async def test_a_store_that_is_damaged_fails_no_analysis_and_is_not_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
    spoil(tmp_path / FILE_NAME, "batches")
    async with Store(tmp_path) as store:
        analyst = Analyst(store, SelfMetrics("0"), analyse=analyses.reads_records)
        with pytest.raises(StoreDamaged, match="malformed"):
            await analyst.pool.run(analyses.reads_records, store.where, run_id)
        with pytest.raises(StoreDamaged, match="not UTF-8") as told:
            await analyst.pool.run(analyses.reads_bad_text, store.where, run_id)
        # As of a page that only the job reads.
        analyst.ended(run_id)
        await analyst.idle()
        await analyst.stop()

        assert await store.read(store_results.missing) == [run_id]
        assert "malformed" in store.problem
    assert "secret" not in f"{told.value} {caplog.text}"


@pytest.mark.postgresql
def test_a_job_that_was_frozen_amid_its_reading_finds_the_store_away(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql_connection._IDLE, "reader", "1s")

    with pytest.raises(StoreAway, match="idle-in-transaction timeout"):
        analyses.freezes(postgres.new_database(), "r")


@in_loop
async def test_who_asks_while_the_store_is_away_is_told_so_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "_AGAIN_SECONDS", ())
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
        analyst = Analyst(store, SelfMetrics("0"), analyse=analyses.finds_the_store_after)
        with pytest.raises(StoreFault, match="server closed the connection"):
            await analyst.report(run_id, JSON)
        await analyst.stop()

        assert await store.read(store_results.missing) == [run_id]


@in_loop
async def test_a_run_is_judged_once_the_store_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stores, "_FIRST_PAUSE_SECONDS", 0.0)
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
        analyst = Analyst(store, SelfMetrics("0"))
        analyst.ended(run_id)
        await analyst.idle()
        await analyst.stop()
        pool = Failing(StoreAway("no server"), StoreAway("no server"), JobFault("it breaks"))
        regressions = Regressions(store, pool, nobody)
        await regressions.start()
        await regressions.idle()
        await regressions.stop()

    assert pool.jobs == ["judge"] * 3
    assert caplog.text.count(f"run {run_id} is not judged yet") == 2
    assert "left out of the history: it breaks" in caplog.text


@in_loop
async def test_a_run_that_is_forgotten_while_it_is_judged_holds_up_no_other_and_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store(tmp_path) as store:
        run_id = await judgeable(store)
        pool = Failing(JobFault("there is no such run"))
        pool.before = lambda: store.write(lambda c: forgetting.forget(c, [run_id]))
        regressions = Regressions(store, pool, nobody)
        await regressions.start()
        await regressions.idle()
        await regressions.stop()

    assert not [record for record in caplog.records if record.exc_info]


@in_loop
async def test_nothing_is_judged_before_the_page_is_whole_and_waiting_for_it_can_be_stopped(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path) as store:
        await judgeable(store)
        whole, pool = asyncio.Event(), Failing(JobFault("it breaks"))
        stopped = Regressions(store, pool, nobody, after=whole)
        await stopped.start()
        await stopped.stop()
        regressions = Regressions(store, pool, nobody, after=whole)
        await regressions.start()
        assert pool.jobs == []

        whole.set()
        await regressions.idle()
        await regressions.stop()

    assert pool.jobs == ["judge"]


async def judgeable(store: Store) -> str:
    run_id = await record(store, small().experiment(), map(as_sent, small(blocks=2).records()))
    analyst = Analyst(store, SelfMetrics("0"))
    analyst.ended(run_id)
    await analyst.idle()
    await analyst.stop()
    return run_id


async def stored_fault(store: Store, run_id: str) -> str:
    found = await store.read(lambda c: store_results.get(c, run_id))
    assert found is not None
    return found.fault
