"""A command that an engine runs in a container that is there already, within bounds."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, SHUT_WR
from typing import Any

from docker.utils.socket import frames_iter

from headstart.agent.engine.docker_client import DockerClient

# Of what it writes, the end.
_KEPT_BYTES = 16 << 10


@dataclass(frozen=True)
class Executed:
    """A command's end. `status` None: it was still running when its time was over."""

    status: int | None
    # The end of its stdout and stderr, in order.
    output: str


def execute(
    client: DockerClient,
    container: str,
    argv: Sequence[str],
    given: bytes,
    seconds: float,
) -> Executed:
    """Run it, with `given` as its standard input, to its end or that of its time.

    What then still runs ends with its container. Errors are those of docker-py.
    """
    made = client.exec_create(container, list(argv), stdin=bool(given))
    connection: Any = client.exec_start(made["Id"], socket=True)
    output = b""
    # A SocketIO of a unix socket; of TCP it is the socket itself.
    endpoint: Any = getattr(connection, "_sock", connection)
    with _closed(connection, endpoint), _ended_after(endpoint, seconds) as is_over:
        if given:
            # A command that does not read to the end is no fault.
            with suppress(BrokenPipeError, ConnectionResetError):
                endpoint.sendall(given)
                endpoint.shutdown(SHUT_WR)
        for _, piece in frames_iter(connection, tty=False):  # type: ignore[no-untyped-call]  # stub
            output = (output + piece)[-_KEPT_BYTES:]
    text = output.decode("utf-8", "replace")
    if is_over.is_set():
        return Executed(None, text)
    state = client.exec_inspect(made["Id"])
    return Executed(None if state["Running"] else int(state["ExitCode"]), text)


@contextmanager
def _closed(connection: Any, endpoint: Any) -> Iterator[None]:
    """docker-py leaves the socket and the answer that it came with to whoever took it."""
    try:
        yield
    finally:
        if (answer := getattr(connection, "_response", None)) is not None:
            answer.close()
        connection.close()
        endpoint.close()


@contextmanager
def _ended_after(endpoint: Any, seconds: float) -> Iterator[threading.Event]:
    """Whoever reads from it reads the end when the time is over; whether that was so."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        with suppress(OSError):
            endpoint.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
