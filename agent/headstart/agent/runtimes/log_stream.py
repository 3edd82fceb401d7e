"""The output of a container as the engine sends it to whoever attached, while it is written."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

from headstart.agent.runtimes.line_watch import LineWatch

# Of a frame: the stream's number, three bytes of nothing, the size of what follows.
_HEAD_BYTES = 8
_PIECE_BYTES = 1 << 16
# Wakes twice a second to see `close`.
_LOOK_MS = 500


class Frames:
    """Cuts a stream of bytes into its frames; holds no more than the head of one."""

    def __init__(self) -> None:
        self._head = b""
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The parts of frames that these bytes hold, each with the number of its stream."""
        at = 0
        while at < len(data):
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                yield self._stream, part
                continue
            missing = _HEAD_BYTES - len(self._head)
            self._head += data[at : at + missing]
            at += missing
            if len(self._head) == _HEAD_BYTES:
                self._stream = self._head[0]
                self._left = int.from_bytes(self._head[4:], "big")
                self._head = b""


class LogStream:
    """A thread that gives a watch what comes from the engine, until it is over; `close` it."""

    def __init__(self, connection: socket.socket, watch: LineWatch) -> None:
        """The connection is this object's to close."""
        self._connection = connection
        self._watch = watch
        self._closing = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, name="log", daemon=True)
        self._thread.start()
        self._begun.wait()

    def wait(self, timeout_seconds: float) -> None:
        """Until the engine has sent the end."""
        self._thread.join(timeout_seconds)

    def close(self) -> None:
        """Stop reading; the app's output goes where it went. Idempotent."""
        self._closing.set()
        # Wakes the thread; OSError: it has closed it.
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()

    def _read(self) -> None:
        watch, frames = self._watch, Frames()
        watch.begin(threading.get_native_id())
        self._begun.set()
        poll = select.poll()
        poll.register(self._connection.fileno(), select.POLLIN)
        try:
            while not self._closing.is_set() and not watch.over.is_set():
                if not poll.poll(_LOOK_MS):
                    continue
                if not self._drain(frames):
                    return
        finally:
            # An engine keeps what nobody takes, and then the app waits.
            self._connection.close()

    def _drain(self, frames: Frames) -> bool:
        """Read what is there; False at its end."""
        watch = self._watch
        while not watch.over.is_set():
            try:
                data = self._connection.recv(_PIECE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                watch.caught_up()
                return True
            except OSError:
                return False
            if not data:
                return False
            for stream, part in frames.feed(data):
                watch.take(part, stream)
        return True
