"""A name is listened on at all of its addresses, or there is a clear fault."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from headstart.collector.config import CollectorConfig, IdentitySettings
from headstart.collector.faults import StartFault
from headstart.collector.server import Collector
from headstart.collector.transport.places import one_port, places_of
from support.attending import OPEN_PORT, collecting, in_loop
from support.http_serving import Fixed, serving


@pytest.fixture(autouse=True)
def _both_loopbacks() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


@contextmanager
def somebody(host: str) -> Iterator[int]:
    """Another program that listens at one address; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        yield listener.getsockname()[1]


def answers(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def config_of(data: Path, where: str, address: str) -> CollectorConfig:
    """A collector that is to listen at the address."""
    if where == "metrics":
        return CollectorConfig(data, metrics_listen=address, **OPEN_PORT)
    if where == "enrolment":
        return CollectorConfig(data, "127.0.0.1:0", identity=IdentitySettings((), address))
    return CollectorConfig(data, address, plaintext=where == "plaintext")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("where", ["plaintext", "certificates", "enrolment", "metrics"])
@in_loop
async def test_a_name_of_which_one_address_is_taken_is_not_listened_on(
    tmp_path: Path, where: str, host: str
) -> None:
    other = "::1" if host == "127.0.0.1" else "127.0.0.1"
    with somebody(host) as port:
        shown = rf"\[{host}\]" if ":" in host else host
        expected = rf"localhost:{port} .*: {shown}:{port} is taken, is another collector there\?"
        with pytest.raises(StartFault, match=expected):
            await Collector.start(config_of(tmp_path, where, f"localhost:{port}"))

        assert not answers(other, port)


@in_loop
async def test_a_free_port_of_a_name_answers_at_each_of_its_addresses(tmp_path: Path) -> None:
    async with collecting(tmp_path, listen="localhost:0", metrics_listen="localhost:0") as started:
        assert started.metrics_port is not None
        for port in (started.port, started.metrics_port):
            assert answers("127.0.0.1", port)
            assert answers("::1", port)
    assert not answers("::1", started.port)


@pytest.mark.parametrize("taken_at", ["127.0.0.1", "::1"])
def test_an_offered_port_that_one_address_lacks_is_passed_over(taken_at: str) -> None:
    places = places_of("localhost:0")
    with somebody(taken_at) as taken, one_port("localhost:0", places, (taken, 0)) as port:
        assert port not in (0, taken)
        for each in places:
            with closing(socket.socket(each.family)) as bound:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind(each.at(port).place)


def test_where_no_port_is_free_at_all_addresses_that_is_told() -> None:
    places = places_of("localhost:0")
    with (
        somebody("::1") as taken,
        pytest.raises(StartFault, match="no port is free at all its addresses"),
        one_port("localhost:0", places, (taken, taken)),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("name.invalid:7070", "name.invalid:7070 cannot be listened on: .+"),
        ("192.0.2.77:7070", "it is no address of this machine"),
        ("localhost:seventy", "expected host:port"),
        ("localhost:70000", "expected host:port"),
    ],
)
def test_what_cannot_be_listened_on_is_told(address: str, why: str) -> None:
    with pytest.raises(StartFault, match=why):
        places_of(address)


def test_the_http_server_has_no_half_of_a_name_either() -> None:
    with (
        somebody("::1") as port,
        pytest.raises(StartFault, match=rf"\[::1\]:{port} is taken"),
        serving(Fixed(), address=f"localhost:{port}"),
    ):
        pass
