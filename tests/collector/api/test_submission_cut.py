"""Calls whose client goes away in the middle, and queued runs that nobody announced."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

from headstart.collector.config import Timing
from headstart.collector.server import Collector
from headstart.collector.store import submitting
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import CancelRequest, ListRequest, RunState, SubmitRequest
from support.attending import (
    EXPERIMENT,
    attend,
    collecting,
    experiments,
    in_loop,
    run_of,
    submit,
)
from support.waiting import until

pytestmark = pytest.mark.usefixtures("each_store")

# Nothing but the call itself makes offers: agents that are not told to beat stay silent.
STILL = Timing(heartbeat_seconds=600)


@asynccontextmanager
async def held_writer(collector: Collector) -> AsyncIterator[None]:
    """No write is committed inside; on leaving all that wait are."""
    release, held = threading.Event(), threading.Event()

    def hold(_connection: object) -> None:
        held.set()
        release.wait(30)

    holding = asyncio.create_task(collector._store.write(hold))
    await asyncio.to_thread(held.wait, 30)
    try:
        yield
    finally:
        release.set()
        await holding


async def waiting_writes(collector: Collector, count: int) -> None:
    await until(lambda: len(collector._store._writer._group.controls) >= count)


async def cut(call: "grpc.aio.UnaryUnaryCall[object, object]") -> None:
    """End a call as a client does that is interrupted."""
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def queued_unannounced(collector: Collector) -> str:
    """A run of h1 in the store, of which nothing else in the collector knows."""
    experiment = Experiment(name="players")
    (run_id,) = await collector._store.write(
        lambda c: submitting.submit(c, experiment, ["h1"], 5.0)
    )
    return run_id


@in_loop
async def test_a_submission_whose_client_was_interrupted_runs_on_every_host(
    tmp_path: Path,
) -> None:
    hosts = [f"h{number:02}" for number in range(15)]
    async with (
        collecting(tmp_path, timing=STILL) as collector,
        experiments(collector.port) as stub,
        AsyncExitStack() as attending,
    ):
        agents = [
            await attending.enter_async_context(attend(collector.port, host=host, stream_id=host))
            for host in hosts
        ]
        async with held_writer(collector):
            call = stub.Submit(SubmitRequest(source_text=EXPERIMENT, base_directory="/"))
            await waiting_writes(collector, 1)
            await cut(call)
        leases = await asyncio.gather(*(agent.until("lease") for agent in agents))
        runs = (await stub.List(ListRequest())).runs

        assert {lease.attempt.run_id for lease in leases} == {run.run_id for run in runs}
        assert len(runs) == len(hosts)


@in_loop
async def test_a_cancellation_whose_client_was_interrupted_reaches_the_agent(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path, timing=STILL) as collector,
        experiments(collector.port) as stub,
        attend(collector.port) as agent,
    ):
        (run_id,) = await submit(collector.port)
        await agent.until("lease")
        async with held_writer(collector):
            call = stub.Cancel(CancelRequest(run_id=run_id, reason="enough"))
            await waiting_writes(collector, 1)
            await cut(call)

        assert (await agent.until("cancel")).reason == "enough"


@in_loop
async def test_a_lease_whose_stream_ended_in_the_middle_is_given_back(tmp_path: Path) -> None:
    async with collecting(tmp_path, timing=STILL) as collector:
        async with attend(collector.port) as agent:
            run_id = await queued_unannounced(collector)
            collector._fleet.dispatch._waiting.add("h1")
            async with held_writer(collector):
                await agent.beat()
                await waiting_writes(collector, 1)
                agent.stream.cancel()
                # The end of the stream is written down behind the lease.
                await waiting_writes(collector, 2)
        while (run := await run_of(collector.port, run_id)).reason == "":
            await asyncio.sleep(0.01)

        assert (run.state, run.attempt) == (RunState.RUN_STATE_QUEUED, 1)
        assert run.reason == "attempt 1 was lost: its agent left"


@in_loop
async def test_a_queued_run_that_nobody_announced_is_offered(tmp_path: Path) -> None:
    timing = Timing(heartbeat_seconds=0.5, tick_seconds=0.05)
    async with collecting(tmp_path, timing=timing) as collector, attend(collector.port) as agent:
        run_id = await queued_unannounced(collector)

        assert (await agent.until("lease")).attempt.run_id == run_id
