"""How a start that came to nothing is told."""

import signal
from collections.abc import Sequence
from contextlib import suppress

from headstart.agent.http.checks import expectation
from headstart.agent.http.serialise import authority
from headstart.agent.instances import LOOPBACK, ExitFacts
from headstart.agent.probe.prober import PortInUse, ProberDied
from headstart.agent.probe.task import ProbeResult
from headstart.agent.runtimes.line_watch import MOST_BYTES, MOST_LINES
from headstart.agent.runtimes.ports import Listener
from headstart.v1.experiment_pb2 import HttpCheck, Service
from headstart.v1.records_pb2 import Failure, FailureCode
from headstart.words.readiness import stated, steps_of

# Where service.address can be.
LOOPBACKS = (LOOPBACK, "::1")


def cancelled() -> Failure:
    """The run was."""
    return Failure(
        code=FailureCode.FAILURE_CODE_CANCELLED, message="the run was cancelled during a start"
    )


def not_a_service() -> Failure:
    """Nothing that a probe could ask."""
    return Failure(
        code=FailureCode.FAILURE_CODE_AGENT,
        message="this agent starts services, ready when they answer HTTP requests at a port, and"
        " workers, ready at lines of their log",
    )


def port_in_use(error: PortInUse) -> Failure:
    """Somebody else would have answered."""
    return Failure(
        code=FailureCode.FAILURE_CODE_PORT_IN_USE,
        message=f"something accepted a connection at {error.address}:{error.port} before the app"
        " was started; stop it, or choose another port",
    )


def unseen(error: ProberDied, output_tail: str) -> Failure:
    """The prober is a process beside the app: the app, or the host, may have killed it."""
    return Failure(
        code=FailureCode.FAILURE_CODE_AGENT,
        message=f"how this start went is not known: {error}",
        output_tail=output_tail,
    )


def ended(facts: ExitFacts, after_seconds: float, service: Service, output_tail: str) -> Failure:
    """The app ended before its first correct response."""
    before = f"after {after_seconds:.2f} s, before {_readiness(service)}"
    if (limit := facts.limit()) is not None:
        code, words = limit
        return Failure(
            code=code,
            message=f"the app was killed {before}: {words}{wrote_nothing(output_tail)}",
            exit_status=facts.status,
            output_tail=output_tail,
        )
    return Failure(
        code=FailureCode.FAILURE_CODE_DOES_NOT_START,
        message=f"the app ended with {status_words(facts.status)} {before}"
        + wrote_nothing(output_tail),
        exit_status=facts.status,
        output_tail=output_tail,
    )


def _readiness(service: Service) -> str:
    if service.ready.HasField("log"):
        return f"a line of its log matched /{service.ready.log.pattern}/"
    return f"it answered {request_line(service.ready.http)} correctly"


def no_line(
    result: ProbeResult, timeout_seconds: float, service: Service, output_tail: str
) -> Failure:
    """The worker lives, but no line of its log said that it is ready."""
    patterns = [check.log.pattern for _, check in steps_of(service)]
    done = len(result.steps_ns)
    if result.log_lines >= MOST_LINES or result.log_bytes >= MOST_BYTES:
        where = (
            f"none of the first {result.log_lines:,} lines of its log ({result.log_bytes:,} bytes)"
            f" matched /{patterns[done]}/, and no more are looked at"
        )
    else:
        lines = "1 line" if result.log_lines == 1 else f"{result.log_lines:,} lines"
        if result.log_bytes and not result.log_lines:
            lines = f"{result.log_bytes:,} bytes without a line's end"
        where = (
            f"no line of its log matched /{patterns[done]}/ within {timeout_seconds:g} s;"
            f" it wrote {lines}"
        )
    if done:
        where += f", of which one matched /{patterns[done - 1]}/ before"
    return Failure(code=FailureCode.FAILURE_CODE_NOT_READY, message=where, output_tail=output_tail)


def not_ready(
    result: ProbeResult,
    timeout_seconds: float,
    service: Service,
    output_tail: str,
    address: str,
    listeners: Sequence[Listener] = (),
) -> Failure:
    """The app lives, but no correct response came. `listeners`: where it listens, if known."""
    steps = steps_of(service)
    done = len(result.steps_ns)
    path, check = steps[done][0], steps[done][1].http
    words = (
        _not_ready_words(result, timeout_seconds, check)
        if result.listened
        else _nothing_listened(
            result,
            timeout_seconds,
            Listener(check.port or service.port, address),
            stated((*path, "port")) if check.port else "service.port",
            listeners,
        )
    )
    if done:
        words += f"; it had answered {request_line(steps[done - 1][1].http)} before"
    return Failure(
        code=FailureCode.FAILURE_CODE_NOT_READY,
        message=words + wrote_nothing(output_tail),
        output_tail=output_tail,
    )


def _not_ready_words(result: ProbeResult, timeout_seconds: float, check: HttpCheck) -> str:
    within = f"within {timeout_seconds:g} s"
    request = request_line(check)
    expected = f"expected {expectation(check)}"
    wrong, incorrect = result.wrong, result.incorrect_there
    if incorrect:
        times = "once" if incorrect == 1 else f"{incorrect} times"
        return (
            f"the app answered {request} {times} {within}, never correctly;"
            f" last: {wrong}; {expected}"
        )
    return f"the app listened, but did not answer {request} {within}: {wrong}; {expected}"


def _nothing_listened(
    result: ProbeResult,
    timeout_seconds: float,
    asked: Listener,
    key: str,
    listeners: Sequence[Listener],
) -> str:
    """`asked`: where nobody was; `key`: of the file, which states the port."""
    address, port = asked.address, asked.port
    reason = f" ({result.wrong})" if result.wrong else ""
    within = f"within {timeout_seconds:g} s{reason}"
    if not listeners:
        return f"nothing listened on port {port} {within}"
    nearest = sorted(listeners, key=lambda each: (each.port != port, not each.port))
    where = " and ".join(dict.fromkeys(map(str, nearest[:3])))
    remedy = _remedy(nearest[0], address, port, key)
    return (
        f"the app listens on {where}, and on {authority(address, port)} nothing did"
        f" {within}{remedy and f'; {remedy}'}"
    )


def _remedy(listener: Listener, address: str, port: int, key: str) -> str:
    """What to change so that an app that listens there is found."""
    at = listener.address
    reached = at in (address, f"::ffff:{address}", "0.0.0.0", "::")  # noqa: S104  # where it listens
    if not listener.port:
        return f"have it listen on TCP port {port}"
    if listener.port != port and reached:
        return f"set {key}: {listener.port}, or have it listen on port {port}"
    if reached:
        return ""
    if address not in LOOPBACKS:
        return f"have it listen on all addresses (0.0.0.0), port {port}, or use network: own"
    if at not in LOOPBACKS:
        return f"have it listen on {authority(address, port)}, or on all addresses"
    wrong_port = f"{key}: {listener.port} and " if listener.port != port else ""
    return (
        f'set {wrong_port}service.address: "{at}", or have it listen on {authority(address, port)}'
    )


def wrote_nothing(output_tail: str) -> str:
    """What to add to a sentence whose reader looks for the app's output, and there is none."""
    return "" if output_tail.strip() else "; it wrote nothing"


def request_line(check: HttpCheck) -> str:
    """As a person writes it: GET /health."""
    at = f" on port {check.port}" if check.port else ""
    return f"{check.request.method or 'GET'} {check.request.target or '/'}{at}"


def status_words(status: int) -> str:
    """An exit status in words: a signal's number says little."""
    if status > 128:
        with suppress(ValueError):
            return f"status {status} ({signal.Signals(status - 128).name})"
    return f"status {status}"
