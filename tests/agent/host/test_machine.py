"""One run at a time on a machine."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.host import machine
from headstart.agent.host.machine import WhenBusy, alone, holder
from support.waiting import wait_until

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
    handler.emit = lambda record: said.set()  # type: ignore[method-assign]  # noqa: ARG005
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
    assert "--if-busy" in told(caplog)
    # An agent has no such choice.
    assert "--if-busy fail" not in told(caplog)
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


def processor_seconds(name: bytes, stranger_seconds: float) -> float:
    """What it takes of a CPU to wait for a stranger until that is over."""
    before = time.thread_time()
    with alone(Cancellation(), name=name, stranger_seconds=stranger_seconds):
        pass
    return time.thread_time() - before


def test_a_name_that_nobody_listens_at_is_a_strangers_and_waiting_for_it_takes_no_processor(
    name: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(name)
        taken = processor_seconds(name, 1.5)

    assert taken < 0.3
    assert "(unknown: it does not listen); waiting" in told(caplog)
    assert "not waited for any longer" in told(caplog)


def test_a_run_that_does_not_wait_fails_where_nobody_listens(name: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(name)
        run = alone(Cancellation(), WhenBusy.FAIL, name)
        with pytest.raises(machine.MachineBusy, match="does not listen"):
            run.__enter__()


def test_who_hangs_up_at_once_is_not_asked_again_at_once(
    name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_is_trusted", lambda _uid: False)
    answered = []

    def hang_up(listening: socket.socket) -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            caller.close()
            answered.append(1)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        thread = threading.Thread(target=hang_up, args=(listening,))
        thread.start()
        processor_seconds(name, 1.5)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert len(answered) < 6


def test_where_nothing_can_be_bound_a_run_goes_on_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with alone(Cancellation(), name=b"\0" + b"x" * 200):
        pass

    (message,) = caplog.messages
    assert "cannot be known" in message


def test_the_name_is_free_after_a_run(name: bytes) -> None:
    with alone(Cancellation(), name=name):
        assert holder(name) is not None

    assert holder(name) is None


def test_a_run_that_is_stopped_is_said_to_be_and_how_it_goes_on(
    name: bytes,
    other: "subprocess.Popen[str]",
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_LOOK_SECONDS", 0.05)
    waiting = Waiting(name)
    try:
        wait_until(lambda: "waiting" in told(caplog))
        assert "stopped" not in told(caplog)
        other.send_signal(signal.SIGSTOP)
        wait_until(lambda: f"kill -CONT {other.pid}" in told(caplog))
        assert f"kill -CONT {other.pid}" in str(holder(name))
    finally:
        other.kill()

    assert waiting.join()
    assert len(caplog.messages) == 2
