"""A real gRPC server that plays the collector by a script, and an agent that attends to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.held_runs import HeldRun, HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.fleet_pb2 import AttendRequest, AttendResponse, Hello, Welcome
from headstart.v1.fleet_pb2_grpc import FleetServiceServicer, add_FleetServiceServicer_to_server
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.v1.records_pb2 import Event

Script = Callable[["Peer"], Awaitable[None]]


@dataclass
class Peer:
    """One attended stream, as a script sees it."""

    requests: AsyncIterator[AttendRequest]
    context: "grpc.aio.ServicerContext[AttendRequest, AttendResponse]"
    hello: Hello = field(default_factory=Hello)

    async def welcome(
        self, acked: int = 0, window: int = 256, takes_recorded: bool | None = None
    ) -> None:
        self.hello = (await anext(self.requests)).hello
        welcome = Welcome(
            acked_sequence=acked,
            heartbeat_seconds=0.05,
            ack_window=window,
            takes_recorded=takes_recorded,
        )
        await self.send(AttendResponse(welcome=welcome))

    async def send(self, response: AttendResponse) -> None:
        await self.context.write(response)

    async def sequences(self, count: int) -> list[int]:
        """The next `count` sequences of records that arrive."""
        found: list[int] = []
        while len(found) < count:
            request = await anext(self.requests)
            found += [envelope.sequence for envelope in request.batch.envelopes]
        return found

    async def expect(self, kind: str) -> AttendRequest:
        """The next request of a kind."""
        async for request in self.requests:
            if request.WhichOneof("message") == kind:
                return request
        raise AssertionError(f"the stream ended without {kind}")


class Collector(FleetServiceServicer):
    """Plays one script for each stream in turn; the last one's end is awaited with `done`."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.failures: list[BaseException] = []
        self.done = asyncio.Event()

    async def Attend(  # type: ignore[override]  # the generated base is for sync and async servers
        self,
        requests: AsyncIterator[AttendRequest],
        context: "grpc.aio.ServicerContext[AttendRequest, AttendResponse]",
    ) -> None:
        if not self.scripts:
            return
        script = self.scripts.pop(0)
        try:
            await script(Peer(requests, context))
        except Exception as failure:
            if not isinstance(failure, grpc.aio.AbortError):
                self.failures.append(failure)
            raise
        finally:
            if not self.scripts:
                self.done.set()


async def attend(
    spool: Spool,
    *scripts: Script,
    execute: Callable[[HeldRun], None] = lambda _held: None,
    stops_itself: bool = False,
    only_run: str | None = None,
    policy: Callable[[], Policy] = Policy,
) -> None:
    """Run an agent's attendance against the scripts until the last one is through."""
    collector = Collector(*scripts)  # type: ignore[abstract]  # no agent asks for the rest
    server = grpc.aio.server()
    add_FleetServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    runs = HeldRuns(execute)
    attendance = Attendance(
        addresses=Addresses([f"127.0.0.1:{port}"]),
        tls=None,
        host=lambda: HostFacts(host="h"),
        policy=policy,
        spool=spool,
        runs=runs,
    )
    if only_run is not None:
        attendance.only_run = asyncio.get_running_loop().create_future()
        attendance.only_run.set_result(only_run)
    task = asyncio.create_task(attendance.run())
    try:
        async with asyncio.timeout(20):
            await (task if stops_itself else collector.done.wait())
    finally:
        attendance.stopping.set()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop(0)
        spool.close()
    assert collector.failures == []


def spool_with(folder: Path, records: int) -> Spool:
    spool = Spool(folder)
    for number in range(records):
        spool.append(envelope_of(Event(name="note", text=str(number)), "run", 1))
    return spool
