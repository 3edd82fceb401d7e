"""What an operator orders of a host, as its agent and people see it."""

import asyncio
import urllib.request
from pathlib import Path

import grpc
import grpc.aio
import pytest

from headstart.v1.experiments_pb2 import (
    DrainHostRequest,
    HostState,
    ListHostsRequest,
    ResumeHostRequest,
    RunState,
)
from support.attending import (
    Attending,
    attend,
    collecting,
    ending,
    experiments,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)
from support.exposed import exposed

pytestmark = pytest.mark.usefixtures("each_store")

QUEUED = RunState.RUN_STATE_QUEUED
DONE = RunState.RUN_STATE_DONE


async def drain(port: int, host: str = "h1", reason: str = "new disk") -> HostState:
    async with experiments(port) as stub:
        state: HostState = (await stub.DrainHost(DrainHostRequest(host=host, reason=reason))).host
        return state


async def resume(port: int, host: str = "h1") -> HostState:
    async with experiments(port) as stub:
        state: HostState = (await stub.ResumeHost(ResumeHostRequest(host=host))).host
        return state


async def state_of(port: int, host: str = "h1") -> HostState:
    async with experiments(port) as stub:
        hosts = (await stub.ListHosts(ListHostsRequest())).hosts
        state: HostState = next(each for each in hosts if each.host.host == host)
        return state


async def leased(agent: Attending) -> str:
    return str((await agent.until("lease")).attempt.run_id)


@in_loop
async def test_a_drained_host_ends_its_run_and_gets_no_other_until_it_is_resumed(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        port = collector.port
        (going,), (waiting,) = await submit(port), await submit(port)
        assert await leased(agent) == going

        drained = await drain(port)
        told = await agent.until("drained")
        await agent.send(starting(1, going), ending(2, going))
        await watched(port, going, DONE)
        await agent.beat()
        still = await run_of(port, waiting)
        resumed = await resume(port)

        assert drained.drained_time_seconds > 0
        assert (drained.drain_reason, drained.running_run_id, drained.queued_runs) == (
            "new disk",
            going,
            1,
        )
        assert (told.drained, told.reason) == (True, "new disk")
        assert still.state == QUEUED
        assert (resumed.drained_time_seconds, resumed.drain_reason) == (0, "")
        assert not (await agent.until("drained")).drained
        assert await leased(agent) == waiting


@in_loop
async def test_a_drain_outlives_the_collector_and_the_agent(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            pass
        await submit(collector.port)
        since = (await drain(collector.port)).drained_time_seconds
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        told = await agent.until("drained")
        again = await drain(collector.port, reason="and a new fan")
        await agent.beat()
        state = await state_of(collector.port)

        assert (told.drained, told.reason) == (True, "new disk")
        assert again.drained_time_seconds == since
        assert state.drain_reason == "and a new fan"
        assert (state.running_run_id, state.queued_runs) == ("", 1)


@in_loop
async def test_metrics_say_why_a_host_is_given_no_run(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port),
    ):
        await drain(collector.port)
        address = f"http://127.0.0.1:{collector.metrics_port}/metrics"
        name, page = "headstart_host_takes_no_run", ""
        while exposed(page, name, host="h1", reason="drained") != 1:
            answer = await asyncio.to_thread(urllib.request.urlopen, address)
            page = answer.read().decode()
            answer.close()

        for reason in ("not_ready", "not_connected"):
            assert exposed(page, name, host="h1", reason=reason) == 0
        assert exposed(page, "headstart_host_ready", host="h1") == 1


@in_loop
async def test_a_host_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port, host="perf1"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await drain(collector.port, "perf2")

        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert caught.value.details() == "there is no host 'perf2': did you mean 'perf1'?"
