"""A run is DONE when everything that its terminal record counts is stored."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.collector.store import points as store_points
from headstart.v1.experiments_pb2 import ReportFormat, ReportRequest, RunState
from headstart.v1.records_pb2 import Envelope, Record, RecordKind, RunStatus, TrialOutcome
from support.attending import (
    LONG_EXPERIMENT,
    as_sent,
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    in_loop,
    starting,
    submit,
    watched,
)
from support.exposed import exposed
from support.fake_runs import small

pytestmark = pytest.mark.usefixtures("each_store")

DONE = RunState.RUN_STATE_DONE
FAILED = RunState.RUN_STATE_FAILED
INCOMPLETE = RunState.RUN_STATE_INCOMPLETE


def recorded(run_id: str, without: set[int]) -> Iterator[Envelope]:
    """A made-up run of two variants in five blocks, without the outcomes of some trials."""
    sequence = 0
    for record in small(blocks=5).records():
        if record.trial_outcome.trial not in without or not record.HasField("trial_outcome"):
            sequence += 1
            yield envelope(sequence, run_id, record=as_sent(record))


@in_loop
async def test_a_run_with_half_of_its_trials_is_incomplete_and_judges_nothing(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        for each in recorded(run_id, without={2, 5, 6, 7, 9}):
            await agent.send(each)
        run = await watched(collector.port, run_id, DONE, INCOMPLETE)
        asked = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_JSON)
        report = json.loads(b"".join([part.chunk async for part in stub.Report(asked)]))
        await collector._analyst.idle()
        history = await collector._store.read(
            lambda c: store_points.series_of(c, "players", "", "", "", 9)
        )
        page = collector._exposition.scrape().decode()

        assert run.state == INCOMPLETE
        assert run.reason == (
            "the agent counted 10 trials, the outcomes of 5 are stored (missing: 2, 5, 6, 7, 9)"
        )
        assert report["state"] == "incomplete"
        assert {found["verdict"] for found in report["comparisons"]} == {"unavailable"}
        assert report["recommendations"] == []
        assert "The run is incomplete: the agent counted 10 trials" in report["remarks"][0]
        assert history == []
        assert run_id not in page
        assert exposed(page, "headstart_collector_runs_ended_total", state="incomplete") == 1


@in_loop
async def test_a_run_of_which_everything_is_stored_is_done(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        for each in recorded(run_id, without=set()):
            await agent.send(each)

        assert (await watched(collector.port, run_id, DONE, INCOMPLETE)).state == DONE


def outcome(sequence: int, run_id: str, trial: int) -> Envelope:
    record = Record(
        trial_outcome=TrialOutcome(trial=trial, block=1, position=1, variant="jit", digest="j")
    )
    return envelope(sequence, run_id, record=record)


@pytest.mark.parametrize(
    ("kinds", "trials", "words"),
    [
        ((), 0, "the record of its start is missing"),
        ((0, 1, 3), 2, "counted 2 trials, the outcomes of 2 are stored (missing: 2)"),
        ((0, 1, 2), 1, "counted 1 trials, the outcomes of 2 are stored"),
        ((0,), 12, "(missing: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more)"),
    ],
)
@in_loop
async def test_what_is_missing_is_named(
    tmp_path: Path, kinds: tuple[int, ...], trials: int, words: str
) -> None:
    """0: the record of the start; n: the outcome of trial n."""
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        for sequence, trial in enumerate(kinds, 1):
            made = outcome(sequence, run_id, trial) if trial else starting(sequence, run_id)
            assert made.kind != RecordKind.RECORD_KIND_RUN_OUTCOME
            await agent.send(made)
        await agent.send(ending(len(kinds) + 1, run_id, trials=trials))
        run = await watched(collector.port, run_id, DONE, INCOMPLETE)

        assert run.state == INCOMPLETE
        assert words in run.reason


@in_loop
async def test_a_run_that_failed_before_its_start_stays_failed(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        failed = RunStatus.RUN_STATUS_FAILED
        await agent.send(ending(1, run_id, status=failed, reason="no image", trials=3))

        assert (await watched(collector.port, run_id, FAILED, INCOMPLETE)).state == FAILED
