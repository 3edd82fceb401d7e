"""Signals at every command, as a terminal, a service manager or a hasty person sends them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.images import build_app, image_of
from support.running import APP, HEADSTART, app, experiment, free_port, left_behind
from support.waiting import wait_until

pytestmark = pytest.mark.alone

BATCH = APP.with_name("batch_program.py")
# The promise is 5 s; a busy machine may take as long again to start and end Python.
BOUND_SECONDS = 10.0


def twice(variant: dict[str, Any]) -> dict[str, Any]:
    return {"a": variant, "b": variant}


def startup(_folder: Path) -> dict[str, Any]:
    port = free_port()
    return experiment(port, twice(app(port, "silent")))


def load(_folder: Path) -> dict[str, Any]:
    port = free_port()
    steady = {"request": "GET /", "connections": 2, "duration": "500s", "driver": "builtin"}
    return experiment(port, twice(app(port)), load=steady)


def batch_job(_folder: Path) -> dict[str, Any]:
    return {
        "experiment": "batch",
        "baseline": "a",
        "variants": twice({"command": [sys.executable, str(BATCH), "hangs"]}),
        "service": {"ready": {"command": ["--version"], "output": "batch"}},
        "jobs": {"short": {"args": ["sum", "10"], "timeout": "500s"}},
        "plan": {"blocks": 1, "quiet": "0s"},
    }


def idle(_folder: Path) -> dict[str, Any]:
    port = free_port()
    return experiment(port, twice(app(port)), plan={"blocks": 1, "idle": "500s"})


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-signals:{os.getpid()}") as name:
        yield name


class Command:
    """A command in a session of its own, whose signals reach all of its process group."""

    def __init__(self, *arguments: str | Path, **more: Any) -> None:
        self.process = subprocess.Popen(
            [HEADSTART, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **more,
        )
        self.errors = b""

    def signal(self, *numbers: int, pause_seconds: float = 0.05) -> None:
        for number in numbers:
            os.killpg(self.process.pid, number)
            time.sleep(pause_seconds)

    def await_error(self, words: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line
            if words.encode() in line:
                return
        raise AssertionError(f"no {words!r} in {self.errors.decode()}")

    def close(self) -> None:
        """Kill it if it still lives."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def end(self) -> tuple[float, int, str, str]:
        """Seconds until it ended, its status, what it printed, and its errors."""
        began = time.monotonic()
        output, errors = self.process.communicate(timeout=60)
        seconds = time.monotonic() - began
        return seconds, self.process.returncode, output.decode(), (self.errors + errors).decode()


@contextmanager
def running(content: dict[str, Any], folder: Path) -> Iterator[Command]:
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(content))
    command = Command("run", file, "--data", folder / "data")
    try:
        yield command
    finally:
        command.close()


STATES = [
    pytest.param(startup, ": startup", id="startup"),
    pytest.param(idle, ": idle", id="idle"),
    pytest.param(load, ": load", id="load"),
    pytest.param(batch_job, ": short job", id="batch-job"),
]


@pytest.mark.parametrize(("asked", "words"), STATES)
def test_five_quick_ctrl_c_end_a_run_without_a_traceback_or_an_orphan(
    asked: Callable[[Path], dict[str, Any]], words: str, tmp_path: Path
) -> None:
    with running(asked(tmp_path), tmp_path) as command:
        command.await_error(words)
        command.signal(*[signal.SIGINT] * 5)
        seconds, status, _, errors = command.end()

    assert (status, left_behind(tmp_path)) == (130, [])
    assert "Traceback" not in errors
    assert seconds < BOUND_SECONDS


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.parametrize("kind", ["classic", "buildkit"])
def test_five_quick_ctrl_c_end_a_build(kind: str, image: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f'FROM {image}\nRUN ["app", "wait"]\n')
    asked = experiment(free_port(), twice({"build": {"context": str(context), "builder": kind}}))

    with running(asked, tmp_path) as command:
        command.await_error('RUN ["app"')
        command.signal(*[signal.SIGINT] * 5)
        seconds, status, _, errors = command.end()

    assert status == 130
    assert "Traceback" not in errors
    assert seconds < BOUND_SECONDS


@pytest.mark.parametrize(
    ("number", "expected", "reason"),
    [
        (signal.SIGINT, 130, "interrupted at the terminal"),
        (signal.SIGTERM, 143, "told to end (SIGTERM)"),
        (signal.SIGHUP, 129, "was closed (SIGHUP)"),
    ],
)
def test_one_signal_cancels_a_run_and_its_report_comes(
    number: int, expected: int, reason: str, tmp_path: Path
) -> None:
    with running(startup(tmp_path), tmp_path) as command:
        command.await_error(": startup")
        command.signal(number)
        seconds, status, output, errors = command.end()

    assert (status, left_behind(tmp_path)) == (expected, [])
    assert reason in output + errors
    assert len(list(tmp_path.glob("data/reports/*/report.html"))) == 1
    assert "Traceback" not in errors
    assert seconds < 2 * BOUND_SECONDS


@pytest.mark.parametrize("after_seconds", [0.0, 0.15, 0.3, 0.6, 1.0, 1.5, 2.2])
def test_a_signal_at_any_time_of_the_start_ends_a_run(after_seconds: float, tmp_path: Path) -> None:
    with running(startup(tmp_path), tmp_path) as command:
        # Python itself takes a moment before any of our code can take signals over.
        wait_until(lambda: handles_sigint(command.process.pid))
        time.sleep(after_seconds)
        command.signal(*[signal.SIGINT] * 5, pause_seconds=0.01)
        seconds, status, _, errors = command.end()

    assert (status, left_behind(tmp_path)) == (130, [])
    assert "Traceback" not in errors
    assert seconds < BOUND_SECONDS


def handles_sigint(pid: int) -> bool:
    """By a handler of the command's own: Python's comes alone, ours with one for SIGHUP."""
    caught = int(line_of(pid, "SigCgt:"), 16)
    return bool(caught >> (signal.SIGHUP - 1) & 1)


def line_of(pid: int, key: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line.split()[1] for line in text.splitlines() if line.startswith(key))


def test_a_closed_terminal_does_not_stop_the_clean_up(tmp_path: Path) -> None:
    """Its end of a pseudo terminal gives EIO to whoever writes."""
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(startup(tmp_path)))
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", HEADSTART, "run", file, "--data", tmp_path / "data"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while b"startup" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    status = process.wait(30)

    assert (status, left_behind(tmp_path)) == (129, [])
    assert len(list(tmp_path.glob("data/reports/*/report.html"))) == 1


@contextmanager
def collector(folder: Path) -> Iterator[tuple[Command, str]]:
    """A collector as a service, and its address."""
    address = f"unix:{folder}/socket"
    command = Command(
        "collector", "--data", folder / "data", "--listen", address, "--metrics-listen", "none"
    )
    try:
        command.await_error("collector listens")
        yield command, address
    finally:
        command.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_collector_and_an_agent_end_well_by_any_of_the_signals(
    number: int, tmp_path: Path
) -> None:
    """With 0: to a service manager any other status is a failure."""
    with collector(tmp_path) as (serving, address):
        agent = Command("agent", "--state", tmp_path / "agent", "--collector", address)
        agent.await_error("attending")
        agent.signal(*[number] * 5)
        of_agent = agent.end()
        serving.signal(*[number] * 5)
        of_collector = serving.end()

    for seconds, status, _, errors in (of_agent, of_collector):
        assert status == 0
        assert "Traceback" not in errors
        assert seconds < BOUND_SECONDS


_HASTY = """
import asyncio, os, signal, threading, time
from headstart.cli import interrupt
interrupt.install()
from headstart.cli.run_here import _Signals

async def main():
    signals, cancelled, ending = _Signals(), threading.Event(), threading.Event()

    def watched():
        cancelled.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        ending.wait()
        signals.run_ended()
        time.sleep(600)

    with interrupt.handled(signals.arrived):
        signals.cancel_run = cancelled.set
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.to_thread(watched)
        finally:
            ending.set()

asyncio.run(main())
"""


def test_a_run_that_ends_after_a_second_signal_takes_the_deadline_back_no_more() -> None:
    """What a signal asked for while the run was being cancelled holds, whatever hangs then."""
    done = subprocess.run(
        [sys.executable, "-c", _HASTY], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 143, done.stderr


_HANGING = """
import os, signal, sys, threading, time
from headstart.cli import interrupt
interrupt.install()
with interrupt.handled(lambda: None):
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=time.sleep, args=(600,)).start()
interrupt.finish(int(sys.argv[1]))
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 143])
def test_the_exit_status_stands_where_python_s_own_end_hangs(code: int) -> None:
    """0 of a collector or an agent, to which a service manager holds it."""
    command = [sys.executable, "-c", _HANGING, str(code)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)

    assert done.returncode == code, done.stderr


def test_an_agent_that_is_stopped_amid_a_load_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(load(tmp_path)))
    policy = tmp_path / "policy.toml"
    policy.write_text("commands = true\n")
    state = tmp_path / "data" / "agent"
    with collector(tmp_path) as (_, address):
        agent = Command("agent", "--state", state, "--policy", policy, "--collector", address)
        agent.await_error("attending")
        subprocess.run([HEADSTART, "submit", file, "--collector", address], check=True)
        watch = Command("watch", latest(address), "--collector", address)
        watch.await_error(": load")
        watch.signal(*[signal.SIGINT] * 5)
        of_watch = watch.end()
        agent.signal(*[signal.SIGTERM] * 2)
        of_agent = agent.end()
        left = left_behind(tmp_path)

    assert (of_watch[1], of_agent[1], left) == (130, 0, [])
    assert "Traceback" not in of_watch[3] + of_agent[3]
    assert max(of_watch[0], of_agent[0]) < BOUND_SECONDS


def latest(address: str) -> str:
    """The id of the only run."""
    listed = subprocess.run(
        [HEADSTART, "status", "--json", "--collector", address],
        check=True,
        capture_output=True,
        text=True,
    )
    run: str = json.loads(listed.stdout)["runs"][0]["run_id"]
    return run


@pytest.mark.parametrize(
    "arguments",
    [["watch", "a"], ["report", "a"], ["status"], ["cancel", "a"], ["submit", "FILE"]],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_waits_for_a_collector_in_silence_is_interrupted(
    arguments: list[str], tmp_path: Path
) -> None:
    """Who listens here accepts and says nothing."""
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(startup(tmp_path)))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        words = [str(file) if each == "FILE" else each for each in arguments]
        command = Command(*words, "--collector", f"unix:{tmp_path}/s")
        connection, _ = listener.accept()
        with connection:
            command.signal(*[signal.SIGINT] * 5)
            seconds, status, _, errors = command.end()

    assert (status, "Traceback" in errors) == (130, False), errors
    assert seconds < BOUND_SECONDS
