"""An app that means harm: python hostile_app.py PORT KIND [PATH]

It answers rightly, {} with 200, but for requests to PATH (any, where none is given), which
it answers as its KIND says; `KINDS` tells what each does. Standard library alone, and safe
to run on a host: what it takes is bounded and ends with it.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_PIECE = 1 << 16
_READY = b"listening"


def counted(body: bytes, *fields: bytes) -> bytes:
    """A whole answer with this body."""
    lines = (*fields, b"Content-Length: %d" % len(body))
    return HEAD + b"\r\n".join(lines) + b"\r\n\r\n" + body


def flood(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """An answer that begins with `head` and goes on with `piece` for ever."""

    def answer(peer: socket.socket) -> None:
        peer.sendall(head)
        many = piece * (_PIECE // len(piece) + 1)
        while True:
            peer.sendall(many)

    return answer


def drip(data: bytes) -> Callable[[socket.socket], None]:
    """These bytes one by one, some in a second."""

    def answer(peer: socket.socket) -> None:
        for at in range(len(data)):
            peer.sendall(data[at : at + 1])
            time.sleep(0.05)

    return answer


def say(data: bytes) -> Callable[[socket.socket], None]:
    """These bytes; the connection stays open."""
    return lambda peer: peer.sendall(data)


def hang(_peer: socket.socket) -> None:
    """Nothing, for ever."""
    time.sleep(3600)


def hang_up(peer: socket.socket) -> None:
    """The connection ends, which is not all."""
    peer.sendall(HEAD)
    peer.shutdown(socket.SHUT_RDWR)


def stop(_peer: socket.socket) -> None:
    """The whole process, as by Ctrl-Z."""
    os.kill(os.getpid(), signal.SIGSTOP)


KINDS: dict[str, Callable[[socket.socket], None]] = {
    "good": say(OK),
    # Answers without end.
    "body": flood(HEAD + b"\r\n", b"x"),
    "chunks": flood(CHUNKED, b"1\r\nx\r\n"),
    "chunk-extensions": flood(CHUNKED, b"1;a=b;c=d\r\nx\r\n"),
    "long-extension": flood(CHUNKED + b"1;", b"x"),
    "headers": flood(HEAD, b"X: y\r\n"),
    "one-header": flood(HEAD + b"X: ", b"y"),
    "interim": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailers": flood(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "counted": flood(HEAD + b"Content-Length: %d\r\n\r\n" % 10**15, b"x"),
    "answers": flood(b"", OK),
    "noise": flood(b"", b"\0\xff"),
    # Answers that do not come.
    "silent": hang,
    "drip": drip(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 1000),
    "drip-head": drip(HEAD + b"X: " + b"y" * 1000),
    "huge-length": say(HEAD + b"Content-Length: 99999999999999999999\r\n\r\nabc"),
    "stops": stop,
    "hangs-up": hang_up,
    # Answers that cost whoever reads them.
    "gzip": say(counted(zlib.compress(bytes(50_000_000), 9), b"Content-Encoding: deflate")),
    "deep-json": say(counted(b"[" * 400_000 + b"]" * 400_000)),
    "long-number": say(counted(b"1" * 1_000_000)),
    "redirect": say(
        counted(b"{}", b"Location: file:///etc/passwd").replace(b"200 OK", b"302 Found")
    ),
}


def flood_output() -> None:
    """Write to stdout and stderr without end, and from a child that outlives a signal or two."""
    line = b"spam " * 20_000

    def write(descriptor: int) -> None:
        while True:
            os.write(descriptor, line)

    for descriptor in (1, 2):
        threading.Thread(target=write, args=(descriptor,), daemon=True).start()


def fork_many() -> None:
    """Children that sleep, as many as are let, 2,000 at most."""
    for _ in range(2_000):
        try:
            if os.fork() == 0:
                signal.alarm(60)
                time.sleep(60)
                os._exit(0)
        except OSError:
            return


def run_away() -> None:
    """A grandchild with a session of its own, which keeps stdout open."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", "60"])  # noqa: S606  # no shell on purpose
        os._exit(0)
    os.wait()


def kill_prober() -> None:
    """The process that times this app's start: a child of the agent, as this one is."""
    for thread in Path(f"/proc/{os.getppid()}/task").iterdir():
        for pid in (thread / "children").read_text().split():
            if b"probe.process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)


# What begins before the app listens.
BEFORE: dict[str, Callable[[], None]] = {
    "output": flood_output,
    "forks": fork_many,
    "escapes": run_away,
    "kills-prober": kill_prober,
}


def main() -> None:
    port, kind, path = int(sys.argv[1]), sys.argv[2], (sys.argv[3:] or [""])[0].encode()
    BEFORE.get(kind, lambda: None)()
    bad = KINDS.get(kind, KINDS["good"])

    def serve(peer: socket.socket) -> None:
        asked = b""
        with peer, suppress(OSError):
            while data := peer.recv(4096):
                asked += data
                if b"\r\n\r\n" not in asked:
                    continue
                (bad if asked.split()[1].startswith(path) else KINDS["good"])(peer)
                asked = b""

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        os.write(2, _READY)
        sys.stdin.read()
        listener.listen(128)
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=serve, args=(peer,), daemon=True).start()


@dataclass
class HostileApp:
    """Such an app as a process of its own; its port refuses until `listen`."""

    port: int
    process: "subprocess.Popen[bytes]"

    def listen(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def connected(self) -> bool:
        """Whether it listens by now."""
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def hostile(kind: str, path: str = "") -> Iterator[HostileApp]:
    """One that is ready to listen, on any port."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = int(chosen.getsockname()[1])
    argv = [sys.executable, __file__, str(port), kind, path]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stderr=pipe) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.read(len(_READY)) == _READY
            yield HostileApp(port, process)
        finally:
            process.kill()


if __name__ == "__main__":
    main()
