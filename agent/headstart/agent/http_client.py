"""One request at a time over the standard library's client, bounded in time and size.

For checks and for the sample of bodies beside a load, where a millisecond does
not matter; what is timed goes through the prober or a load driver.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.agent.checks import BODY_LIMIT_BYTES
from headstart.agent.tls import server_name
from headstart.v1.experiment_pb2 import HttpRequest


@dataclass(frozen=True)
class Response:
    """An answer; of a longer body the first `BODY_LIMIT_BYTES` + 1 bytes."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class RequestFault(Exception):
    """No whole answer came; the message says why, for a person."""


class Session:
    """A connection that is kept between requests and opened anew when it was closed."""

    def __init__(
        self,
        address: str,
        port: int,
        timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._where = f"{address}:{port}"
        self._timeout_seconds = timeout_seconds
        self._tls = tls
        self._connection = http.client.HTTPConnection(address, port, timeout=timeout_seconds)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def fetch(self, request: HttpRequest) -> Response:
        """Ask once. RequestFault when refused, reset, timed out, or not HTTP/1."""
        # A socket's timeout counts from byte to byte; a server that drips would
        # never reach it, so the deadline of the whole exchange is a timer's.
        overdue = threading.Event()
        timer = threading.Timer(self._timeout_seconds, self._abort, [overdue])
        timer.daemon = True
        try:
            is_new = self._connection.sock is None
            if is_new:
                self._connection.connect()
            timer.start()
            if is_new and self._tls is not None:
                self._shake_hands(self._tls, server_name(request, self._address))
            self._send(request)
            answer = self._connection.getresponse()
            body = answer.read(BODY_LIMIT_BYTES + 1)
            if overdue.is_set():
                raise TimeoutError
            if not answer.isclosed():
                # The rest of a long body is not read: the connection cannot serve again.
                self._connection.close()
                if answer.length and len(body) <= BODY_LIMIT_BYTES:
                    raise http.client.IncompleteRead(body, answer.length)
            return Response(answer.status, answer.getheaders(), body)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise RequestFault(self._words(error, overdue.is_set())) from error
        finally:
            timer.cancel()

    def _shake_hands(self, tls: ssl.SSLContext, name: str) -> None:
        # Put into its place first, so that a handshake without end can be aborted.
        secured = tls.wrap_socket(
            self._connection.sock, server_hostname=name, do_handshake_on_connect=False
        )
        self._connection.sock = secured
        secured.do_handshake()

    def _send(self, request: HttpRequest) -> None:
        own = {header.name.lower() for header in request.headers}
        self._connection.putrequest(
            request.method, request.target, skip_host="host" in own, skip_accept_encoding=True
        )
        for header in request.headers:
            self._connection.putheader(header.name, header.value)
        if (request.body or request.method in ("POST", "PUT", "PATCH")) and not (
            own & {"content-length", "transfer-encoding"}
        ):
            self._connection.putheader("Content-Length", str(len(request.body)))
        self._connection.endheaders(request.body or None)

    def _abort(self, overdue: threading.Event) -> None:
        overdue.set()
        if (sock := self._connection.sock) is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed in the meantime

    def _words(self, error: Exception, overdue: bool) -> str:
        if overdue or isinstance(error, TimeoutError):
            return f"no answer within {self._timeout_seconds:g} s"
        match error:
            case ConnectionRefusedError():
                return f"connection to {self._where} refused"
            case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
                return "connection closed without an answer"
            case http.client.IncompleteRead():
                return "connection closed in the middle of the answer"
            case http.client.BadStatusLine():
                return f"not HTTP: {str(error)[:80]}"
        return f"{type(error).__name__}: {error}"


def fetch(
    address: str,
    port: int,
    request: HttpRequest,
    timeout_seconds: float,
    tls: ssl.SSLContext | None = None,
) -> Response:
    """Ask once over a connection of its own. RequestFault when no whole answer came."""
    with Session(address, port, timeout_seconds, tls) as session:
        return session.fetch(request)
