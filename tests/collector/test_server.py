"""The collector as a whole: what it listens on, whom it lets in, what it shows."""

import asyncio
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import update

from headstart.collector.config import CollectorConfig, IdentitySettings, TlsFiles
from headstart.collector.server import Collector, StartFault
from headstart.collector.store.migrations import KNOWN_VERSION
from headstart.collector.store.sqlite import version_of, writer_engine
from headstart.collector.store.tables import version
from headstart.v1.experiments_pb2 import ListHostsRequest, SubmitRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import AttendRequest, FetchContextRequest, Hello
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.features import FEATURE_NAMES
from support.attending import (
    EXPERIMENT,
    OPEN_PORT,
    attend,
    channel_to,
    collecting,
    hello,
    in_loop,
    submit,
)
from support.certificates import Authority, Certificate, roles_file, self_signed
from support.collector_process import collector_process
from support.contexts import archive_of, requests
from support.exposed import exposed
from support.older_stores import without_a_queue

# The version of a store as `without_a_queue` leaves it.
_BEFORE_QUEUES = 6


def fetch(port: int, path: str = "/metrics") -> str:
    """What the metrics port answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


@asynccontextmanager
async def secure_channel(port: int, trusted: Path, own: Certificate | None = None) -> Any:
    """A TLS connection, with a certificate of one's own or none."""
    credentials = grpc.ssl_channel_credentials(
        trusted.read_bytes(),
        own.key.read_bytes() if own else None,
        own.certificate.read_bytes() if own else None,
    )
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials, options) as channel:
        yield channel


async def greeting(channel: grpc.aio.Channel, said: Hello) -> tuple[grpc.StatusCode | None, str]:
    """How a hello is answered: None and nothing, or the status."""
    stream = FleetServiceStub(channel).Attend()
    try:
        await stream.write(AttendRequest(hello=said))
        await stream.read()
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    stream.cancel()
    return None, ""


@in_loop
async def test_it_says_that_it_serves(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, channel_to(collector.port) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "headstart.v1.FleetService", "headstart.v1.ExperimentsService"):
            answer = await stub.Check(  # type: ignore[attr-defined]  # its stubs
                health_pb2.HealthCheckRequest(service=service)
            )
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


@in_loop
async def test_a_second_collector_on_the_folder_is_refused(tmp_path: Path) -> None:
    async with collecting(tmp_path):
        with pytest.raises(StartFault, match=r"in use by another collector \(process \d+\)"):
            await Collector.start(CollectorConfig(data=tmp_path, **OPEN_PORT))


@in_loop
async def test_a_second_collector_in_another_process_is_refused(tmp_path: Path) -> None:
    with collector_process(CollectorConfig(data=tmp_path)) as process:
        with pytest.raises(StartFault, match=f"process {process.process.pid}"):
            await Collector.start(CollectorConfig(data=tmp_path, **OPEN_PORT))
        process.kill()
        async with collecting(tmp_path):
            pass


@in_loop
async def test_a_port_is_not_shared(tmp_path: Path) -> None:
    async with collecting(tmp_path / "one") as collector:
        address = f"127.0.0.1:{collector.port}"
        config = CollectorConfig(data=tmp_path / "two", listen=address, plaintext=True)
        with pytest.raises(StartFault, match="is another collector there"):
            await Collector.start(config)
        # What had been started is free again.
        async with collecting(tmp_path / "two"):
            pass


@in_loop
async def test_a_metrics_port_in_use_is_a_clear_fault(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = CollectorConfig(data=tmp_path, metrics_listen=address, **OPEN_PORT)
        with pytest.raises(StartFault, match=f"{address} cannot be listened on"):
            await Collector.start(config)


@pytest.mark.parametrize("where", ["listen", "metrics_listen", "socket", "enroll_listen"])
@in_loop
async def test_a_collector_that_cannot_listen_leaves_an_older_store_to_the_release_before(
    tmp_path: Path, where: str
) -> None:
    older = tmp_path / "older" / "headstart.sqlite"
    async with collecting(older.parent):
        pass
    engine = writer_engine(older)
    with engine.begin() as connection:
        without_a_queue(connection)
        connection.execute(update(version).values(version=_BEFORE_QUEUES))
    engine.dispose()
    async with collecting(tmp_path / "other", listen=f"unix:{tmp_path / 'other' / 's'}"):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            config = {
                "listen": CollectorConfig(older.parent, address, plaintext=True),
                "metrics_listen": CollectorConfig(older.parent, metrics_listen=address),
                "socket": CollectorConfig(older.parent, f"unix:{tmp_path / 'other' / 's'}"),
                "enroll_listen": CollectorConfig(
                    older.parent, "127.0.0.1:0", identity=IdentitySettings(enroll_listen=address)
                ),
            }[where]
            with pytest.raises(StartFault, match="is another collector there"):
                await Collector.start(config)
    found = version_of(older)
    async with collecting(older.parent):
        pass

    assert found == _BEFORE_QUEUES
    assert version_of(older) == KNOWN_VERSION


@in_loop
async def test_a_folder_that_cannot_be_made_is_a_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartFault, match="cannot hold the store"):
        await Collector.start(CollectorConfig(data=tmp_path / "file" / "data"))


@in_loop
async def test_stopping_twice_does_no_harm(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        await collector.stop()
        await collector.stop()


@in_loop
async def test_metrics_show_agents_and_what_they_sent(tmp_path: Path) -> None:
    async with collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector:
        assert collector.metrics_port is not None
        async with attend(collector.port):
            await submit(collector.port)
            text = await asyncio.to_thread(fetch, collector.metrics_port)

        assert exposed(text, "headstart_collector_streams") == 1
        assert exposed(text, "headstart_collector_runs", state="leased") == 1
        assert await asyncio.to_thread(fetch, collector.metrics_port, "/healthz") == "ok\n"


@in_loop
async def test_hosts_reach_the_metrics(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port, host="bench-1"),
    ):
        pass
    # The first exposition of the next collector has the stored host.
    async with collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector:
        assert collector.metrics_port is not None
        while 'host="bench-1"' not in await asyncio.to_thread(fetch, collector.metrics_port):
            await asyncio.sleep(0.02)


@in_loop
async def test_tls_shows_the_certificate_and_refuses_plaintext(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, bench = authority.issue("localhost"), authority.issue("h1")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    async with collecting(tmp_path / "data", tls=tls, plaintext=False) as collector:
        async with secure_channel(collector.port, authority.certificate, bench) as channel:
            assert await greeting(channel, hello()) == (None, "")
        async with channel_to(collector.port) as plain:
            code, _ = await greeting(plain, hello())
            assert code == grpc.StatusCode.UNAVAILABLE


@in_loop
async def test_an_agents_certificate_must_name_its_host(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, bench = authority.issue("localhost"), authority.issue("bench-1")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    async with collecting(tmp_path / "data", tls=tls) as collector:
        async with secure_channel(collector.port, authority.certificate, bench) as channel:
            assert await greeting(channel, hello("bench-1")) == (None, "")
            code, words = await greeting(channel, hello("bench-2", "s2"))
        assert code == grpc.StatusCode.PERMISSION_DENIED
        assert words == "the agent calls itself 'bench-2', its certificate is for bench-1"


@in_loop
async def test_a_context_goes_to_the_host_of_its_run_by_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    names = ("localhost", "bench-1", "bench-2", "alice")
    own, one, other, alice = (authority.issue(name) for name in names)
    roles = roles_file(tmp_path, operator=["alice"])
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    archive, data = archive_of(tmp_path / "context", {"Dockerfile": ""})
    said = hello("bench-1")
    said.features.extend(FEATURE_NAMES)
    build = "{build: {context: src}}"
    text = EXPERIMENT.replace("{command: [./server, --jit], compilation: jit}", build)
    async with (
        collecting(tmp_path / "data", tls=tls, roles=roles) as collector,
        secure_channel(collector.port, authority.certificate, one) as channel,
        secure_channel(collector.port, authority.certificate, other) as foreign,
        secure_channel(collector.port, authority.certificate, alice) as operator,
    ):
        stub = ExperimentsServiceStub(operator)
        stream = FleetServiceStub(channel).Attend()
        await stream.write(AttendRequest(hello=said))
        await stream.read()
        await stub.SendContext(requests(archive, data))
        request = SubmitRequest(source_text=text, base_directory="/", contexts={"jit": archive})
        await stub.Submit(request)
        lease = (await stream.read()).lease
        asked = FetchContextRequest(attempt=lease.attempt, sha256=archive.sha256)
        pieces = [each.piece async for each in FleetServiceStub(channel).FetchContext(asked)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await FleetServiceStub(foreign).FetchContext(asked).read()
        stream.cancel()

    assert b"".join(pieces) == data
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


@in_loop
async def test_without_a_certificate_of_the_authority_nobody_gets_in(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    own = authority.issue("localhost")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    async with collecting(tmp_path / "data", tls=tls) as collector:
        for certificate in (None, stranger.issue("bench-1")):
            async with secure_channel(
                collector.port, authority.certificate, certificate
            ) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())
                assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


@in_loop
async def test_a_new_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    first, second = self_signed(tmp_path, "localhost"), self_signed(tmp_path / "2", "localhost")
    tls = TlsFiles(first.certificate, first.key, first.certificate)

    def shown(port: int) -> str:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=10).strip()

    async with collecting(tmp_path / "data", tls=tls) as collector:
        assert (
            await asyncio.to_thread(shown, collector.port) == first.certificate.read_text().strip()
        )
        wanted = second.certificate.read_text()
        first.key.write_bytes(second.key.read_bytes())
        first.certificate.write_text(wanted)
        assert await asyncio.to_thread(shown, collector.port) == wanted.strip()


@in_loop
async def test_a_broken_certificate_is_a_clear_fault(tmp_path: Path) -> None:
    own = self_signed(tmp_path)
    missing = TlsFiles(tmp_path / "missing.crt", own.key, own.certificate)
    with pytest.raises(StartFault, match=r"missing\.crt: No such file"):
        await Collector.start(
            CollectorConfig(data=tmp_path / "data", listen="127.0.0.1:0", tls=missing)
        )
    own.key.chmod(0o644)
    exposed = TlsFiles(own.certificate, own.key, own.certificate)
    with pytest.raises(StartFault, match=r"others can read this private key \(mode 0644\)"):
        await Collector.start(
            CollectorConfig(data=tmp_path / "data", listen="127.0.0.1:0", tls=exposed)
        )
    own.key.chmod(0o600)
    own.key.write_text("not a key")
    broken = TlsFiles(own.certificate, own.key, own.certificate)
    with pytest.raises(StartFault, match="is not a PEM file"):
        await Collector.start(
            CollectorConfig(data=tmp_path / "data", listen="127.0.0.1:0", tls=broken)
        )
