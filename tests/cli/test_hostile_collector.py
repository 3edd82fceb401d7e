"""Every client on a collector that says whatever it likes: bytes as they come out."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from headstart.v1.experiments_pb2 import Problem, SubmitProblems
from headstart.words import metrics
from support.hostile_collector import full, hostile_collector
from support.hostile_words import HOSTILE, forged_in, hostile_in
from support.running import HEADSTART

CALLS = {
    "status": ("status",),
    "hosts": ("host", "list"),
    "a host": ("host", "show", "r"),
    "a drain": ("host", "drain", "r"),
    "a new name": ("host", "rename", "r", "s"),
    "a removal": ("host", "remove", "r"),
    "forgetting": ("forget", "r", "--yes"),
    "status as JSON": ("status", "--json"),
    "watch": ("watch", "r"),
    "cancel": ("cancel", "r"),
    "accept": ("accept", "1"),
    "history": ("history", "x", "--metric", metrics.STARTUP.name),
    "history as JSON": ("history", "x", "--json"),
    "identities": ("identities",),
    "identities as JSON": ("identities", "--json"),
    "audit": ("audit",),
    "audit as JSON": ("audit", "--json"),
    "revoke": ("revoke", "r"),
    "tokens": ("token", "list"),
    "report": ("report", "r"),
    "report as Markdown": ("report", "r", "--format", "markdown"),
    "report as JSON": ("report", "r", "--format", "json"),
    "build logs": ("report", "r", "--format", "build-logs"),
    "compare": ("compare", "r", "r"),
    "gate": ("gate", "r"),
    "pool": ("pool", "r"),
    "pool of the latest": ("pool", "--experiment", "x"),
    "export": ("export", "r"),
    "submit": ("submit", "file.yaml"),
    "submit as JSON": ("submit", "file.yaml", "--json"),
}


def in_words(kind: type[Message], _context: Any) -> Iterator[Message]:
    yield full(kind)


def refusing(_kind: type[Message], context: Any) -> Iterator[Message]:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, HOSTILE)
    yield from ()


def with_problems(_kind: type[Message], context: Any) -> Iterator[Message]:
    found = SubmitProblems(problems=[Problem(line=1, path=HOSTILE, message=HOSTILE)])
    context.set_trailing_metadata([("headstart-problems-bin", found.SerializeToString())])
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "problems")
    yield from ()


def with_garbage(_kind: type[Message], context: Any) -> Iterator[Message]:
    context.set_trailing_metadata([("headstart-problems-bin", b"\xff\xff\xff")])
    context.abort(grpc.StatusCode.UNAVAILABLE, HOSTILE)
    yield from ()


def out_of_time(kind: type[Message], _context: Any) -> Iterator[Message]:
    yield full(kind, seconds=1e300)


def at_no_time(kind: type[Message], _context: Any) -> Iterator[Message]:
    yield full(kind, seconds=float("nan"))


# Those that show a time of the collector's.
TIMED = ("status", "hosts", "a host", "history", "identities", "audit", "tokens")


# How a call fails is said in one place for all of them.
FEW = ("status", "watch", "submit", "export")


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (in_words, tuple(CALLS)),
        (refusing, FEW),
        (with_problems, FEW),
        (with_garbage, FEW),
        (out_of_time, TIMED),
        (at_no_time, TIMED),
    ],
)
def test_no_client_prints_a_control_a_forged_line_or_a_traceback(
    answer: Any, names: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "file.yaml").write_text("experiment: x\n")
    found = {}
    with hostile_collector(answer) as address:
        running = {
            name: subprocess.Popen(
                [HEADSTART, *CALLS[name], "--plaintext", "--collector", address],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=tmp_path,
            )
            for name in names
        }
        for name, process in running.items():
            output, _ = process.communicate(timeout=120)
            wrong = hostile_in(output)
            # Those three quote what the collector calls a report.
            if name not in ("report as Markdown", "report as JSON", "build logs"):
                wrong += forged_in(output)
            if b"Traceback" in output or b"a fault of its own" in output:
                wrong.append(output.decode())
            if wrong:
                found[name] = wrong

    assert found == {}


def test_nothing_is_written_outside_the_folder_of_an_export(tmp_path: Path) -> None:
    def leaving(kind: type[Message], _context: Any) -> Iterator[Message]:
        message: Any = full(kind)
        if "run" in kind.DESCRIPTOR.fields_by_name:
            message.run.run_id = "../../outside"
        yield message

    folder = tmp_path / "a" / "b"
    with hostile_collector(leaving) as address:
        to = ("--plaintext", "--collector", address)
        subprocess.run([HEADSTART, "export", "r", "-o", folder, *to], check=True, timeout=60)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert {path.parent for path in files} == {folder}


@pytest.mark.parametrize("command", [("watch", "r"), ("status",), ("report", "r")])
def test_a_terminal_gets_our_own_sequences_only(command: tuple[str, ...]) -> None:
    ours, theirs = pty.openpty()
    with hostile_collector(in_words) as address:
        process = subprocess.Popen(
            [HEADSTART, *command, "--plaintext", "--collector", address],
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm-256color"},
        )
        os.close(theirs)
        output = b""
        try:
            while piece := os.read(ours, 65536):
                output += piece
        except OSError:
            pass  # the other end is closed
        os.close(ours)
        process.wait(timeout=60)

    assert output
    assert hostile_in(output, coloured=True, rewritten=True) == []


def test_an_agent_logs_a_refusal_in_one_line(tmp_path: Path) -> None:
    with hostile_collector(refusing) as address:
        to = ("--plaintext", "--collector", address)
        process = subprocess.Popen(
            [HEADSTART, "agent", "--state", tmp_path / "agent", "--host", "h1", *to],
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            # What it says of itself comes before.
            said = [process.stderr.readline()]
            while said[-1] and b"pwned" not in said[-1]:
                said.append(process.stderr.readline())
            process.terminate()
            output = b"".join(said) + process.stderr.read()
        finally:
            process.kill()
            process.wait()
            process.stderr.close()

    assert rb"\x1b]0;pwned" in output
    assert hostile_in(output) == []
    assert forged_in(output) == []
