"""A way to a server that falls silent: connections stay open, and nothing comes any more."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self


class Freezing:
    """Relays one server's answers up to a number of bytes; whoever is there then hears nothing."""

    def __init__(self, server: str, after_bytes: int) -> None:
        """`server`: "host:port"."""
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._left = after_bytes
        self._hear: Callable[[], object] = lambda: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Where it listens.
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def on_frozen(self, hear: Callable[[], object]) -> None:
        """Have `hear` called as it falls silent."""
        self._hear = hear

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
                server = socket.create_connection(self._server)
                self._open += [client, server]
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if self._left:
                    server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            # In small parts, so that it is silent amid an answer.
            while self._left and (data := server.recv(min(self._left, 64))):
                self._left -= len(data)
                client.sendall(data)
        self._hear()
