"""Nobody holds the HTTP door shut: real sockets, real TLS, many that keep quiet."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from headstart.collector.config import TlsFiles
from headstart.collector.faults import StartFault
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.transport.http_server import HttpBounds, HttpServer
from headstart.collector.transport.tls import ConfigurationError
from support.certificates import Authority, Certificate, self_signed
from support.http_serving import FIXED_TEXT, Fixed, serving
from support.waiting import wait_until

# Long enough that only a test that fails waits for it.
PATIENCE = 20.0


class Certificates:
    """The server's, a client's, and the authority of both."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.server = self.authority.issue("localhost")
        self.client = self.authority.issue("prometheus")
        self.files = TlsFiles(self.server.certificate, self.server.key, self.authority.certificate)

    def context(self, client: Certificate | None = None) -> ssl.SSLContext:
        """A client's, with a certificate or none."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context


Start = Callable[..., HttpServer]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(
            serving(settings.pop("provider", Fixed()), **settings)
        )


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls")


def connect(server: HttpServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def scrape(
    server: HttpServer, context: ssl.SSLContext | None = None, path: str = "/metrics"
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    if context is not None:
        connection = http.client.HTTPSConnection(
            "localhost", server.port, timeout=PATIENCE, context=context
        )
    with closing(connection):
        connection.request("GET", "/metrics")
        return connection.getresponse().read()


def is_closed_by_server(connection: socket.socket) -> bool:
    """Waits for the server to say something or to hang up."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def count(metrics: SelfMetrics, reason: str) -> float | None:
    labels = {"door": "http", "reason": reason}
    return metrics.registry.get_sample_value(
        "headstart_collector_dropped_connections_total", labels
    )


@pytest.mark.parametrize("secured", [False, True])
def test_silent_clients_hold_up_no_scrape(
    start: Start, certificates: Certificates, secured: bool
) -> None:
    server = start(tls=certificates.files if secured else None)
    context = certificates.context(certificates.client) if secured else None

    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connect(server))
        began = time.monotonic()
        assert scrape(server, context) == FIXED_TEXT

    assert time.monotonic() - began < 5


def test_when_there_are_too_many_the_longest_silent_one_makes_room(start: Start) -> None:
    metrics = SelfMetrics("test")
    server = start(metrics=metrics, bounds=HttpBounds(connections=4, seconds=PATIENCE))

    with ExitStack() as stack:
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        stack.enter_context(closing(kept))
        kept.request("GET", "/healthz")
        assert kept.getresponse().read() == b"ok\n"
        silent = [stack.enter_context(connect(server)) for _ in range(10)]
        assert scrape(server) == FIXED_TEXT
        assert is_closed_by_server(silent[0])
        # Whoever asked for something is not displaced by those who never did.
        kept.request("GET", "/healthz")
        assert kept.getresponse().read() == b"ok\n"

    assert count(metrics, "crowded") == 8


@pytest.mark.parametrize("secured", [False, True])
def test_a_silent_client_is_hung_up_on(
    start: Start, certificates: Certificates, secured: bool
) -> None:
    metrics = SelfMetrics("test")
    server = start(
        metrics=metrics,
        bounds=HttpBounds(seconds=0.2),
        tls=certificates.files if secured else None,
    )

    with connect(server) as silent:
        assert is_closed_by_server(silent)

    wait_until(lambda: (count(metrics, "silent") or 0) + (count(metrics, "handshake") or 0) == 1)


def test_a_client_that_trickles_bytes_is_hung_up_on(start: Start) -> None:
    server = start(bounds=HttpBounds(seconds=0.3))

    with connect(server) as slow:
        slow.settimeout(0.01)
        give_up = time.monotonic() + PATIENCE
        closed = False
        while not closed and time.monotonic() < give_up:
            try:
                slow.send(b"G")
                closed = is_closed_by_server(slow)
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True

    assert closed


def test_a_client_that_reads_nothing_is_hung_up_on(start: Start) -> None:
    # More than the kernel's buffers of both sides hold.
    server = start(provider=Fixed(b"x" * (64 << 20)), bounds=HttpBounds(seconds=1.0))

    with connect(server) as stuck:
        stuck.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: _state(server, stuck) != "01", PATIENCE)


def _state(server: HttpServer, connection: socket.socket) -> str:
    """The kernel's state of the server's end; empty when it is gone."""
    port = connection.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if local.endswith(f":{server.port:04X}") and remote.endswith(f":{port:04X}"):
            return state
    return ""


def test_an_idle_connection_is_closed_and_counts_as_no_stranger(start: Start) -> None:
    metrics = SelfMetrics("test")
    server = start(metrics=metrics, bounds=HttpBounds(seconds=0.3))

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        assert is_closed_by_server(connection.sock)

    assert count(metrics, "silent") == 0


def test_an_endless_header_is_refused(start: Start) -> None:
    with connect(start()) as rude:
        # Hung up on before its end was read: the kernel may then reset the connection.
        with suppress(ConnectionError):
            rude.sendall(b"GET /metrics HTTP/1.0\r\nX: " + b"x" * (1 << 24))
        answer = b""
        with suppress(ConnectionError):
            answer = rude.makefile("rb").read()

    assert answer[:12] in (b"", b"HTTP/1.0 400", b"HTTP/1.1 400")


def test_a_client_that_speaks_no_tls_is_dropped_and_the_next_is_served(
    start: Start, certificates: Certificates
) -> None:
    metrics = SelfMetrics("test")
    server = start(tls=certificates.files, metrics=metrics)

    with connect(server) as plain:
        answer = b""
        # An alert or a reset, as the TLS library likes; never the metrics.
        with suppress(ConnectionError):
            plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = plain.makefile("rb").read()

    assert FIXED_TEXT not in answer
    assert scrape(server, certificates.context(certificates.client)) == FIXED_TEXT
    assert count(metrics, "handshake") == 1


def test_only_clients_of_the_authority_may_scrape(
    start: Start, certificates: Certificates, tmp_path: Path
) -> None:
    server = start(tls=certificates.files)
    stranger = self_signed(tmp_path, "stranger")

    assert scrape(server, certificates.context(certificates.client)) == FIXED_TEXT
    for client in (None, stranger):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            scrape(server, certificates.context(client))


def test_a_new_certificate_is_shown_without_a_restart_and_a_broken_one_never(
    start: Start, certificates: Certificates
) -> None:
    server = start(tls=certificates.files)
    context = certificates.context(certificates.client)

    def shown() -> bytes | None:
        with context.wrap_socket(connect(server), server_hostname="localhost") as tls:
            return tls.getpeercert(binary_form=True)

    first = shown()
    old_key = certificates.files.key.read_bytes()
    certificates.files.key.write_text("not a key")
    assert shown() == first

    certificates.files.key.write_bytes(old_key)
    certificates.authority.issue("localhost")
    second = shown()
    assert second is not None
    assert second != first


def test_a_file_that_is_no_certificate_is_told(start: Start, certificates: Certificates) -> None:
    certificates.files.certificate.write_text("nothing")

    with pytest.raises(ConfigurationError, match="is not a PEM file"):
        start(tls=certificates.files)


def test_an_address_that_is_taken_is_an_error_at_once(start: Start) -> None:
    with pytest.raises(StartFault, match="is another collector there"):
        start(address=f"127.0.0.1:{start().port}")


def test_close_frees_the_port_and_leaves_no_connection(start: Start) -> None:
    with serving(Fixed()) as server:
        silent, port = connect(server), server.port
        assert scrape(server) == FIXED_TEXT
    with serving(Fixed(), address=f"127.0.0.1:{port}"), silent:
        assert is_closed_by_server(silent)


@pytest.mark.ipv6
def test_listens_on_ipv6_too(start: Start) -> None:
    server = start(address="[::1]:0")
    with socket.create_connection(("::1", server.port), timeout=PATIENCE) as c:
        c.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert c.makefile("rb").read().endswith(FIXED_TEXT)
