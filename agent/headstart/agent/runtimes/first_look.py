"""What a program does when it is started once, before anything is measured: ends, or serves?

For whoever wrote no file: port and readiness are found instead of asked for.
"""

import http.client
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from headstart.agent.deadline import Deadline
from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.runtimes.ports import listeners

_LOOK_SECONDS = 10.0
_STEP_SECONDS = 0.05
_ANSWER_SECONDS = 2.0
_WORDS_BYTES = 2000
_MEMORY_BYTES = 2 << 30
_PIDS = 4096
# Where services say that they are ready, by convention; the last is any server's.
PATHS = ("/health", "/healthz", "/")


@dataclass(frozen=True)
class FirstLook:
    """How it went. Neither ended nor with ports: it was still silent when time was up."""

    # Exit status; None: it had not ended.
    ended: int | None = None
    ports: Sequence[int] = ()
    # The first of PATHS that was answered with 200 to 299; empty: none.
    path: str = ""
    # Where none was: what each of PATHS was answered with; 0: with nothing that is HTTP.
    statuses: Sequence[int] = ()
    last_words: str = ""


def look_at_command(
    argv: Sequence[str],
    environment: Mapping[str, str],
    port: int = 0,
    seconds: float = _LOOK_SECONDS,
) -> FirstLook:
    """Start it in a session of its own, watch, and end all of it. OSError when it cannot start.

    `port` 0: any that it listens on.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            env=os.environ | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            found = _watched(
                process.poll, lambda: _ports(_family(process.pid), port), "127.0.0.1", seconds
            )
        finally:
            _end(process)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _WORDS_BYTES))
        words = output.read().decode("utf-8", "replace").strip()
    return replace(found, last_words=words)


def look_at_image(
    engine: Engine,
    image_id: str,
    argv: Sequence[str],
    port: int = 0,
    seconds: float = _LOOK_SECONDS,
) -> FirstLook:
    """The same with an image, in the engine's bridge. RuntimeFault of the engine."""
    name = f"headstart-look-{os.getpid()}"
    container = engine.create(
        ContainerSpec(
            name=name,
            image=image_id,
            argv=argv,
            labels={},
            network="bridge",
            memory_bytes=min(_MEMORY_BYTES, psutil.virtual_memory().total),
            pids=_PIDS,
        )
    )
    try:
        started = engine.start(container, name)

        def ended() -> int | None:
            alive = started.pid and Path(f"/proc/{started.pid}").exists()
            return None if alive else engine.exit_facts(container, name).status

        found = _watched(
            ended, lambda: _ports([started.pid], port, alone=True), started.address, seconds
        )
        words = engine.output(container, _WORDS_BYTES).strip()
    finally:
        engine.remove(container, name)
    return replace(found, last_words=words)


def _watched(
    ended: Callable[[], int | None],
    ports: Callable[[], Sequence[int]],
    address: str,
    seconds: float,
) -> FirstLook:
    deadline = Deadline(seconds)
    while not deadline.passed():
        if (status := ended()) is not None:
            return FirstLook(ended=status)
        if found := ports():
            path, statuses = _answered(address, found[0], deadline)
            return FirstLook(ports=found, path=path, statuses=statuses)
        time.sleep(_STEP_SECONDS)
    return FirstLook()


def _ports(pids: Sequence[int], port: int, alone: bool = False) -> list[int]:
    """TCP ports on which processes listen; of these `port`, unless it is 0."""
    found = {each.port for each in listeners(pids, alone)} - {0}
    return sorted(found & {port} if port else found)


def _answered(address: str, port: int, deadline: Deadline) -> tuple[str, Sequence[int]]:
    """The first path that is answered well, else what all were answered with; of a server that
    is not ready yet, asked again.
    """
    while True:
        statuses = tuple(_status(address, port, path) for path in PATHS)
        for path, status in zip(PATHS, statuses, strict=True):
            if 200 <= status < 300:
                return path, ()
        # Below 500 and not 0, it is ready and has other paths.
        if all(0 < status < 500 for status in statuses) or deadline.passed():
            return "", statuses
        time.sleep(_STEP_SECONDS)


def _status(address: str, port: int, path: str) -> int:
    """Of the answer; 0 when there is none that is HTTP."""
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _family(pid: int) -> list[int]:
    """A process and what it started."""
    with suppress(psutil.Error):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return [pid]


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
