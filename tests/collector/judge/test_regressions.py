"""Figures over revisions, from runs that agents deliver to alerts, reruns and the history."""

import asyncio
import json
import urllib.request
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from headstart.collector.server import Collector
from headstart.collector.store import (
    leasing,
    records as store_records,
    shifts as store_shifts,
)
from headstart.collector.store.migrations import UPGRADES, prepare
from headstart.collector.store.points import series_of
from headstart.collector.store.tables import hosts, judged, points, runs, shifts
from headstart.v1.experiments_pb2 import (
    AcceptShiftRequest,
    Confirmation,
    HistoryRequest,
    HistoryResponse,
    ReportFormat,
    ReportRequest,
    RunState,
    ShiftState,
)
from headstart.v1.fleet_pb2 import Lease
from headstart.v1.records_pb2 import Record
from headstart.words import metrics
from support.attending import (
    Attending,
    as_sent,
    attend,
    collecting,
    envelope,
    experiments,
    in_loop,
    submit,
    watched,
)
from support.fake_runs import AOT, JIT, small
from support.older_stores import without_a_queue
from support.running import headstart
from support.stores import on_a_file

pytestmark = [pytest.mark.usefixtures("forked_workers"), pytest.mark.usefixtures("each_store")]

DONE = RunState.RUN_STATE_DONE
PLAYERS = """
experiment: players
baseline: jit
variants:
  jit: {image: "players:jit", compilation: jit}
  aot: {image: "players:aot", compilation: aot}
service: {port: 9000, ready: GET /health}
plan: {blocks: 12}
"""
BEFORE = 9
AFTER = 5


class Delivering:
    """An agent that plays runs of made-up figures, one after another on one stream."""

    def __init__(self, collector: Collector, agent: Attending) -> None:
        self.collector = collector
        self.agent = agent
        self.sequence = 0

    async def revision(self, number: int, startup: float = 1.0, image: int = 1) -> str:
        """A run of one revision, whose AOT variant starts slower by a factor; its id."""
        (run_id,) = await submit(self.collector.port, PLAYERS, revision=f"rev{number}")
        aot = replace(AOT, startup_ms=AOT.startup_ms * startup)
        fake = small(kinds=(JIT, aot), blocks=5, seed=number, noise=0.005)
        await self.play(run_id, _built(fake.records(), image))
        return run_id

    async def play(self, run_id: str, records: Iterable[Record]) -> None:
        for record in records:
            self.sequence += 1
            await self.agent.send(envelope(self.sequence, run_id, record=as_sent(record)))
        await self.agent.acked(self.sequence)
        await watched(self.collector.port, run_id, DONE)
        await settled(self.collector)

    async def report(self, run_id: str) -> str:
        async with experiments(self.collector.port) as stub:
            request = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_MARKDOWN)
            return b"".join([piece.chunk async for piece in stub.Report(request)]).decode()

    async def history(self, **asked: Any) -> HistoryResponse:
        async with experiments(self.collector.port) as stub:
            found: HistoryResponse = await stub.History(HistoryRequest(**asked))
            return found


def _built(records: Iterable[Record], image: int) -> Iterable[Record]:
    for record in records:
        for variant in record.run_started.variants:
            variant.digest = f"sha256:{image:064x}"
        yield record


async def settled(collector: Collector) -> None:
    """Everything delivered so far is analysed and judged."""
    await collector._analyst.idle()
    await collector._regressions.idle()


async def shown(collector: Collector) -> dict[str, float]:
    """The exposed shifts: "metric change confirmation" -> ratio."""

    def scrape() -> str:
        url = f"http://127.0.0.1:{collector.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())

    text = await asyncio.to_thread(scrape)
    found = [s for family in text_string_to_metric_families(text) for s in family.samples]
    ratios = {
        s.labels["shift"]: s.value
        for s in found
        if s.name == "headstart_shift_ratio" and s.labels["stat"] == "center"
    }
    return {
        " ".join(s.labels[name] for name in ("metric", "change", "confirmation")): ratios[
            s.labels["shift"]
        ]
        for s in found
        if s.name == "headstart_shift_info"
    }


@in_loop
async def test_a_slower_revision_is_told_once_confirmed_by_a_rerun_and_taken_back(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port) as agent,
    ):
        fleet = Delivering(collector, agent)
        first = await fleet.revision(0)
        for number in range(1, BEFORE):
            await fleet.revision(number)
        assert await shown(collector) == {}
        slow = [await fleet.revision(BEFORE + n, startup=1.25, image=2) for n in range(AFTER)]

        found = await fleet.history(
            experiment="players", variant="aot", metric=metrics.STARTUP.name
        )
        (shift,) = found.shifts
        (series,) = found.series
        assert [p.revision for p in series.points] == [f"rev{n}" for n in range(14)]
        assert (shift.since_run_id, shift.since_revision) == (slow[0], f"rev{BEFORE}")
        assert shift.ratio == pytest.approx(1.25, rel=0.05)
        assert 1.1 < shift.ratio_low < shift.ratio < shift.ratio_high < 1.4
        assert (shift.before_run_id, shift.before_revision) == (
            series.points[BEFORE - 1].run_id,
            f"rev{BEFORE - 1}",
        )
        assert shift.host == "h1"
        assert shift.worse
        assert shift.state == ShiftState.SHIFT_STATE_OPEN
        assert shift.confirmation == Confirmation.CONFIRMATION_NONE
        assert (await shown(collector))["startup_seconds worse none"] == shift.ratio

        before, after = [await fleet.report(run_id) for run_id in (first, slow[-1])]
        assert "Regression over revisions" not in before
        assert "Regression over revisions: startup of aot is 1.2" in after
        assert f"since revision rev{BEFORE}" in after

        # The collector asks for old against new by itself.
        lease = await _rerun(agent)
        assert lease.attempt.run_id == shift.rerun_run_id
        images = [v.image for v in lease.experiment.variants]
        assert images == [f"sha256:{1:064x}", f"sha256:{2:064x}"]
        kinds = (replace(AOT, name="before"), replace(AOT, name="after", startup_ms=36.7))
        await fleet.play(shift.rerun_run_id, small(kinds=kinds, blocks=12, seed=5).records())

        found = await fleet.history(
            experiment="players", variant="aot", metric=metrics.STARTUP.name
        )
        assert found.shifts[0].confirmation == Confirmation.CONFIRMATION_RERUN
        assert f"rerun {shift.rerun_run_id}: startup 1.2" in found.shifts[0].note
        assert "startup_seconds worse rerun" in await shown(collector)

        for n in range(6):
            await fleet.revision(30 + n, image=3)
        found = await fleet.history(
            experiment="players", variant="aot", metric=metrics.STARTUP.name
        )
        (shift,) = found.shifts
        assert shift.state == ShiftState.SHIFT_STATE_RECOVERED
        assert await shown(collector) == {}


async def _rerun(agent: Attending) -> Lease:
    while True:
        lease: Lease = await agent.until("lease")
        if lease.experiment.name == "players.rerun":
            return lease


@in_loop
async def test_a_rerun_without_a_difference_refutes_the_shift(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port) as agent,
    ):
        fleet = Delivering(collector, agent)
        for number in range(BEFORE + AFTER):
            late = number >= BEFORE
            await fleet.revision(number, startup=1.25 if late else 1.0, image=1 + late)
        lease = await _rerun(agent)
        kinds = (replace(AOT, name="before"), replace(AOT, name="after"))
        rerun = small(kinds=kinds, blocks=12, seed=5, noise=0.001)
        await fleet.play(lease.attempt.run_id, rerun.records())
        (shift,) = (await fleet.history(experiment="players", metric=metrics.STARTUP.name)).shifts

        assert shift.state == ShiftState.SHIFT_STATE_REFUTED
        assert "equivalent" in shift.note
        assert "startup_seconds worse none" not in await shown(collector)


@in_loop
async def test_the_same_image_before_and_after_is_not_run_again(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        fleet = Delivering(collector, agent)
        for number in range(BEFORE + AFTER):
            await fleet.revision(number, startup=1.25 if number >= BEFORE else 1.0)
        (shift,) = (await fleet.history(experiment="players", metric=metrics.STARTUP.name)).shifts

        assert shift.rerun_run_id == ""
        assert "the host has changed" in shift.note


@in_loop
async def test_an_accepted_shift_alarms_no_more_and_stays_known(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0", confirm_regressions=False) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        fleet = Delivering(collector, agent)
        for number in range(BEFORE + AFTER):
            late = number >= BEFORE
            await fleet.revision(number, startup=1.25 if late else 1.0, image=1 + late)
        asked = {"experiment": "players", "metric": metrics.STARTUP.name}
        (shift,) = (await fleet.history(**asked)).shifts
        assert shift.rerun_run_id == ""
        await stub.AcceptShift(AcceptShiftRequest(shift_id=shift.shift_id, reason="wanted"))
        assert "startup_seconds worse none" not in await shown(collector)
        await fleet.revision(20, startup=1.25, image=2)

        (shift,) = (await fleet.history(**asked)).shifts
        assert (shift.state, shift.note) == (ShiftState.SHIFT_STATE_ACCEPTED, "wanted")
        for shift_id, code in (
            (shift.shift_id, grpc.StatusCode.FAILED_PRECONDITION),
            (99, grpc.StatusCode.NOT_FOUND),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.AcceptShift(AcceptShiftRequest(shift_id=shift_id))
            assert refused.value.code() == code


@in_loop
async def test_a_history_needs_an_experiment_and_may_be_empty(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        assert await stub.History(HistoryRequest(experiment="unknown")) == HistoryResponse()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.History(HistoryRequest())
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@in_loop
async def test_what_nobody_judged_is_judged_at_the_next_start(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        fleet = Delivering(collector, agent)
        run_id = await fleet.revision(1)
        await collector._store.write(lambda c: c.execute(judged.delete()))
        assert await collector._store.read(store_shifts.unjudged) == [run_id]
    async with collecting(tmp_path) as collector:
        await settled(collector)

        assert await collector._store.read(store_shifts.unjudged) == []


@on_a_file
@in_loop
async def test_results_of_an_older_store_become_history_and_never_alarm(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        run_id = await Delivering(collector, agent).revision(1)
        before = await collector._store.read(lambda c: series_of(c, "players", "", "", "", 9))

        def as_version_1(connection: Any) -> None:
            without_a_queue(connection)
            for table in (shifts, judged, points):
                table.drop(connection)
            for table in (runs, hosts):
                connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP COLUMN stored_bytes")
            for column in ("streams DROP mark", "runs DROP returns", "runs DROP stream_id"):
                connection.exec_driver_sql(f"ALTER TABLE {column}")
            connection.exec_driver_sql("UPDATE version SET version = 1")
            assert prepare(connection) == len(UPGRADES) + 1
            assert store_records.open_stream(connection, "s1", "h1") is not None
            leasing.leases(connection)

        await collector._store.write(as_version_1)
        after = await collector._store.read(lambda c: series_of(c, "players", "", "", "", 9))

        assert after == before
        assert {p.run_id for s in after for p in s.points} == {run_id}
        assert await collector._store.read(store_shifts.unjudged) == []


@in_loop
async def test_a_person_reads_the_history_and_accepts_a_shift(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path, confirm_regressions=False) as collector,
        attend(collector.port) as agent,
    ):
        to = ("--plaintext", "--collector", f"127.0.0.1:{collector.port}")
        unknown = await asyncio.to_thread(headstart, "history", "players", *to)
        fleet = Delivering(collector, agent)
        for number in range(BEFORE + AFTER):
            await fleet.revision(number, startup=1.25 if number >= BEFORE else 1.0)
        asked = ("history", "players", "--variant", "aot", *to)
        shown = await asyncio.to_thread(headstart, *asked, "--metric", metrics.STARTUP.name)
        accepted = await asyncio.to_thread(headstart, "accept", "1", "--reason", "wanted", *to)
        again = await asyncio.to_thread(headstart, "accept", "1", *to)
        after = await asyncio.to_thread(headstart, *asked, "--json")

    assert unknown.status == 2
    assert "no figures of 'players'" in unknown.errors
    assert shown.output.count(" 5 trials ") == BEFORE + AFTER
    assert f"rev{BEFORE} " in next(line for line in shown.output.splitlines() if "begins" in line)
    assert "aot startup_seconds is 1.2" in shown.output
    assert "since revision rev9" in shown.output
    assert (accepted.status, accepted.output) == (0, "shift 1 is accepted\n")
    assert again.status == 2
    assert "it was accepted" in again.errors
    states = {s["shift_id"]: (s["state"], s["note"]) for s in json.loads(after.output)["shifts"]}
    assert states[1] == ("accepted", "wanted")
