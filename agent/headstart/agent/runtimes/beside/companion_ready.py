"""When a companion can be used: a port on which it listens, a command, a line of its output."""

import re
import time
from collections.abc import Callable, Sequence

from headstart.agent.cancellation import Cancellation
from headstart.agent.deadline import Deadline
from headstart.agent.engine.engine import Engine
from headstart.agent.instances import RuntimeFault, was_cancelled
from headstart.agent.runtimes.docker_instance import DockerInstance
from headstart.agent.runtimes.ports import listeners
from headstart.v1.experiment_pb2 import CompanionReady, Seed
from headstart.v1.records_pb2 import FailureCode
from headstart.words.foreign.patterns import compile_pattern
from headstart.words.foreign.secrets import shown_words

DEFAULT_SECONDS = 60.0
_PORT_POLL_SECONDS = 0.01
_POLL_SECONDS = 0.1
# Of a command that asks whether it is ready, once.
_COMMAND_SECONDS = 10.0
_SHOWN_CHARACTERS = 400
# What a companion may write before the line that says it is ready.
_OUTPUT_BYTES = 1 << 20


def wait_until_ready(
    name: str, instance: DockerInstance, ready: CompanionReady, engine: Engine
) -> None:
    """Wait within its time; RuntimeFault(COMPANION) that says how far it came."""
    seconds = ready.timeout_seconds or DEFAULT_SECONDS
    kind = ready.WhichOneof("kind")
    if kind == "port":
        _wait_for_port(name, instance, ready.port, seconds, engine.cancelled)
    elif kind == "command":
        _wait_for_command(name, instance, list(ready.command.argv), seconds, engine)
    elif kind == "log_pattern":
        _wait_for_line(name, instance, ready.log_pattern, seconds, engine)


def put_in(name: str, instance: DockerInstance, seed: Seed, engine: Engine) -> None:
    """Run the command that puts in what trials begin with; RuntimeFault(COMPANION)."""
    seconds = seed.timeout_seconds or DEFAULT_SECONDS
    done = engine.execute(instance.container, list(seed.argv), seed.input, seconds)
    if done.status == 0:
        return
    raise_if_ended(name, instance, "while its seed was put in")
    end = (
        f"was still running after {seconds:g} s"
        if done.status is None
        else f"ended with status {done.status}"
    )
    raise fault(f"the seed of {name} ({_words(seed.argv)}) {end}{quoted(done.output)}", done.output)


def raise_if_ended(name: str, instance: DockerInstance, when: str) -> None:
    """RuntimeFault(COMPANION) with its last words, if it has."""
    if (ended := instance.exited()) is not None:
        tail = instance.output_tail()
        limit = ended.limit()
        how = f"was killed: {limit[1]}" if limit else f"ended with status {ended.status}"
        raise fault(f"{name} {how} {when}{quoted(tail)}", tail)


def fault(message: str, output_tail: str = "") -> RuntimeFault:
    """A fault of what stands beside the app, and not of the app."""
    return RuntimeFault(FailureCode.FAILURE_CODE_COMPANION, message, output_tail)


def _wait_for_port(
    name: str, instance: DockerInstance, port: int, seconds: float, cancelled: Cancellation
) -> None:
    # The network's table of listeners is asked for: a connection would be one more client in
    # its log, and the agent need not be able to enter the network.
    def listens() -> bool:
        return any(each.port == port for each in listeners([instance.pid], alone=True))

    if _poll(listens, name, instance, seconds, cancelled, _PORT_POLL_SECONDS):
        return
    found = sorted({str(each) for each in listeners(instance.pids(), alone=False) if each.port})
    where = f"; it listens on {' and '.join(found[:3])}" if found else ""
    tail = instance.output_tail()
    message = f"{name} did not listen on port {port} within {seconds:g} s{where}{quoted(tail)}"
    raise fault(message, tail)


def _wait_for_command(
    name: str, instance: DockerInstance, argv: Sequence[str], seconds: float, engine: Engine
) -> None:
    deadline = Deadline(seconds)
    last = ""

    def succeeds() -> bool:
        nonlocal last
        within = max(0.1, min(_COMMAND_SECONDS, deadline.left()))
        done = engine.execute(instance.container, argv, b"", within)
        if done.output or done.status is not None:
            # Of one that its time ended, as the last one's may, there is nothing to say.
            last = done.output or f"status {done.status}"
        return done.status == 0

    if not _poll(succeeds, name, instance, seconds, engine.cancelled, _POLL_SECONDS):
        message = f"{name} was not ready within {seconds:g} s: {_words(argv)} did not succeed"
        raise fault(f"{message}{quoted(last)}", instance.output_tail())


def _wait_for_line(
    name: str, instance: DockerInstance, text: str, seconds: float, engine: Engine
) -> None:
    pattern = compile_pattern(text)

    def is_written() -> bool:
        output = engine.beginning(instance.container, _OUTPUT_BYTES)
        return any(pattern.found_in(line) for line in output.splitlines())

    if not _poll(is_written, name, instance, seconds, engine.cancelled, _POLL_SECONDS):
        tail = instance.output_tail()
        message = (
            f"{name} was not ready within {seconds:g} s: no line of its output (the first"
            f" {_OUTPUT_BYTES >> 20} MiB) has /{text}/"
        )
        raise fault(f"{message}{quoted(tail)}", tail)


def _poll(
    is_ready: Callable[[], bool],
    name: str,
    instance: DockerInstance,
    seconds: float,
    cancelled: Cancellation,
    interval_seconds: float,
) -> bool:
    """Whether it was within the time; RuntimeFault when the companion ended or the run did."""
    deadline = Deadline(seconds)
    while True:
        if cancelled.is_set():
            raise was_cancelled()
        raise_if_ended(name, instance, "before it was ready")
        try:
            if is_ready():
                return True
        except RuntimeFault:
            # An engine runs no command in what ends at this moment.
            raise_if_ended(name, instance, "before it was ready")
            raise
        if deadline.passed():
            return False
        time.sleep(interval_seconds)


def _words(argv: Sequence[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(shown_words(argv)))[:200]


def quoted(output: str) -> str:
    """Its last lines, as the end of a sentence."""
    last = " / ".join(line.strip() for line in output.splitlines()[-3:] if line.strip())
    return f"; last output {last[-_SHOWN_CHARACTERS:]!r}" if last else "; it wrote nothing"
