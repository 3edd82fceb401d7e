"""A collector whose store is a PostgreSQL database, as agents and people see it."""

import json
from pathlib import Path

import pytest

from headstart.collector.server import Collector
from headstart.v1.experiments_pb2 import ReportFormat, ReportRequest, RunState
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
from support.fake_runs import small
from support.postgres_server import PostgresServer

pytestmark = pytest.mark.postgresql


async def report(collector: Collector, run_id: str) -> bytes:
    """A run's report as JSON."""
    request = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_JSON)
    async with experiments(collector.port) as stub:
        return b"".join([piece.chunk async for piece in stub.Report(request)])


@in_loop
async def test_a_run_is_leased_stored_and_judged_and_a_restart_shows_the_same(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    async with collecting(tmp_path, store=url) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        lease = await agent.until("lease")
        for sequence, record in enumerate(small(blocks=12).records(), 1):
            await agent.send(envelope(sequence, run_id, record=as_sent(record)))
        await agent.acked(sequence)
        await watched(collector.port, run_id, RunState.RUN_STATE_DONE)
        before = await report(collector, run_id)
    async with collecting(tmp_path, store=url) as collector:
        after = await report(collector, run_id)

    assert lease.attempt.run_id == run_id
    assert json.loads(before)["comparisons"]
    assert before == after
    assert not (tmp_path / "headstart.sqlite").exists()
