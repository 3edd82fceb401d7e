"""One run at a time on a machine."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.host import machine
from headstart.agent.host.machine import WhenBusy, alone, holder

HOLD = """
import sys
from headstart.agent.cancellation import Cancellation
from headstart.agent.host.machine import alone
with alone(Cancellation(), name=bytes.fromhex(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def name(tmp_path: Path) -> bytes:
    """A machine of this test's own."""
    return b"\0" + str(tmp_path).encode()[-90:]


@pytest.fixture
def other(name: bytes) -> Iterator["subprocess.Popen[str]"]:
    """Another process that measures; it ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, name.hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


class Waiting:
    """A run in a thread."""

    def __init__(self, name: bytes) -> None:
        self.cancelled = Cancellation()
        self.begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(name,))
        self._thread.start()

    def _run(self, name: bytes) -> None:
        with alone(self.cancelled, name=name):
            self.begun.set()

    def join(self) -> bool:
        self._thread.join(20)
        return not self._thread.is_alive()


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(caplog.messages)


def test_a_run_waits_for_another_until_that_is_killed_and_says_for_whom(
    name: bytes, other: "subprocess.Popen[str]", caplog: pytest.LogCaptureFixture
) -> None:
    said = threading.Event()
    handler = logging.Handler()
    handler.emit = lambda _record: said.set()  # type: ignore[method-assign]
    machine.log.addHandler(handler)
    try:
        waiting = Waiting(name)
        assert said.wait(20)
        assert not waiting.begun.is_set()
        other.kill()
        assert waiting.join()
    finally:
        machine.log.removeHandler(handler)

    assert f"process {other.pid}" in told(caplog)
    assert "--if-busy fail" in told(caplog)
    assert holder(name) is None


def test_a_cancelled_run_does_not_wait(name: bytes, other: "subprocess.Popen[str]") -> None:
    waiting = Waiting(name)
    waiting.cancelled.set()

    assert waiting.join()


def test_who_measures_is_known_with_its_command(
    name: bytes, other: "subprocess.Popen[str]"
) -> None:
    found = holder(name)

    assert found is not None
    assert (found.pid, found.uid) == (other.pid, os.geteuid())
    assert Path(sys.executable).name in found.command


def test_a_run_that_shall_go_on_does_so_beside_it_and_says_so(
    name: bytes, other: "subprocess.Popen[str]", caplog: pytest.LogCaptureFixture
) -> None:
    with alone(Cancellation(), WhenBusy.GO_ON, name):
        pass

    assert "beside this one" in told(caplog)


def test_a_strangers_hold_is_not_waited_for_for_ever(
    name: bytes,
    other: "subprocess.Popen[str]",
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = os.geteuid()
    monkeypatch.setattr(machine, "_is_trusted", lambda uid: uid != own)
    with alone(Cancellation(), name=name, stranger_seconds=0.1):
        pass

    assert "not waited for any longer" in told(caplog)
