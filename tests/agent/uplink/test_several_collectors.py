"""An agent that knows several collectors finds the one that takes it, past those that do not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.held_runs import HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.v1.fleet_pb2_grpc import FleetServiceServicer, add_FleetServiceServicer_to_server
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.words.standing_by import STANDING_BY_KEY
from support.attending import collecting, in_loop
from support.running import free_port


class StandsBy(FleetServiceServicer):
    """A collector that says so to each agent."""

    def __init__(self) -> None:
        self.asked = 0

    async def Attend(  # type: ignore[override]  # the generated base is for both kinds of server
        self, _requests: object, context: Any
    ) -> None:
        self.asked += 1
        context.set_trailing_metadata(((STANDING_BY_KEY, "c:1"),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "this collector stands by")


@asynccontextmanager
async def standing_by() -> AsyncIterator[tuple[str, StandsBy]]:
    server = grpc.aio.server()
    service = StandsBy()  # type: ignore[abstract]  # no agent asks for the rest
    add_FleetServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}", service
    finally:
        await server.stop(0)


@asynccontextmanager
async def attending(folder: Path, *targets: str) -> AsyncIterator[tuple[Attendance, asyncio.Event]]:
    connected = asyncio.Event()
    attendance = Attendance(
        addresses=Addresses(targets),
        tls=None,
        host=lambda: HostFacts(host="bench-1"),
        policy=Policy,
        spool=Spool(folder),
        runs=HeldRuns(lambda _held: None),
        on_connected=lambda yes: connected.set() if yes else connected.clear(),
    )
    task = asyncio.create_task(attendance.run())
    try:
        yield attendance, connected
    finally:
        attendance.stopping.set()
        await asyncio.gather(task, return_exceptions=True)
        attendance.spool.close()


@in_loop
async def test_one_that_stands_by_is_passed_over(tmp_path: Path) -> None:
    async with standing_by() as (passive, service), collecting(tmp_path / "store") as active:
        where = f"127.0.0.1:{active.port}"
        async with attending(tmp_path / "agent", passive, where) as (attendance, connected):
            await connected.wait()

            assert attendance.addresses.current == where
            assert service.asked == 1


@in_loop
async def test_one_that_is_frozen_and_one_that_is_down_are_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        # The kernel takes the connection, nobody answers.
        silent = f"127.0.0.1:{frozen.getsockname()[1]}"
        async with collecting(tmp_path / "store") as active:
            where = f"127.0.0.1:{active.port}"
            down = f"127.0.0.1:{free_port()}"
            async with attending(tmp_path / "agent", silent, down, where) as (agent, connected):
                await connected.wait()

                assert agent.addresses.current == where


@in_loop
async def test_when_the_active_one_goes_the_agent_is_with_the_other(tmp_path: Path) -> None:
    async with collecting(tmp_path / "second") as second, collecting(tmp_path / "first") as first:
        here, other = (f"127.0.0.1:{each.port}" for each in (first, second))
        async with attending(tmp_path / "agent", here, other) as (agent, connected):
            await connected.wait()
            assert agent.addresses.current == here
            connected.clear()
            await first.stop()
            await connected.wait()

            assert agent.addresses.current == other
