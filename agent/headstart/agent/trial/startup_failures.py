"""How a start that came to nothing is told."""

import signal
from collections.abc import Sequence
from contextlib import suppress

from headstart.agent.http.checks import expectation
from headstart.agent.instances import ExitFacts
from headstart.agent.probe.prober import PortInUse, ProberDied
from headstart.agent.probe.task import ProbeResult
from headstart.v1.experiment_pb2 import HttpCheck, Service
from headstart.v1.records_pb2 import Failure, FailureCode


def cancelled() -> Failure:
    """The run was."""
    return Failure(
        code=FailureCode.FAILURE_CODE_CANCELLED, message="the run was cancelled during a start"
    )


def not_a_service() -> Failure:
    """Nothing that a probe could ask."""
    return Failure(
        code=FailureCode.FAILURE_CODE_AGENT,
        message="this agent starts services only: a port, and an HTTP request that tests it",
    )


def port_in_use(error: PortInUse) -> Failure:
    """Somebody else would have answered."""
    return Failure(
        code=FailureCode.FAILURE_CODE_PORT_IN_USE,
        message=f"something accepted a connection at {error.address}:{error.port} before the app"
        " was started; stop it, or choose another service.port",
    )


def unseen(error: ProberDied, output_tail: str) -> Failure:
    """The prober is a process beside the app: the app, or the host, may have killed it."""
    return Failure(
        code=FailureCode.FAILURE_CODE_AGENT,
        message=f"how this start went is not known: {error}",
        output_tail=output_tail,
    )


def ended(facts: ExitFacts, after_seconds: float, ready: HttpCheck, output_tail: str) -> Failure:
    """The app ended before its first correct response."""
    before = f"after {after_seconds:.2f} s, before it answered {request_line(ready)} correctly"
    if (limit := facts.limit()) is not None:
        code, words = limit
        return Failure(
            code=code,
            message=f"the app was killed {before}: {words}",
            exit_status=facts.status,
            output_tail=output_tail,
        )
    return Failure(
        code=FailureCode.FAILURE_CODE_DOES_NOT_START,
        message=f"the app ended with {status_words(facts.status)} {before}",
        exit_status=facts.status,
        output_tail=output_tail,
    )


def not_ready(
    result: ProbeResult,
    timeout_seconds: float,
    service: Service,
    output_tail: str,
    listeners: Sequence[str] = (),
) -> Failure:
    """The app lives, but no correct response came. `listeners`: where it listens, if known."""
    return Failure(
        code=FailureCode.FAILURE_CODE_NOT_READY,
        message=_not_ready_words(result, timeout_seconds, service, listeners),
        output_tail=output_tail,
    )


def _not_ready_words(
    result: ProbeResult, timeout_seconds: float, service: Service, listeners: Sequence[str]
) -> str:
    within = f"within {timeout_seconds:g} s"
    request = request_line(service.ready.http)
    expected = f"expected {expectation(service.ready.http)}"
    wrong = result.wrong
    if result.connected_ns == 0:
        reason = f" ({wrong})" if wrong else ""
        found = f"; the app listens at {', '.join(listeners[:3])}" if listeners else ""
        return f"nothing listened on port {service.port} {within}{reason}{found}"
    if result.incorrect_responses:
        times = "once" if result.incorrect_responses == 1 else f"{result.incorrect_responses} times"
        return (
            f"the app answered {request} {times} {within}, never correctly;"
            f" last: {wrong}; {expected}"
        )
    return f"the app listened, but did not answer {request} {within}: {wrong}; {expected}"


def request_line(check: HttpCheck) -> str:
    """As a person writes it: GET /health."""
    return f"{check.request.method or 'GET'} {check.request.target or '/'}"


def status_words(status: int) -> str:
    """An exit status in words: a signal's number says little."""
    if status > 128:
        with suppress(ValueError):
            return f"status {status} ({signal.Signals(status - 128).name})"
    return f"status {status}"
