"""Serves /metrics and /healthz: one thread a connection, and nobody can hold up a scrape.

prometheus_client's own server performs the TLS handshake in the thread that accepts, so a
single client that connects and stays silent stops all scrapes. Here everything that waits
for a client happens in that client's thread, under a deadline, and connections are counted.
"""

import io
import logging
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A Prometheus pair, a person with curl and a health check need few; more is a mistake or worse.
MAXIMUM_CONNECTIONS = 32

# From the accepted connection to the last byte sent; Prometheus itself gives up after 10 s.
REQUEST_SECONDS = 10.0

_MAXIMUM_HEAD_BYTES = 16 * 1024

_log = logging.getLogger(__name__)


class Provider(Protocol):
    """What there is to scrape; `Exposition` is one."""

    def scrape(self, compressed: bool = False) -> bytes:
        """The exposition, as gzip when `compressed`. Called from many threads."""


def server_tls(
    certificate: Path, key: Path, client_authority: Path | None = None
) -> ssl.SSLContext:
    """TLS for the scrape; with `client_authority` only its clients may scrape.

    Raises OSError (ssl.SSLError is one) when a file is missing or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class MetricsServer:
    """Listens from construction to `close`; raises OSError when the address cannot be had.

    `address` is "host:port", an IPv6 host in brackets; port 0 takes a free one. /healthz
    answers 200, or 503 with the text that `problem` returns when that is not empty.
    """

    def __init__(
        self,
        address: str,
        provider: Provider,
        *,
        tls: ssl.SSLContext | None = None,
        problem: Callable[[], str] = lambda: "",
        request_seconds: float = REQUEST_SECONDS,
        maximum_connections: int = MAXIMUM_CONNECTIONS,
    ) -> None:
        self._server = _Server(
            address, provider, tls, problem, request_seconds, maximum_connections
        )
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            # How often it looks whether to stop; `close` waits that long at most.
            target=lambda: self._server.serve_forever(poll_interval=0.1),
            name="metrics-http",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stops listening; requests under way end by themselves, within their deadline."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    # Threads of requests are bounded in number and in time; `close` need not wait for them.
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self,
        address: str,
        provider: Provider,
        tls: ssl.SSLContext | None,
        problem: Callable[[], str],
        request_seconds: float,
        maximum_connections: int,
    ) -> None:
        self.provider = provider
        self.problem = problem
        self.request_seconds = request_seconds
        self._tls = tls
        self._free = threading.Semaphore(maximum_connections)
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, int(port)), _Handler)

    # The sockets are Any because socketserver's own type also allows for datagrams.

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            # Closed without a word: an answer would have to wait for this client's reading.
            _log.warning("metrics: too many connections, closed one from %s", client_address)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        # Bounds the handshake as a whole: ssl counts the time down over all its reads.
        request.settimeout(self.request_seconds)
        with self._tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base
        error = sys.exception()
        if isinstance(error, OSError):
            # The client went away, was too slow or failed the handshake: its own affair.
            _log.info("metrics: dropped a connection from %s: %s", client_address, error)
        else:
            _log.error("metrics: a request from %s failed", client_address, exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    """One request, then the connection ends (HTTP/1.0): no idle connection holds a thread."""

    server: _Server

    def setup(self) -> None:
        self._deadline = time.monotonic() + self.server.request_seconds
        super().setup()
        # Read here, against one deadline: a timeout of the socket would begin anew with
        # every byte that a slow client chooses to send.
        head = b""
        while b"\r\n\r\n" not in head:
            self._allow_remaining_time()
            received = self.connection.recv(4096)
            if not received or len(head) > _MAXIMUM_HEAD_BYTES:
                raise ConnectionAbortedError("no complete request")
            head += received
        self.rfile.close()
        self.rfile = io.BufferedReader(io.BytesIO(head))
        self._allow_remaining_time()

    def _allow_remaining_time(self) -> None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the request took too long")
        self.connection.settimeout(remaining)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            compressed = "gzip" in self.headers.get("Accept-Encoding", "")
            body = self.server.provider.scrape(compressed)
            self._answer(HTTPStatus.OK, CONTENT_TYPE, body, compressed)
        elif path == "/healthz":
            problem = self.server.problem()
            status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
            self._answer(status, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics or /healthz\n")

    do_HEAD = do_GET

    def _answer(
        self, status: HTTPStatus, content_type: str, body: bytes, compressed: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Vary", "Accept-Encoding")
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "headstart"

    def log_message(self, format: str, *args: object) -> None:
        _log.debug("metrics: %s", format % args)
