"""The diagnostics socket: a runtime that answers as recorded, and ones that do not."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headstart.agent.counters.dotnet import DotnetSource
from headstart.agent.counters.source import CannotRead, Reading, Target
from headstart.agent.deadline import Deadline

RECORDED = Path(__file__).parent / "recorded"
METERS = (RECORDED / "meters.nettrace").read_bytes()
EVENT_COUNTERS = (RECORDED / "event-counters.nettrace").read_bytes()
HEADER = struct.Struct("<14sHBBH")
SESSION = struct.pack("<Q", 7)
INFO, START, STOP = (4, 4), (2, 3), (2, 1)

Answers = dict[tuple[int, int], bytes]


def message(payload: bytes, command: int = 0) -> bytes:
    header = HEADER.pack(b"DOTNET_IPC_V1\0", HEADER.size + len(payload), 0xFF, command, 0)
    return header + payload


def process_info(version: str) -> bytes:
    texts = ("dotnet /app/players.dll", "Linux", "x64", "players", version)
    strings = [struct.pack("<I", len(t) + 1) + (t + "\0").encode("utf-16-le") for t in texts]
    return message(struct.pack("<Q", 1) + bytes(16) + b"".join(strings))


def answers(version: str, stream: bytes) -> Answers:
    return {
        INFO: process_info(version),
        START: message(SESSION) + stream,
        STOP: message(SESSION),
    }


class Runtime:
    """Answers each command with these bytes, and then hangs up."""

    def __init__(self, to_say: Answers) -> None:
        self.to_say = to_say
        self.asked: list[tuple[int, int]] = []
        self.configuration = b""

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                header = connection.recv(HEADER.size, socket.MSG_WAITALL)
                _, size, command_set, number, _ = HEADER.unpack(header)
                payload = connection.recv(size - HEADER.size, socket.MSG_WAITALL)
                command = (command_set, number)
                self.asked.append(command)
                if command == START:
                    self.configuration = payload
                connection.sendall(self.to_say.get(command, b""))


@contextmanager
def listening(runtime: Runtime, root: Path) -> Iterator[Target]:
    """A process with this runtime, whose pid in its container is 1."""
    folder = root / "tmp"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "dotnet-diagnostic-1-601804-socket"))
        listener.listen()
        thread = threading.Thread(target=runtime.serve, args=(listener,))
        thread.start()
        try:
            yield Target(root, 1, "/tmp")
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def read(runtime: Runtime, root: Path) -> Reading | None:
    with listening(runtime, root) as target:
        return DotnetSource().read(target, Deadline(15))


def test_meters_are_asked_of_a_runtime_that_has_them_and_the_session_is_ended(
    short_path: Path,
) -> None:
    runtime = Runtime(answers("10.0.12", METERS))
    reading = read(runtime, short_path)

    assert reading is not None
    assert (reading.runtime, reading.values["methods_jitted"]) == (".NET 10.0.12, EventPipe", 670)
    assert runtime.asked == [INFO, START, STOP]
    assert "System.Diagnostics.Metrics".encode("utf-16-le") in runtime.configuration


def test_event_counters_are_asked_of_an_older_runtime(short_path: Path) -> None:
    runtime = Runtime(answers("8.0.20", EVENT_COUNTERS))
    reading = read(runtime, short_path)

    assert reading is not None
    assert (reading.runtime, reading.values["methods_jitted"]) == (".NET 8.0.20, EventPipe", 580)
    assert "EventCounterIntervalSec".encode("utf-16-le") in runtime.configuration


def test_a_process_without_a_socket_is_no_such_runtime(short_path: Path) -> None:
    assert DotnetSource().read(Target(short_path, 1, "/tmp"), Deadline(15)) is None


REFUSAL = message(struct.pack("<I", 0x80131384), command=0xFF)


@pytest.mark.parametrize(
    ("to_say", "reason"),
    [
        ({}, "ended the conversation"),
        ({INFO: b"HTTP/1.1 400 Bad Request\r\n"}, "none of the diagnostics protocol"),
        ({INFO: REFUSAL}, r"refused the command 4/4 with 0x80131384"),
        ({INFO: message(b"short")}, "too short"),
        (answers("10.0.12", b"") | {START: REFUSAL}, r"refused the command 2/3"),
        (answers("10.0.12", b"no trace at all"), "does not begin as a nettrace stream"),
        (answers("10.0.12", METERS[:4000]), "sent no counter"),
        (answers("1e9", b""), "sent no counter"),
    ],
)
def test_a_socket_that_does_not_serve_is_a_reason(
    short_path: Path, to_say: Answers, reason: str
) -> None:
    with pytest.raises(CannotRead, match=reason):
        read(Runtime(to_say), short_path)


def test_a_socket_that_nobody_listens_on_is_a_reason(short_path: Path) -> None:
    with listening(Runtime({}), short_path) as target:
        pass

    with pytest.raises(CannotRead, match="does not answer"):
        DotnetSource().read(target, Deadline(15))
