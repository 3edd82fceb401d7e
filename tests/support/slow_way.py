"""A way to a server that carries few bytes a second, and keeps little in between."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE_BYTES = 4096


class SlowWay:
    """Relays one server; what goes to it goes at a rate, its answers at once."""

    def __init__(self, server: str, bytes_per_second: float) -> None:
        """`server`: "host:port"."""
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._rate = bytes_per_second
        self._listener = socket.create_server(("127.0.0.1", 0))
        # What waits then lies with the sender, as where a way is slow.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE_BYTES)
        # Where it listens.
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        # How often somebody came.
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self._server)
                self._open += [client, server]
                for source, sink, rate in ((client, server, self._rate), (server, client, 0.0)):
                    threading.Thread(target=_carry, args=(source, sink, rate), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, bytes_per_second: float) -> None:
    free_at = time.monotonic()
    with suppress(OSError):
        while data := source.recv(_PIECE_BYTES):
            if bytes_per_second:
                free_at = max(free_at, time.monotonic()) + len(data) / bytes_per_second
                time.sleep(max(0.0, free_at - time.monotonic()))
            sink.sendall(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
