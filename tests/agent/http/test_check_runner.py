"""Checks become outcomes: what fails says so in words, and the next one still runs."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.http.check_runner import EXCERPT_BYTES, CheckRun, run_bounded, run_checks
from headstart.v1.experiment_pb2 import Check, CommandCheck, HttpCheck, HttpRequest
from headstart.v1.records_pb2 import CheckStage
from support.load_server import BODY, serving
from support.waiting import wait_until

STAGE = CheckStage.CHECK_STAGE_AFTER_LOAD


def http(target: str, **expected: Any) -> Check:
    request = HttpRequest(method="GET", target=target)
    return Check(name=f"GET {target}", http=HttpCheck(request=request, **expected))


def command(*argv: str, **expected: Any) -> Check:
    return Check(name="own", command=CommandCheck(argv=argv, **expected))


def python(code: str, **expected: object) -> Check:
    return command(sys.executable, "-c", code, **expected)


def run_one(check: Check, port: int = 9, timeout_seconds: float = 5.0) -> CheckRun:
    runs = run_checks([check], "127.0.0.1", port, 1, STAGE, timeout_seconds, commands_allowed=True)
    return runs[0]


def test_every_check_has_an_outcome_in_its_order() -> None:
    checks = [http("/players", json_subset='{"number": 7}'), http("/status/404"), http("/players")]
    with serving() as server:
        runs = run_checks(checks, "127.0.0.1", server.port, 12, STAGE)

    outcomes = [run.outcome for run in runs]
    assert [o.check for o in outcomes] == ["GET /players", "GET /status/404", "GET /players"]
    assert [o.passed for o in outcomes] == [True, False, True]
    assert [o.status for o in outcomes] == [200, 404, 200]
    assert outcomes[1].actual.startswith("status 404, body ")
    assert {(o.trial, o.stage) for o in outcomes} == {(12, STAGE)}
    assert [o.monotonic_ns for o in outcomes] == sorted(o.monotonic_ns for o in outcomes)


def test_a_check_is_asked_at_a_port_of_its_own() -> None:
    with serving() as server:
        own = http("/players", port=server.port, json_subset='{"number": 7}')
        (run,) = run_checks([own], "127.0.0.1", 9, 12, STAGE)

    assert run.outcome.passed, run.outcome.actual


def test_the_whole_body_is_kept_and_an_excerpt_goes_into_the_outcome() -> None:
    with serving() as server:
        run = run_one(http("/players"), server.port)

    assert run.body == BODY
    assert run.outcome.excerpt == BODY[:EXCERPT_BYTES]


def test_a_refused_connection_is_a_failed_check() -> None:
    with serving() as server:
        port = server.port

    outcome = run_one(http("/players", status=200), port).outcome

    assert not outcome.passed
    assert outcome.expected == "status 200"
    assert outcome.actual == f"connection to 127.0.0.1:{port} refused"


def test_a_silent_server_is_a_failed_check() -> None:
    with serving("mute") as server:
        outcome = run_one(http("/players"), server.port, timeout_seconds=0.1).outcome

    assert outcome.actual == "no answer within 0.1 s"


def test_a_command_finds_the_app_by_its_url() -> None:
    run = run_one(python("import os; print(os.environ['HEADSTART_URL'])"), 4711)

    assert run.outcome.passed
    assert run.body == b"http://127.0.0.1:4711\n"


def test_a_command_that_checks_a_worker_is_given_no_url() -> None:
    code = "import os, sys; sys.exit('HEADSTART_URL' in os.environ)"

    assert run_one(python(code), port=0).outcome.passed
    assert not run_one(python(code), port=9).outcome.passed


def test_a_command_does_not_see_the_agents_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_TOKEN", "secret")

    run = run_one(python("import os; print('HEADSTART_TOKEN' in os.environ)"))

    assert run.body == b"False\n"


@pytest.mark.parametrize(
    ("check", "actual"),
    [
        (python("print('3 failed'); raise SystemExit(4)"), "exit status 4, last output '3 failed'"),
        (python("print('ok')", output_pattern="all passed"), "exit status 0, last output 'ok'"),
        (
            python("import os; os.kill(os.getpid(), 9)"),
            "killed by signal 9, last output ''",
        ),
        (command("/does/not/exist"), "/does/not/exist cannot be run: No such file or directory"),
    ],
)
def test_a_command_that_fails_says_how(check: Check, actual: str) -> None:
    outcome = run_one(check).outcome

    assert not outcome.passed
    assert outcome.actual == actual


def test_an_expected_exit_status_and_output_pass() -> None:
    check = python("print('12 passed'); raise SystemExit(3)", exit_status=3, output_pattern="12 p")

    outcome = run_one(check).outcome

    assert outcome.passed
    assert outcome.expected == "exit status 3 and output matching /12 p/"


def test_a_command_beyond_its_time_is_killed_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys, time; child = subprocess.Popen(['sleep', '600']);"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid)); print('begun', flush=True);"
        "time.sleep(600)"
    )

    outcome = run_one(python(code, timeout_seconds=1.0)).outcome

    assert outcome.actual == "still running after 1 s, killed, last output 'begun'"
    child = int(pid_file.read_text())
    # The kernel ends a process some moments after it took the signal.
    wait_until(lambda: not is_running(child))


def test_children_that_outlive_a_command_are_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid_file}"

    ended = run_bounded(["/bin/sh", "-c", script], {"PATH": os.environ["PATH"]}, 10.0)

    assert ended.status == 0
    child = int(pid_file.read_text())
    # The kernel ends a process some moments after it took the signal.
    wait_until(lambda: not is_running(child))


def test_endless_output_is_read_and_bounded() -> None:
    ended = run_bounded(["/bin/sh", "-c", "yes | head -c 3000000"], dict(os.environ), 10.0)

    assert ended.status == 0
    assert len(ended.output) == 1 << 20


def test_commands_are_refused_unless_the_policy_allows_them(tmp_path: Path) -> None:
    witness = tmp_path / "ran"

    runs = run_checks([command("touch", str(witness))], "127.0.0.1", 9, 1, STAGE)

    assert not runs[0].outcome.passed
    assert "policy" in runs[0].outcome.actual
    assert not witness.exists()


def is_running(pid: int) -> bool:
    """Whether it lives; a zombie that nobody reaped does not."""
    try:
        os.kill(pid, signal.SIG_DFL)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_what_leaves_a_command_with_its_output_open_is_not_listened_to(tmp_path: Path) -> None:
    """It writes for ever, to a pipe that a thread of the agent would read for ever."""
    code = f"""if True:
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
            while True:
                os.write(1, b"still here " * 1000)
        while not os.path.exists({str(tmp_path / "pid")!r}):
            time.sleep(0.01)
    """
    threads = set(threading.enumerate())
    begin = time.monotonic()
    ended = run_bounded([sys.executable, "-c", code], dict(os.environ), 20)

    assert ended.status == 0
    assert time.monotonic() - begin < 10
    assert set(threading.enumerate()) <= threads
    # The end of the pipe is its end too.
    stranger = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(stranger))
