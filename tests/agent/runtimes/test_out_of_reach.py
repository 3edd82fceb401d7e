"""What a container in the default network reaches of its host: nothing that listens."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import pytest

from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.collector.config import CollectorConfig
from headstart.v1.experiment_pb2 import Network, Plan, Variant
from support.collector_process import collector_process
from support.images import build_app, image_of
from support.instances import end_of, spec_for
from support.policies import everything_allowed

pytestmark = [pytest.mark.docker, pytest.mark.compiler]

# Where clouds answer who the machine is, with its credentials.
_METADATA = "tcp=169.254.169.254-80"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test:reach-{os.getpid()}") as name:
        yield name


@contextmanager
def sentinels() -> Iterator[list[str]]:
    """One of each kind, which anything in the host's network reaches."""
    with ExitStack() as ending:
        name = f"\0headstart-{os.getpid()}"
        everywhere = ending.enter_context(socket.create_server(("0.0.0.0", 0)))  # as many do
        loopback = ending.enter_context(socket.create_server(("127.0.0.1", 0)))
        six = ending.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        datagrams = ending.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", 0))
        abstract = ending.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(name)
        abstract.listen()
        yield [
            f"tcp=127.0.0.1-{everywhere.getsockname()[1]}",
            f"tcp=127.0.0.1-{loopback.getsockname()[1]}",
            f"tcp=::1-{six.getsockname()[1]}",
            f"udp=127.0.0.1-{datagrams.getsockname()[1]}",
            f"unix={name.encode().hex()}",
        ]


def listening() -> list[str]:
    """Every socket of this host that listens, at every address at which it does."""
    targets = []
    for found in psutil.net_connections(kind="inet"):
        kind = "tcp" if found.type == socket.SOCK_STREAM else "udp"
        if found.laddr and (kind == "udp" or found.status == psutil.CONN_LISTEN):
            # An IPv6 socket that serves IPv4 alone says it like this.
            addresses = _addresses(found.laddr.ip.removeprefix("::ffff:"))
            targets += [f"{kind}={address}-{found.laddr.port}" for address in addresses]
    for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]:
        _, _, _, _, _, _, _, *path = line.split(maxsplit=7)
        if path:
            name = path[0].replace("@", "\0", 1) if path[0].startswith("@") else path[0]
            targets.append(f"unix={name.encode()[:107].hex()}")
    return sorted(set(targets))


def _addresses(stated: str) -> list[str]:
    if stated not in ("0.0.0.0", "::"):  # what others listen at
        return [stated]
    families = (socket.AF_INET,) if stated == "0.0.0.0" else (socket.AF_INET, socket.AF_INET6)
    return [
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in families
    ]


def reached(state: Path, image: str, targets: list[str], network: Network.ValueType) -> list[str]:
    """Those of the targets that a container reaches."""
    with closing(DockerRuntime.connect(state, everything_allowed())) as runtime:
        variant = Variant(name="app", image=image, entrypoint=["app", *targets, "out=over"])
        instance = runtime.create(spec_for(runtime.resolve(variant, "/"), network=network))
        try:
            instance.open_gate()
            ended = end_of(instance)
            output = instance.output_tail()
        finally:
            instance.stop()
    assert ended.status == 0
    assert output.endswith("over\n")
    return [line.removeprefix("reached ") for line in output.splitlines()[:-1]]


def test_no_socket_of_the_host_answers_a_container(tmp_path: Path, image: str) -> None:
    """The engine's, the agent's and the collector's are among them: all that listen are."""
    with (
        sentinels() as planted,
        collector_process(CollectorConfig(data=tmp_path / "collector")) as collector,
    ):
        targets = listening()
        own = reached(tmp_path / "own", image, [*targets, _METADATA], Plan().network)
        seen = reached(tmp_path / "host", image, planted, Network.NETWORK_HOST)

    assert own == []
    # That the program would have seen them, and that the list has them.
    assert sorted(seen) == sorted(planted)
    assert {*planted, f"tcp=127.0.0.1-{collector.port}"} <= set(targets)
    assert any(b"docker.sock".hex() in target for target in targets)


def test_a_container_has_no_way_out_of_its_network(tmp_path: Path, image: str) -> None:
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as runtime:
        variant = Variant(name="app", image=image, entrypoint=["app", "wait"])
        instance = runtime.create(spec_for(runtime.resolve(variant, "/")))
        net = Path(f"/proc/{instance.pid}/net")
        interfaces = (net / "dev").read_text().splitlines()[2:]
        routes = (net / "route").read_text().splitlines()[1:]
        instance.stop()

    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    assert routes == []
