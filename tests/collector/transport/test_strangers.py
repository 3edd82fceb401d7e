"""Strangers on the gRPC port: those who say nothing, finish nothing, or show nothing.

Over real sockets; an agent that attends gets in all the same.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from headstart.collector.config import CollectorConfig, Limits, Timing, TlsFiles
from headstart.collector.server import Collector
from headstart.collector.transport.listening import server_options
from headstart.v1.experiments_pb2 import ListHostsRequest, WatchRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import AttendRequest, AttendResponse
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from support.attending import attend, collecting, experiments, hello, in_loop, submit
from support.certificates import Authority, Certificate, roles_file

# Few enough to be held by a test.
FEW = Limits(agents=1)
MOST = 255
# For so long a connection without a handshake is held.
HELD_SECONDS = 5.0
# What a client of HTTP/2 says first, and settings that change nothing (RFC 9113, 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@contextmanager
def strangers(port: int, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections that say `first` and nothing more."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                made.append(
                    stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
                )
                made[-1].sendall(first)
        yield made


async def attends_within(port: int, seconds: float) -> None:
    """An agent tries again and again, as agents do."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                async with attend(port):
                    return
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await asyncio.sleep(0.2)


@in_loop
async def test_an_agent_gets_in_past_strangers_who_say_nothing(tmp_path: Path) -> None:
    async with collecting(tmp_path, limits=FEW) as collector:
        with strangers(collector.port, MOST + 20):
            await attends_within(collector.port, 20)


@in_loop
async def test_an_agent_gets_in_past_strangers_who_ask_for_nothing(tmp_path: Path) -> None:
    timing = Timing(idle_seconds=1.0)
    async with collecting(tmp_path, limits=FEW, timing=timing) as collector:
        with strangers(collector.port, MOST + 20, PREFACE):
            await attends_within(collector.port, 20)


@in_loop
async def test_an_agent_gets_in_while_strangers_come_again_and_again(tmp_path: Path) -> None:
    async with collecting(tmp_path, limits=FEW) as collector:
        with ExitStack() as stack:

            async def come_again() -> None:
                while True:
                    stack.enter_context(strangers(collector.port, MOST + 20))
                    await asyncio.sleep(1.25 * HELD_SECONDS)

            task = asyncio.create_task(come_again())
            try:
                await attends_within(collector.port, 60)
            finally:
                task.cancel()


@in_loop
async def test_a_connection_with_a_call_is_not_idle(tmp_path: Path) -> None:
    timing = Timing(idle_seconds=0.5)
    async with (
        collecting(tmp_path, timing=timing) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port)
        watch = stub.Watch(WatchRequest(run_id=run_id))
        await watch.read()
        await agent.until("lease")
        # Four times as long as an idle connection lives.
        await asyncio.sleep(2.0)

        assert not watch.done()
        (host,) = (await stub.ListHosts(ListHostsRequest())).hosts
        assert host.connected


def test_connections_leave_descriptors_for_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (256, 256))
    options = dict(server_options(CollectorConfig(data=Path())))

    assert options["grpc.max_allowed_incoming_connections"] == 128


class Secured:
    """A collector with certificates, and what its metrics say."""

    def __init__(self, collector: Collector, authority: Authority) -> None:
        self.collector = collector
        self.authority = authority

    def metric(self, name: str) -> float | None:
        return self.collector._own.registry.get_sample_value(f"headstart_collector_{name}")

    async def ask(self, own: Certificate) -> None:
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate.read_bytes(),
            own.key.read_bytes(),
            own.certificate.read_bytes(),
        )
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = f"localhost:{self.collector.port}"
        async with grpc.aio.secure_channel(address, credentials, options) as channel:
            stub = ExperimentsServiceStub(channel)
            for _ in range(2):
                await stub.ListHosts(ListHostsRequest(), timeout=10)


@asynccontextmanager
async def secured(folder: Path) -> Any:
    authority = Authority(folder / "ours")
    own = authority.issue("localhost")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    async with collecting(
        folder / "data",
        listen="localhost:0",
        tls=tls,
        roles=roles_file(folder, reader=["bench-1"]),
        plaintext=False,
    ) as collector:
        yield Secured(collector, authority)


@in_loop
async def test_handshakes_that_led_to_nothing_show_in_the_metrics(tmp_path: Path) -> None:
    async with secured(tmp_path) as door:
        await door.ask(door.authority.issue("bench-1"))
        assert (door.metric("tls_handshakes_total"), door.metric("tls_callers_total")) == (1, 1)

        foreign = Authority(tmp_path / "theirs").issue("bench-1")
        with pytest.raises(grpc.aio.AioRpcError):
            await door.ask(foreign)
        assert door.metric("tls_handshakes_total") >= 2
        assert door.metric("tls_callers_total") == 1


@in_loop
async def test_when_its_certificate_ends_and_one_that_cannot_be_used_show_in_the_metrics(
    tmp_path: Path,
) -> None:
    async with secured(tmp_path) as door:
        assert door.metric("certificate_end_time_seconds") > time.time() + 86400
        (tmp_path / "ours" / "localhost.crt").write_text("-----BEGIN nothing\n")
        await door.ask(door.authority.issue("bench-1"))
        assert door.metric("certificate_failures_total") >= 1


@in_loop
async def test_one_beside_the_socket_needs_no_certificate_for_its_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    own = authority.issue("localhost")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    socket_address = f"unix:{tmp_path / 'c.sock'}"
    async with (
        collecting(
            tmp_path / "data", listen=(socket_address, "localhost:0"), tls=tls, plaintext=False
        ),
        grpc.aio.insecure_channel(socket_address) as channel,
    ):
        stream = FleetServiceStub(channel).Attend()
        await stream.write(AttendRequest(hello=hello("h1")))
        answer = await stream.read()
        assert isinstance(answer, AttendResponse)
        assert answer.WhichOneof("message") == "welcome"
        (host,) = (await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())).hosts
        assert (host.host.host, host.connected) == ("h1", True)
        stream.cancel()
