"""A host that is renamed while its agent is away delivers what it recorded before."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from headstart.agent.agent import Agent, AgentConfig
from headstart.collector.config import Timing
from headstart.collector.server import Collector
from headstart.collector.store.tables import batches
from headstart.v1.experiments_pb2 import (
    RenameHostRequest,
    ReportFormat,
    ReportRequest,
    RunState,
)
from support.attending import collecting, experiments, in_loop, run_of, submit, watched
from support.policies import everything_allowed
from support.proxies import Proxy, proxy
from support.running import app, experiment, free_port
from support.waiting import until

pytestmark = pytest.mark.alone

QUEUED = RunState.RUN_STATE_QUEUED
DONE = RunState.RUN_STATE_DONE
BLOCKS = 2
TIMING = Timing(heartbeat_seconds=0.2, lease_seconds=1.0, tick_seconds=0.05)


@asynccontextmanager
async def living(target: str, folder: Path, host: str) -> AsyncIterator[Agent]:
    """An agent that attends; stopped at the end."""
    connected = asyncio.Event()
    agent = Agent(
        AgentConfig(target=target, state=folder / "agent", host=host, policy=everything_allowed()),
        on_connected=lambda is_: connected.set() if is_ else None,
    )
    life = asyncio.create_task(agent.run())
    try:
        await connected.wait()
        yield agent
    finally:
        agent.stop()
        await life


@asynccontextmanager
async def reached(folder: Path) -> AsyncIterator[tuple[Collector, Proxy]]:
    """A collector, and a way to it that can be cut."""
    listen = ("127.0.0.1:0", f"unix:{folder / 'c'}")
    async with collecting(folder / "store", listen=listen, timing=TIMING) as collector:
        with proxy(str(folder / "c")) as way:
            yield collector, way


async def renamed_while_away(collector: Collector, way: Proxy, run_id: str, agent: Agent) -> None:
    """Cut the agent off within its run, wait for the end of the lease, and rename the host."""
    await until(lambda: agent.spool.last > 0 and bool(agent.runs.running()))
    await asyncio.to_thread(way.cut)
    await watched(collector.port, run_id, QUEUED)
    async with experiments(collector.port) as stub:
        await stub.RenameHost(RenameHostRequest(host="h1", new_name="perf1"))


async def report_of(collector: Collector, run_id: str) -> dict[str, Any]:
    await collector._analyst.idle()
    request = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_JSON)
    async with experiments(collector.port) as stub:
        content = b"".join([piece.chunk async for piece in stub.Report(request)])
    found: dict[str, Any] = json.loads(content)
    return found


async def stored_sequences(collector: Collector, run_id: str) -> list[int]:
    query = select(batches.c.sequence).where(batches.c.run_id == run_id)
    found = await collector._store.read(
        lambda c: c.execute(query.order_by(batches.c.sequence)).scalars().all()
    )
    return list(found)


def slow() -> str:
    port = free_port()
    plan = {"blocks": BLOCKS, "idle": "1s"}
    return yaml.safe_dump(experiment(port, {"a": app(port), "b": app(port)}, plan=plan))


@in_loop
async def test_a_run_that_ended_meanwhile_is_whole_under_the_new_name(tmp_path: Path) -> None:
    async with reached(tmp_path) as (collector, way):
        async with living(way.address.removeprefix("tcp://"), tmp_path, "h1") as agent:
            (run_id,) = await submit(collector.port, slow())
            await renamed_while_away(collector, way, run_id, agent)
            await until(lambda: not agent.runs.running())
            recorded = agent.spool.last
        before = await run_of(collector.port, run_id)
        async with living(f"127.0.0.1:{collector.port}", tmp_path, "perf1") as agent:
            done = await watched(collector.port, run_id, DONE)
            await until(lambda: agent.spool.state()[1] == 0)
        report = await report_of(collector, run_id)
        stored = await stored_sequences(collector, run_id)

    assert (before.host, before.state, before.attempt) == ("perf1", QUEUED, 1)
    assert (done.host, done.attempt) == ("perf1", 1)
    assert stored == list(range(1, recorded + 1))
    assert report["host"]["name"] == "perf1"
    assert [variant["trials"] for variant in report["variants"]] == [BLOCKS] * 2
    assert not list((tmp_path / "agent").glob("spool-*.sqlite"))


@in_loop
async def test_a_run_that_its_agent_gave_back_meanwhile_is_made_again_under_the_new_name(
    tmp_path: Path,
) -> None:
    async with reached(tmp_path) as (collector, way):
        async with living(way.address.removeprefix("tcp://"), tmp_path, "h1") as agent:
            (run_id,) = await submit(collector.port, slow())
            await renamed_while_away(collector, way, run_id, agent)
        async with living(f"127.0.0.1:{collector.port}", tmp_path, "perf1"):
            done = await watched(collector.port, run_id, DONE)
        report = await report_of(collector, run_id)

    assert (done.host, done.attempt) == ("perf1", 2)
    assert [variant["trials"] for variant in report["variants"]] == [BLOCKS] * 2
