"""One request at a time over the standard library's client, bounded in time and size.

For checks and for the sample of bodies beside a load, where a millisecond does
not matter; what is timed goes through the prober or a load driver.
"""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from headstart.agent.deadline import Deadline
from headstart.agent.http.app_tls import server_name
from headstart.agent.http.checks import BODY_LIMIT_BYTES
from headstart.agent.http.response import Answer, NotHttp
from headstart.agent.http.serialise import authority, serialise
from headstart.agent.linux.netns import NetworkNamespace, inside
from headstart.v1.experiment_pb2 import HttpRequest

_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Response:
    """An answer; of a longer body the first `BODY_LIMIT_BYTES` + 1 bytes."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class RequestFault(Exception):
    """No whole answer came; the message says why, for a person."""


class Session:
    """A connection that is kept between requests and opened anew when it was closed.

    `timeout_seconds` is the deadline of each whole exchange: connecting, asking, and the
    answer to its last byte.
    """

    def __init__(
        self,
        address: str,
        port: int,
        timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
        namespace: NetworkNamespace | None = None,
    ) -> None:
        """It connects from within `namespace`, if there is one."""
        self._namespace = namespace
        self._address = address
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._tls = tls
        self._socket: socket.socket | None = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def fetch(self, request: HttpRequest) -> Response:
        """Ask once. RequestFault when refused, reset, timed out, or not HTTP/1."""
        deadline = Deadline(self._timeout_seconds)
        answer = Answer(request.method == "HEAD")
        try:
            sock = self._connected(request, deadline)
            deadline.limit(sock)
            sock.sendall(serialise(request, authority(self._address, self._port)))
            # The rest of a long body is not read: the connection cannot serve again.
            while not answer.complete and len(answer.body) <= BODY_LIMIT_BYTES:
                deadline.limit(sock)
                data = sock.recv(_PIECE_BYTES)
                if not (answer.feed(data) if data else answer.end()) and not data:
                    raise EOFError
        except (OSError, EOFError, NotHttp) as error:
            self._close()
            raise RequestFault(self._words(error, answer)) from error
        except BaseException:
            self._close()
            raise
        if answer.closes or not answer.complete:
            self._close()
        return Response(answer.status, answer.headers, bytes(answer.body))

    def _connected(self, request: HttpRequest, deadline: Deadline) -> socket.socket:
        if self._socket is None:
            family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
            with inside(self._namespace):
                sock = socket.socket(family, socket.SOCK_STREAM)
            # In its place before it connects, so that `abort` finds it.
            self._socket = sock
            deadline.limit(sock)
            sock.connect((self._address, self._port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                deadline.limit(sock)
                name = server_name(request, self._address)
                secured = self._tls.wrap_socket(
                    sock, server_hostname=name, do_handshake_on_connect=False
                )
                self._socket = secured
                secured.do_handshake()
        return self._socket

    def abort(self) -> None:
        """End what is under way, from any thread; `fetch` raises RequestFault then."""
        sock = self._socket
        if sock is not None:
            # OSError: closed already.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _words(self, error: Exception, answer: Answer) -> str:
        match error:
            case TimeoutError():
                return f"no answer within {self._timeout_seconds:g} s"
            case NotHttp():
                return f"not HTTP: {error}"
            case ConnectionRefusedError():
                return f"connection to {self._address}:{self._port} refused"
            case EOFError() | ConnectionResetError() | BrokenPipeError() if answer.status:
                return "connection closed in the middle of the answer"
            case EOFError() | ConnectionResetError() | BrokenPipeError():
                return "connection closed without an answer"
        return f"{type(error).__name__}: {error}"
