"""The HTTP side of the scrape, against real sockets and real TLS."""

import gzip
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from headstart.collector.metrics_http import MetricsServer, server_tls
from support.certificates import Certificate, self_signed

# Long enough that only a test that fails waits for it.
PATIENCE = 20.0


class Fixed:
    """A provider with one text; what `Exposition` gives is tested there."""

    text = b"headstart_up 1\n"

    def scrape(self, compressed: bool = False) -> bytes:
        return gzip.compress(self.text) if compressed else self.text


Start = Callable[..., MetricsServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[MetricsServer] = []

    def starter(**settings: object) -> MetricsServer:
        servers.append(MetricsServer("127.0.0.1:0", Fixed(), **settings))  # type: ignore[arg-type]
        return servers[-1]

    yield starter
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("tls"))


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def get(
    server: MetricsServer,
    path: str = "/metrics",
    *,
    method: str = "GET",
    trust: Certificate | None = None,
    client: Certificate | None = None,
    **headers: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    if trust is not None:
        context = ssl.create_default_context(cafile=trust.certificate)
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, timeout=PATIENCE, context=context
        )
    with closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def is_closed_by_server(connection: socket.socket) -> bool:
    """Waits for the server to say something or to hang up."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_serves_the_text_with_the_content_type_that_prometheus_expects(start: Start) -> None:
    response, body = get(start())

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["Content-Encoding"] is None
    assert body == Fixed.text


def test_compresses_for_a_client_that_accepts_it(start: Start) -> None:
    response, body = get(start(), **{"Accept-Encoding": "gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert int(response.headers["Content-Length"]) == len(body)
    assert gzip.decompress(body) == Fixed.text


def test_health_is_ok_or_says_what_is_wrong(start: Start) -> None:
    problems = [""]
    server = start(problem=lambda: problems[0])

    response, body = get(server, "/healthz")
    assert (response.status, body) == (200, b"ok\n")

    problems[0] = "the disk is full"
    response, body = get(server, "/healthz")
    assert (response.status, body) == (503, b"the disk is full\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/metrics", 501), ("HEAD", "/metrics", 200)],
)
def test_answers_other_requests_shortly(start: Start, method: str, path: str, status: int) -> None:
    response, _ = get(start(), path, method=method)

    assert response.status == status


def test_a_silent_client_blocks_no_scrape_over_tls(start: Start, certificate: Certificate) -> None:
    server = start(tls=server_tls(certificate.certificate, certificate.key))

    # Neither begins a handshake; with the handshake in the accepting thread the scrape
    # below would wait for them until its own patience ended.
    with connect(server), connect(server):
        response, body = get(server, trust=certificate)

    assert (response.status, body) == (200, Fixed.text)


def test_a_silent_client_is_hung_up_on(start: Start, certificate: Certificate) -> None:
    tls = server_tls(certificate.certificate, certificate.key)
    for server in (start(request_seconds=0.05), start(request_seconds=0.05, tls=tls)):
        with connect(server) as silent:
            assert is_closed_by_server(silent)


def test_a_client_that_trickles_bytes_is_hung_up_on(start: Start) -> None:
    server = start(request_seconds=0.2)

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


def test_a_client_that_reads_nothing_is_hung_up_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than the kernel's buffers of both sides hold.
    monkeypatch.setattr(Fixed, "text", b"x" * (64 << 20))
    server = start(request_seconds=0.2, maximum_connections=1)

    with connect(server) as stuck:
        stuck.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        # Its slot becomes free although it still has not read anything.
        assert _is_served_in_time(server)


def test_more_connections_than_allowed_are_closed_and_do_no_harm(start: Start) -> None:
    server = start(maximum_connections=2)

    with connect(server), connect(server), connect(server) as third:
        assert is_closed_by_server(third)

    assert _is_served_in_time(server)


def _is_served_in_time(server: MetricsServer) -> bool:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        try:
            return get(server, "/healthz")[0].status == 200
        except (ConnectionError, http.client.HTTPException):
            continue
    return False


def test_an_endless_header_is_refused(start: Start) -> None:
    with connect(start()) as rude:
        # Hung up on before its end was read: the kernel may then reset the connection.
        with suppress(ConnectionError):
            rude.sendall(b"GET /metrics HTTP/1.0\r\nX: " + b"x" * (1 << 24))

        assert is_closed_by_server(rude)


def test_a_client_that_speaks_no_tls_is_dropped_and_the_next_is_served(
    start: Start, certificate: Certificate
) -> None:
    server = start(tls=server_tls(certificate.certificate, certificate.key))

    with connect(server) as plain:
        answer = b""
        # An alert or a reset, as the TLS library likes; never the metrics.
        with suppress(ConnectionError):
            plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = plain.makefile("rb").read()

    assert Fixed.text not in answer
    assert get(server, trust=certificate)[1] == Fixed.text


def test_with_a_client_authority_only_its_clients_may_scrape(
    start: Start, certificate: Certificate, tmp_path: Path
) -> None:
    prometheus = self_signed(tmp_path, "prometheus")
    server = start(tls=server_tls(certificate.certificate, certificate.key, prometheus.certificate))

    assert get(server, trust=certificate, client=prometheus)[1] == Fixed.text
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        get(server, trust=certificate)


def test_an_address_that_is_taken_is_an_error_at_once(start: Start) -> None:
    with pytest.raises(OSError, match="in use"):
        MetricsServer(f"127.0.0.1:{start().port}", Fixed())


def test_close_frees_the_port() -> None:
    server = MetricsServer("127.0.0.1:0", Fixed())
    server.close()

    again = MetricsServer(f"127.0.0.1:{server.port}", Fixed())
    again.close()


def test_listens_on_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = MetricsServer("[::1]:0", Fixed())
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with closing(server), socket.create_connection(("::1", server.port), timeout=PATIENCE) as c:
        c.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert c.makefile("rb").read().endswith(Fixed.text)
