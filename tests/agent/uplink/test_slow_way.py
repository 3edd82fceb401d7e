"""A backlog over a way that is slow: slowness is not taken for silence."""

import asyncio
import secrets
from pathlib import Path

import grpc
import grpc.aio
import pytest

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.held_runs import HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.agent.uplink.wire import envelope_of
from headstart.collector.config import CollectorConfig
from headstart.collector.transport.listening import server_options
from headstart.v1.fleet_pb2 import Ack, AttendResponse
from headstart.v1.fleet_pb2_grpc import add_FleetServiceServicer_to_server
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.v1.records_pb2 import Event
from support.scripted_collector import Collector, Peer, Script
from support.slow_way import SlowWay

_RECORDS = 200
# Once they are packed.
_RECORD_BYTES = 16_000
_BYTES_PER_SECOND = 300_000


@pytest.mark.alone
def test_a_backlog_of_megabytes_comes_over_a_slow_way_by_one_stream(tmp_path: Path) -> None:
    """All that a window holds would be 10 s on its way, and a ping's answer has 3 s."""
    spool = Spool(tmp_path)
    for _ in range(_RECORDS):
        spool.append(envelope_of(Event(text=secrets.token_hex(_RECORD_BYTES)), "run", 1))
    came: list[int] = []

    async def takes(peer: Peer) -> None:
        await peer.welcome(acked=came[-1] if came else 0)
        async for request in peer.requests:
            came.extend(envelope.sequence for envelope in request.batch.envelopes)
            if request.HasField("batch"):
                await peer.send(AttendResponse(ack=Ack(sequence=came[-1])))

    connections = asyncio.run(_attended(spool, takes, tmp_path))

    assert came == list(range(1, _RECORDS + 1))
    assert connections == 1


async def _attended(spool: Spool, takes: Script, folder: Path) -> int:
    """Until all came; how many connections it took."""
    # Of each stream that breaks off there is another.
    collector = Collector(*[takes] * 20)  # type: ignore[abstract]  # no agent asks for the rest
    server = grpc.aio.server(options=server_options(CollectorConfig(folder / "store")))
    add_FleetServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with SlowWay(f"127.0.0.1:{port}", _BYTES_PER_SECOND) as way:
        attendance = Attendance(
            # With several the least time is given.
            addresses=Addresses([way.target, way.target.replace("127.0.0.1", "localhost")]),
            tls=None,
            host=lambda: HostFacts(host="h"),
            policy=Policy,
            spool=spool,
            runs=HeldRuns(lambda _held: None),
        )
        task = asyncio.create_task(attendance.run())
        try:
            async with asyncio.timeout(40):
                while spool.acked < _RECORDS:
                    await asyncio.sleep(0.1)
        finally:
            attendance.stopping.set()
            await asyncio.gather(task, return_exceptions=True)
            await server.stop(0)
            spool.close()
    return way.connections
