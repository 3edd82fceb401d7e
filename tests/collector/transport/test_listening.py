"""Who can connect: sockets that only their owner opens, ports only where they were asked for."""

import asyncio
import importlib
import socket
import stat
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.stream import CHANNEL_OPTIONS
from headstart.collector.config import CollectorConfig, IdentitySettings, TlsFiles
from headstart.collector.server import Collector, StartFault
from headstart.collector.transport.listening import server_options
from headstart.v1.experiments_pb2 import ListHostsRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.foreign.addresses import channel_options
from support.attending import OPEN_PORT, collecting, in_loop
from support.certificates import Authority, roles_file
from support.collector_process import collector_process


async def hosts(address: str) -> int:
    """How many hosts the collector at an address knows."""
    options = [("grpc.use_local_subchannel_pool", 1), *channel_options(address)]
    async with grpc.aio.insecure_channel(address, options) as channel:
        answer = await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest(), timeout=10)
    return len(answer.hosts)


def listening_ports() -> set[int]:
    """TCP ports on which this process listens."""
    own = {link.readlink().name for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


@in_loop
async def test_by_default_it_is_a_socket_of_its_own_user_and_no_port(tmp_path: Path) -> None:
    before = listening_ports()
    async with collecting(tmp_path / "data", listen=(), plaintext=False) as collector:
        (address,) = collector.addresses
        path = tmp_path / "data" / "collector.sock"

        assert address == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert await hosts(address) == 0
        assert listening_ports() == before
    assert not path.exists()


@in_loop
async def test_a_socket_and_a_port_with_certificates_are_served_together(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("localhost")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    path = f"unix:{tmp_path / 'c.sock'}"
    async with collecting(
        tmp_path / "data",
        listen=(path, "localhost:0"),
        tls=tls,
        roles=roles_file(tmp_path, reader=["localhost"]),
        plaintext=False,
    ) as collector:
        assert await hosts(collector.addresses[0]) == 0
        credentials = grpc.ssl_channel_credentials(
            authority.certificate.read_bytes(), own.key.read_bytes(), own.certificate.read_bytes()
        )
        async with grpc.aio.secure_channel(collector.addresses[1], credentials) as channel:
            answer = await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest(), timeout=10)
        assert list(answer.hosts) == []


@in_loop
async def test_a_socket_that_lives_is_not_taken_over(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'c.sock'}"
    async with collecting(tmp_path / "one", listen=address):
        with pytest.raises(StartFault, match=r"is another collector there\? .* --listen unix:PATH"):
            await Collector.start(CollectorConfig(data=tmp_path / "two", listen=address))
        assert await hosts(address) == 0
    async with collecting(tmp_path / "two", listen=address):
        assert await hosts(address) == 0


@in_loop
async def test_a_place_where_no_socket_can_be_is_told_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o700)
    place = f"unix:{tmp_path / 'file' / 'c.sock'}"
    with pytest.raises(
        StartFault, match=r"cannot be listened on: .*; choose .* --listen unix:PATH"
    ):
        await Collector.start(CollectorConfig(data=tmp_path / "data", listen=place))


@in_loop
async def test_a_socket_of_another_program_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        with pytest.raises(StartFault, match="is another collector there"):
            await Collector.start(CollectorConfig(data=tmp_path / "data", listen=f"unix:{path}"))
    (tmp_path / "file").write_text("precious")
    with pytest.raises(StartFault, match="is not a socket"):
        await Collector.start(
            CollectorConfig(data=tmp_path / "data", listen=f"unix:{tmp_path / 'file'}")
        )
    assert (tmp_path / "file").read_text() == "precious"


@in_loop
async def test_a_socket_that_a_killed_collector_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "data" / "collector.sock"
    with collector_process(CollectorConfig(data=tmp_path / "data")) as process:
        # The process listens on a port; a socket that nobody serves is the same to a start.
        process.kill()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with collecting(tmp_path / "data", listen=()) as collector:
        assert await hosts(collector.addresses[0]) == 0


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777, 0o701])
@in_loop
async def test_a_folder_that_others_enter_holds_no_socket(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StartFault, match=f"has mode {mode:04o}: .*chmod 0700"):
        await Collector.start(
            CollectorConfig(data=tmp_path / "data", listen=f"unix:{folder / 'c.sock'}")
        )
    assert list(folder.iterdir()) == []


@in_loop
async def test_a_group_that_may_enter_the_folder_may_connect(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    folder.mkdir()
    folder.chmod(0o750)
    async with collecting(tmp_path / "data", listen=f"unix:{folder / 'c.sock'}"):
        assert stat.S_IMODE((folder / "c.sock").stat().st_mode) == 0o660


@in_loop
async def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / ('x' * 100)}"
    with pytest.raises(StartFault, match=r"too long for the path of a socket: .* at most 107"):
        await Collector.start(CollectorConfig(data=tmp_path / "data", listen=address))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:0", "localhost:0", pytest.param("[::1]:0", marks=pytest.mark.ipv6), "0.0.0.0:0"],
)
@in_loop
async def test_a_port_without_certificates_must_be_asked_for(tmp_path: Path, address: str) -> None:
    async with collecting(tmp_path, listen=address, plaintext=False) as collector:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hosts(f"localhost:{collector.port}")

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("identity/*")}
    assert modes == dict.fromkeys(("authority.key", "authority.pem", "server.pem"), 0o600)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:7070", "collector:7070"])
@in_loop
async def test_a_port_that_others_reach_needs_certificates(tmp_path: Path, address: str) -> None:
    with pytest.raises(StartFault, match="leave --plaintext-anyone-can-submit out"):
        await Collector.start(CollectorConfig(data=tmp_path, listen=address, plaintext=True))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"listen": ()}, "gives certificates that open no port: add --listen"),
        ({"plaintext": True}, "without --plaintext-anyone-can-submit"),
        ({"enroll": "7071"}, "--enroll-listen 7071: expected host:port"),
        ({"advertise": ("a b",)}, "--advertise a b: expected HOST or HOST:PORT"),
        ({"advertise": ("c:port",)}, "--advertise c:port: expected HOST or HOST:PORT"),
    ],
)
@in_loop
async def test_an_enrolment_that_cannot_be_is_told(
    tmp_path: Path, settings: dict[str, Any], fault: str
) -> None:
    identity = IdentitySettings(
        settings.pop("advertise", ()), settings.pop("enroll", "127.0.0.1:0")
    )
    config: dict[str, Any] = {"listen": "127.0.0.1:0", "identity": identity} | settings
    with pytest.raises(StartFault, match=fault):
        await Collector.start(CollectorConfig(data=tmp_path, **config))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["unix-abstract:headstart", "7070", "host:", "host:http"])
@in_loop
async def test_what_is_no_address_is_told(tmp_path: Path, address: str) -> None:
    with pytest.raises(StartFault, match="expected host:port, or unix:PATH"):
        await Collector.start(CollectorConfig(data=tmp_path, listen=address, plaintext=True))


@in_loop
async def test_metrics_for_other_machines_need_certificates_or_a_word(tmp_path: Path) -> None:
    config = CollectorConfig(data=tmp_path / "data", metrics_listen="0.0.0.0:0", **OPEN_PORT)
    with pytest.raises(StartFault, match=r"--metrics-tls.*--metrics-anyone-can-read"):
        await Collector.start(config)
    async with collecting(tmp_path / "data", metrics_listen="0.0.0.0:0", metrics_open=True) as c:
        assert c.metrics_port


@in_loop
async def test_two_that_start_at_once_do_not_both_get_the_socket(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'c.sock'}"
    configs = [CollectorConfig(data=tmp_path / name, listen=address) for name in ("one", "two")]
    started = await asyncio.gather(*map(Collector.start, configs), return_exceptions=True)
    collectors = [one for one in started if isinstance(one, Collector)]

    assert len(collectors) == 1
    assert await hosts(address) == 0
    await collectors[0].stop()


def test_each_option_has_a_name_that_grpc_knows(tmp_path: Path) -> None:
    """It says nothing of one that it does not know."""
    core = importlib.import_module("grpc._cython.cygrpc").__file__
    assert core is not None
    known = Path(core).read_bytes()
    both = Addresses(["a:1", "b:1"])
    options = [
        *server_options(CollectorConfig(tmp_path)),
        *both.keepalive_options,
        *both.bulk_options,
        *CHANNEL_OPTIONS,
    ]

    unknown = {name for name, _ in options if name.encode() + b"\0" not in known}

    assert unknown == set()


def test_pings_of_agents_are_allowed_as_often_as_they_come(tmp_path: Path) -> None:
    allowed = dict(server_options(CollectorConfig(tmp_path)))
    sent = dict(Addresses(["a:1", "b:1"]).keepalive_options)

    assert allowed["grpc.http2.min_ping_interval_without_data_ms"] < sent["grpc.keepalive_time_ms"]


def test_who_is_slow_is_given_a_minute_for_the_answer_to_a_ping(tmp_path: Path) -> None:
    """It waits behind what is sent. Of a frozen agent its silence tells."""
    taken = dict(server_options(CollectorConfig(tmp_path)))
    asked = dict(Addresses(["a:1", "b:1"]).bulk_options)

    assert taken["grpc.http2.ping_timeout_ms"] == taken["grpc.keepalive_timeout_ms"] == 60_000
    assert asked["grpc.http2.ping_timeout_ms"] == asked["grpc.keepalive_timeout_ms"] == 60_000
    assert CollectorConfig(tmp_path).timing.silence_seconds == 15.0
