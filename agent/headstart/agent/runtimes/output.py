"""The last output of a process, kept in memory so that a flood fills no disk.

A pipe as in a container, not a file: an app that never stops writing may do so
for hours. A thread empties it; the pipe holds 1 MiB, so that the thread can rest
between two looks and an app that logs every request does not wake it each time.
"""

import fcntl
import hashlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.runtime import Written

_KEPT_BYTES = 64 << 10
_PIPE_BYTES = 1 << 20
_REST_SECONDS = 0.05
HEAD_BYTES = 1 << 20


class Digest:
    """Takes an output in pieces; keeps its SHA-256, its size and its first MiB."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0
        self._head = bytearray()

    def take(self, data: bytes) -> None:
        """The next piece."""
        self._sha256.update(data)
        self._size_bytes += len(data)
        self._head += data[: HEAD_BYTES - len(self._head)]

    def written(self) -> Written:
        """All that was taken."""
        return Written(self._sha256.hexdigest(), self._size_bytes, bytes(self._head))


class OutputPipe:
    """Give `write_end` to a process, then call `started`; `close` when it is dead.

    `take` is given all of the output in pieces. `rest_seconds`: a writer that fills
    the pipe meanwhile has to wait.
    """

    def __init__(
        self,
        take: Callable[[bytes], None] = lambda _data: None,
        rest_seconds: float = _REST_SECONDS,
    ) -> None:
        self._take = take
        self._rest_seconds = rest_seconds
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        # Refused where /proc/sys/fs/pipe-max-size is lower: the thread rests less.
        with suppress(OSError):
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._capacity = fcntl.fcntl(self.write_end, fcntl.F_GETPIPE_SZ)
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._lock = threading.Lock()
        self._watch: LineWatch | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="output", daemon=True)

    def follow(self, watch: LineWatch) -> None:
        """From now on what is read is for this watch too, at once, until it is over.

        Call it before anything is written: the app waits in its gate.
        """
        with self._lock:
            watch.begin(self._thread.native_id or 0)
            self._watch = watch

    def started(self) -> None:
        """The process has its copy of `write_end`: close ours and begin to read."""
        os.close(self.write_end)
        self._thread.start()

    def tail(self, limit_bytes: int) -> str:
        """The last output, up to what was written before this call."""
        with self._lock:
            if not self._closing.is_set():
                self._read_all()
            data = b"".join(self._kept)
        return data[-limit_bytes:].decode("utf-8", "replace") if limit_bytes else ""

    def close(self) -> None:
        """Stop reading; what was kept stays readable. Idempotent."""
        if self._closing.is_set():
            return
        with self._lock:
            self._read_all()
            self._closing.set()
        if self._thread.ident is None:
            os.close(self.write_end)
        else:
            self._thread.join()
        os.close(self._read_end)

    def _drain(self) -> None:
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN)
        while not self._closing.is_set():
            # Wakes twice a second to see `close`, should a stranger hold the write end open.
            if not poll.poll(500):
                continue
            with self._lock:
                if self._closing.is_set():
                    return
                got = self._read_all()
            if got is None:
                return
            if got < self._capacity // 4 and self._watch is None:
                self._closing.wait(self._rest_seconds)

    def _read_all(self) -> int | None:
        """Read what is there, at most one pipe full; None at the end of the output."""
        got = 0
        while got < self._capacity:
            try:
                data = os.read(self._read_end, _KEPT_BYTES)
            except BlockingIOError:
                if self._watch is not None:
                    self._watch.caught_up()
                return got
            if not data:
                return None
            got += len(data)
            self._take(data)
            self._show(data)
            self._kept.append(data)
            self._kept_bytes += len(data)
            while self._kept_bytes - len(self._kept[0]) >= _KEPT_BYTES:
                self._kept_bytes -= len(self._kept.popleft())
        return got

    def _show(self, data: bytes) -> None:
        if self._watch is not None:
            self._watch.take(data)
            if self._watch.over.is_set():
                self._watch = None
