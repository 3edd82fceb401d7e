"""Runs an experiment's checks against a live app: requests, and the user's own programs."""

import os
import select
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.agent.cancellation import Cancellation
from headstart.agent.deadline import Deadline
from headstart.agent.http.app_client import RequestFault, Session
from headstart.agent.http.app_tls import client_context
from headstart.agent.http.checks import BODY_LIMIT_BYTES, evaluate, expectation, unsearched
from headstart.agent.http.container_checks import CheckContainers, judge_container
from headstart.agent.http.serialise import authority
from headstart.agent.linux.netns import NetworkNamespace, inside
from headstart.v1.experiment_pb2 import Check, CommandCheck, ContainerCheck, HttpCheck
from headstart.v1.records_pb2 import CheckOutcome, CheckStage
from headstart.words.foreign.patterns import compile_pattern
from headstart.words.test_reports import URL_VARIABLE

EXCERPT_BYTES = 4096
_TIMEOUT_SECONDS = 10.0
# Between two looks whether the run was cancelled.
_LOOK_SECONDS = 0.1
# The capacity of a pipe.
_PIPE_BYTES = 1 << 16
# What a command inherits of the agent's environment; the rest may hold secrets.
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER")


@dataclass(frozen=True)
class CheckRun:
    """How a check went, and the first MiB of the answer, to be compared with the baseline's."""

    outcome: CheckOutcome
    body: bytes


def run_checks(
    checks: Sequence[Check],
    address: str,
    port: int,
    trial: int,
    stage: CheckStage.ValueType,
    timeout_seconds: float = _TIMEOUT_SECONDS,
    working_directory: str | None = None,
    commands_allowed: bool = False,
    tls: ssl.SSLContext | None = None,
    namespace: NetworkNamespace | None = None,
    cancelled: Cancellation | None = None,
    containers: CheckContainers | None = None,
) -> list[CheckRun]:
    """Run every check, in order; what fails is a result, and the next one runs.

    `timeout_seconds` bounds each request, and each command that states no time of
    its own. Commands run in `working_directory`, and only where the host's policy
    allows them. `tls`: `port` speaks TLS; a request with a port of its own says what
    that speaks. Both ask from within `namespace`, if there is one; a command reaches
    nothing else from there. `containers` runs checks that are containers; its
    RuntimeFault is the caller's. Cancelled when the run is.
    """
    cancelled = cancelled or Cancellation()
    # A worker has no port that could be asked.
    url = f"{'https' if tls else 'http'}://{authority(address, port)}" if port else ""
    runs = []
    for number, check in enumerate(checks, 1):
        cancelled.raise_if_set()
        outcome = CheckOutcome(
            trial=trial, check=check.name, stage=stage, monotonic_ns=time.monotonic_ns()
        )
        if check.HasField("command"):
            seconds = check.command.timeout_seconds or timeout_seconds
            body = (
                _run_command(
                    check.command, url, seconds, working_directory, outcome, namespace, cancelled
                )
                if commands_allowed
                else _refuse_command(outcome)
            )
        elif check.HasField("container"):
            body = _run_container(check.container, number, url, outcome, containers)
        else:
            there, spoken = (
                (check.http.port, _spoken(check.http)) if check.http.port else (port, tls)
            )
            body = _run_request(
                check.http, address, there, timeout_seconds, outcome, spoken, namespace, cancelled
            )
        # What a cancellation cut off says nothing of the app.
        cancelled.raise_if_set()
        outcome.excerpt = outcome.excerpt or body[:EXCERPT_BYTES]
        runs.append(CheckRun(outcome, body[:BODY_LIMIT_BYTES]))
    return runs


def _spoken(check: HttpCheck) -> ssl.SSLContext | None:
    """At a port of its own."""
    return client_context(check.tls_verified) if check.tls else None


def _run_request(
    check: HttpCheck,
    address: str,
    port: int,
    timeout_seconds: float,
    outcome: CheckOutcome,
    tls: ssl.SSLContext | None,
    namespace: NetworkNamespace | None,
    cancelled: Cancellation,
) -> bytes:
    session = Session(address, port, timeout_seconds, tls, namespace)
    try:
        with session, cancelled.ending(session.abort):
            response = session.fetch(check.request)
    except RequestFault as fault:
        outcome.expected = expectation(check)
        outcome.actual = str(fault)
        return b""
    evaluation = evaluate(check, response.status, response.headers, response.body)
    outcome.passed = evaluation.passed
    outcome.expected = evaluation.expected
    outcome.actual = evaluation.actual
    outcome.status = response.status
    return response.body


def _run_container(
    check: ContainerCheck,
    number: int,
    url: str,
    outcome: CheckOutcome,
    containers: CheckContainers | None,
) -> bytes:
    if containers is None:
        raise ValueError(f"nothing here runs the container of check {number}")
    ended = containers.run(number, check, url)
    judge_container(check, ended, outcome)
    outcome.excerpt = ended.output[-EXCERPT_BYTES:]
    # What it writes is no answer of the app: times of tests differ from run to run.
    return b""


def _refuse_command(outcome: CheckOutcome) -> bytes:
    outcome.expected = "a command that the policy of this host allows"
    outcome.actual = "not run: the policy of this host allows no commands"
    return b""


def _run_command(
    check: CommandCheck,
    url: str,
    timeout_seconds: float,
    working_directory: str | None,
    outcome: CheckOutcome,
    namespace: NetworkNamespace | None,
    cancelled: Cancellation,
) -> bytes:
    outcome.expected = f"exit status {check.exit_status}"
    if check.output_pattern:
        outcome.expected += f" and output matching /{check.output_pattern}/"
    try:
        ended = run_bounded(
            list(check.argv),
            {name: os.environ[name] for name in _INHERITED if name in os.environ}
            | ({URL_VARIABLE: url} if url else {}),
            timeout_seconds,
            working_directory,
            namespace,
            cancelled,
        )
    except OSError as error:
        outcome.actual = f"{check.argv[0]} cannot be run: {error.strerror}"
        return b""
    output = ended.output.decode(errors="replace")
    pattern = compile_pattern(check.output_pattern) if check.output_pattern else None
    found = pattern is None or pattern.found_in(ended.output)
    outcome.passed = ended.status == check.exit_status and found
    if ended.status is None:
        outcome.actual = f"still running after {timeout_seconds:g} s, killed"
    elif ended.status < 0:
        outcome.actual = f"killed by signal {-ended.status}"
    else:
        outcome.actual = f"exit status {ended.status}"
    if not outcome.passed:
        outcome.actual += f", last output {output[-200:].strip()!r}"
        if pattern is not None and not found:
            outcome.actual += unsearched(pattern, len(ended.output))
    return ended.output


@dataclass(frozen=True)
class Ended:
    """A command's end: None as status when its time was over; a negative one is a signal."""

    status: int | None
    # stdout and, if they were asked for, errors in order; the first MiB.
    output: bytes


def run_bounded(
    argv: list[str],
    environment: dict[str, str],
    timeout_seconds: float,
    working_directory: str | None = None,
    namespace: NetworkNamespace | None = None,
    cancelled: Cancellation | None = None,
    errors: bool = True,
) -> Ended:
    """Run a command in a process group of its own, which is killed when the command ends.

    Also when the run is cancelled. `errors`: stderr is part of the output. OSError when it
    cannot be started.
    """
    with inside(namespace):
        process = subprocess.Popen(
            argv,
            env=environment,
            cwd=working_directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
            start_new_session=True,
        )
    output = bytearray()
    over = threading.Event()
    reader = threading.Thread(target=_drain, args=(process, output, over), daemon=True)
    reader.start()
    try:
        ended = _ends_within(process.pid, timeout_seconds, cancelled or Cancellation())
    finally:
        # Not yet reaped, so that the group's number is still its own.
        os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        over.set()
        reader.join()
    return Ended(status if ended else None, bytes(output))


def _ends_within(pid: int, timeout_seconds: float, cancelled: Cancellation) -> bool:
    deadline = Deadline(timeout_seconds)
    descriptor = os.pidfd_open(pid)
    try:
        while not cancelled.is_set():
            if select.select([descriptor], [], [], min(_LOOK_SECONDS, deadline.left()))[0]:
                return True
            if deadline.passed():
                break
        return False
    finally:
        os.close(descriptor)


def _drain(process: subprocess.Popen[bytes], output: bytearray, over: threading.Event) -> None:
    """Read to the end or, once it is `over`, what the pipe still holds.

    What left the process group may keep the pipe open, and write to it, for ever.
    """
    assert process.stdout is not None  # noqa: S101  # opened above with a pipe
    with process.stdout as pipe:
        poll = select.poll()
        poll.register(pipe.fileno(), select.POLLIN)
        left = _PIPE_BYTES
        while left > 0:
            was_over = over.is_set()
            if not poll.poll(0 if was_over else _LOOK_SECONDS * 1000):
                if was_over:
                    return
                continue
            data = os.read(pipe.fileno(), _PIPE_BYTES)
            if not data:
                return
            output += data[: BODY_LIMIT_BYTES - len(output)]
            left -= len(data) if was_over else 0
