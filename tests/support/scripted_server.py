"""A TCP server that gives prepared answers, one to each request, and the last one for ever."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
NOT_READY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\nstarting"


def closing(answer: bytes) -> bytes:
    """The same answer, announcing that the connection ends with it."""
    return answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


@dataclass
class ScriptedServer:
    """Its port is taken but refuses until `listen`.

    An empty answer closes the connection instead; parts of an answer are sent
    one by one, `parted_ns` is when the last one went.
    """

    sock: socket.socket
    address: str
    port: int
    answers: Sequence[bytes | Sequence[bytes]]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    listening_ns: int = 0
    parted_ns: int = 0

    def listen(self) -> None:
        self.listening_ns = time.monotonic_ns()
        self.sock.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.sock.accept()
                self.connections += 1
                with client, contextlib.suppress(OSError):
                    self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := client.recv(65536):
            self.requests.append(request)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            parts = [answer] if isinstance(answer, bytes) else answer
            for part in parts:
                self.parted_ns = time.monotonic_ns()
                client.sendall(part)
            if not answer or b"Connection: close" in b"".join(parts):
                return


@contextmanager
def scripted(
    *answers: bytes | Sequence[bytes], address: str = "127.0.0.1"
) -> Iterator[ScriptedServer]:
    """A server that does not listen yet."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, 0))
        yield ScriptedServer(sock, address, sock.getsockname()[1], answers)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
