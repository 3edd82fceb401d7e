"""Ways to a server that a test can cut, or that fall silent."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Proxy:
    """Forwards connections from a TCP port of loopback to a Unix socket, until `cut`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads[0].start()

    def cut(self) -> None:
        """End all connections and refuse new ones. Idempotent."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._server, *self._open):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    thread = threading.Thread(target=_copy, args=(source, sink))
                    self._threads.append(thread)
                    thread.start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy that is cut at the latest at the end."""
    made = Proxy(target)
    try:
        yield made
    finally:
        made.cut()


class SilentProxy:
    """Forwards a Unix socket to another one, until a request's first line has a pattern in it.

    Such a request is never answered, and from then on (`for_good`) no other one is.
    """

    def __init__(self, path: Path, target: str, pattern: str, for_good: bool) -> None:
        self._target = target
        self._pattern = re.compile(pattern.encode())
        self._for_good = for_good
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.address = f"unix://{path}"
        # Set as soon as a request is not answered.
        self.silent = threading.Event()
        self._threads[0].start()

    def close(self) -> None:
        """End all connections. Idempotent."""
        for end in (self._server, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._server, *self._open):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open += [client, server]
                for run in (self._forward, _copy):
                    ends = (client, server) if run == self._forward else (server, client)
                    thread = threading.Thread(target=run, args=ends)
                    self._threads.append(thread)
                    thread.start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                # A request begins with what was received, as clients send them.
                line = data.partition(b"\r\n")[0]
                if self._pattern.search(line) or (self._for_good and self.silent.is_set()):
                    self.silent.set()
                    continue
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def silent_proxy(
    folder: Path, target: str, pattern: str, for_good: bool = False
) -> Iterator[SilentProxy]:
    """A proxy whose connections end at the end."""
    made = SilentProxy(folder / "engine.sock", target, pattern, for_good)
    try:
        yield made
    finally:
        made.close()
