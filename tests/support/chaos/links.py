"""The way from an agent to its collector: TCP, which can be cut, or hold what is under way."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_RESET = struct.pack("ii", 1, 0)


class Link:
    """Forwards a port of loopback to another; TLS goes through it as it is.

    What is held is neither lost nor reordered: it arrives once the link is mended, though its
    ends may have given it up long before.
    """

    def __init__(self, target: int | Path) -> None:
        """To a port of loopback, or to a socket."""
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._there, self._back = threading.Event(), threading.Event()
        self.mend()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Reset all connections, and each new one."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                _reset(end)

    def hold(self, there: bool = True, back: bool = True) -> None:
        """From now on nothing arrives at the collector (`there`), at the agent (`back`)."""
        for held, gate in ((there, self._there), (back, self._back)):
            if held:
                gate.clear()

    def mend(self) -> None:
        """All goes through again, what was held first."""
        self._is_cut = False
        self._there.set()
        self._back.set()

    def close(self) -> None:
        """End all connections; no new ones."""
        self.cut()
        self._there.set()
        self._back.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                agent, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(agent,), daemon=True).start()

    def _connect(self, agent: socket.socket) -> None:
        try:
            # A link that holds lets nobody through either, not even to a port that is shut.
            self._there.wait()
            collector = self._dialled()
        except OSError:
            _reset(agent)
            agent.close()
            return
        collector.settimeout(None)
        with self._lock:
            self._open |= {agent, collector}
            if self._is_cut:
                _reset(agent)
                _reset(collector)
        back = threading.Thread(target=self._copy, args=(collector, agent, self._back), daemon=True)
        back.start()
        self._copy(agent, collector, self._there)
        back.join()
        with self._lock:
            self._open -= {agent, collector}
        agent.close()
        collector.close()

    def _dialled(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target), timeout=5.0)
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(str(self._target))
        except OSError:
            end.close()
            raise
        return end

    def _copy(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        try:
            while data := source.recv(65536):
                gate.wait()
                sink.sendall(data)
            gate.wait()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # What was reset at one end is reset at the other, once that may hear of it.
            gate.wait()
            _reset(sink)


class Links:
    """The ways to several collectors from one host: what happens, happens to all of them."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links

    @property
    def ports(self) -> list[int]:
        """Where each begins."""
        return [link.port for link in self._links]

    def cut(self) -> None:
        """See `Link`."""
        for link in self._links:
            link.cut()

    def hold(self, there: bool = True, back: bool = True) -> None:
        """See `Link`."""
        for link in self._links:
            link.hold(there, back)

    def mend(self) -> None:
        """See `Link`."""
        for link in self._links:
            link.mend()


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def link(target: int | Path) -> Iterator[Link]:
    """A link that is closed at the end."""
    made = Link(target)
    try:
        yield made
    finally:
        made.close()
