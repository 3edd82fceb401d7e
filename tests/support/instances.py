"""What tests of the runtimes share."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.agent.instances import ExitFacts, InstanceSpec
from headstart.agent.linux.netns import inside
from headstart.agent.runtimes.runtime import Instance
from headstart.v1.experiment_pb2 import Plan
from headstart.v1.records_pb2 import ResolvedVariant
from support.ports import free_port as free_port
from support.waiting import wait_until

# Of the containers of this process: another session of tests may use the same engine.
RUN = f"test-{os.getpid()}"
_TESTS = Path(__file__).parent.parent


def spec_for(variant: ResolvedVariant, trial: int = 1, port: int = 0, **plan: Any) -> InstanceSpec:
    """A trial of a variant that can be run."""
    assert not variant.HasField("failure"), variant.failure.message
    return InstanceSpec(RUN, 1, trial, variant, Plan(**plan), port)


def output_with(instance: Instance, text: str) -> str:
    """The output as soon as this text is in it."""
    wait_until(lambda: text in instance.output_tail())
    return instance.output_tail()


def end_of(instance: Instance) -> ExitFacts:
    """How it ended, as soon as it has."""
    wait_until(lambda: instance.exited() is not None)
    facts = instance.exited()
    assert facts is not None
    return facts


def answer_of(instance: Instance, port: int) -> bytes:
    """What a server answers to GET /, as soon as it listens."""
    got: list[bytes] = []

    def asked() -> bool:
        try:
            with inside(instance.namespace):
                connection = socket.create_connection((instance.address, port), timeout=5)
            with connection:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                got.append(connection.recv(4096))
        except ConnectionRefusedError:
            return False
        return True

    wait_until(asked)
    return got[-1]


@contextmanager
def owner(kind: str, state: Path, *commands: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that owns instances, as an agent does, and has begun; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.owner", kind, state, *commands],
        cwd=_TESTS,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert line_of(process) == "begun\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def line_of(process: "subprocess.Popen[str]") -> str:
    """The next line that it writes; empty when it ended."""
    assert process.stdout is not None
    return process.stdout.readline()
