"""Rules of `service`: what goes with an app that has a port, a batch program, and a worker."""

from collections.abc import Iterator
from typing import Any

from headstart.collector.experiments.file.check_forms import steps_in
from headstart.collector.experiments.file.check_rules import (
    containers_without_port,
    is_command,
    is_log,
    is_request,
)
from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.phrases import listed

# Path, message, and whether it is said of the key.
_Found = tuple[Path, str, bool]
_COMPARE = ("service", "compare_with_baseline")


def broken_service_rules(data: dict[str, Any]) -> Iterator[_Found]:
    """A port is what requests go to; an app without one is a batch program or a worker."""
    service = data.get("service")
    if not isinstance(service, dict):
        return
    steps = _steps(service)
    if "port" in service:
        yield from _of_a_service(service, steps)
    elif any(is_log(step) for step in steps.values()):
        yield from _of_a_worker(data, service, steps)
        return
    else:
        yield from _of_a_batch_program(data, service, steps)
    if is_command(service.get("first_data")):
        yield ("service", "first_data"), "expected a request", True


def _steps(service: dict[str, Any]) -> dict[Path, object]:
    """What `ready` holds, by its place."""
    ready = service.get("ready")
    if not isinstance(ready, list):
        return {("service", "ready"): ready}
    return {("service", "ready", number): step for number, step in enumerate(steps_in(ready))}


def _requests(service: dict[str, Any]) -> list[int]:
    """Which of its checks are requests."""
    checks = service.get("checks")
    stated = checks if isinstance(checks, list) else []
    return [number for number, check in enumerate(stated) if is_request(check)]


def _of_a_service(service: dict[str, Any], steps: dict[Path, object]) -> Iterator[_Found]:
    for path, step in steps.items():
        if is_command(step):
            message = "expected a request: an app with a port is ready when it answers one"
            yield path, message, True
        elif is_log(step):
            message = (
                "expected a request: an app with a port is ready when it answers one, and a line of"
                " its log is for a worker, which has no 'port'"
            )
            yield path, message, True
    if service.get("compare_with_baseline") is True and not _requests(service):
        message = "there is nothing to compare: expected at least one check that is a request"
        yield _COMPARE, message, False


def _of_a_batch_program(
    data: dict[str, Any], service: dict[str, Any], steps: dict[Path, object]
) -> Iterator[_Found]:
    yield from containers_without_port(service.get("checks"))
    requests = _requests(service)
    senders = {
        "ready": any(step is not None and is_request(step) for step in steps.values()),
        "checks": bool(requests),
        "first_data": service.get("first_data") is not None,
        "load": data.get("load") is not None,
    }
    if names := [f"'{name}'" for name, sends in senders.items() if sends]:
        verb = "sends" if len(names) == 1 else "send"
        message = f"the key 'port' is missing: {listed(names, 'and')} {verb} requests to it"
        yield ("service", "port"), message, True
    elif len(steps) > 1:
        message = "expected one command: a batch program has one trivial case"
        yield ("service", "ready"), message, True
    jobs = data.get("jobs") if isinstance(data.get("jobs"), dict) else None
    if service.get("compare_with_baseline") is True and not (requests or jobs):
        message = "there is nothing to compare: expected 'jobs' or at least one check"
        yield _COMPARE, message, False


def _of_a_worker(
    data: dict[str, Any], service: dict[str, Any], steps: dict[Path, object]
) -> Iterator[_Found]:
    """It is ready at a line of its log, and nobody can ask it anything."""
    for path, step in steps.items():
        if not is_log(step):
            message = "expected 'log', as in the other step: a worker has no port to be asked at"
            yield path, message, True
    yield from containers_without_port(service.get("checks"))
    for number in _requests(service):
        message = "expected a command: a worker (log under 'ready', no 'port') answers no requests"
        yield ("service", "checks", number), message, True
    for key, why in _NOT_A_WORKERS.items():
        if key in service:
            message = f"'{key}' belongs to an app with a port; a worker {why}"
            yield ("service", key), message, True
    if service.get("compare_with_baseline") is True:
        yield _COMPARE, "there is nothing to compare: a worker answers no requests", False
    if data.get("load") is not None:
        message = "'load' belongs to an app with a port; a worker is put under none"
        yield ("load",), message, True
    if data.get("jobs") is not None:
        message = "'jobs' belongs to a batch program; a worker is started once a trial, and stays"
        yield ("jobs",), message, True


_NOT_A_WORKERS = {
    "first_data": "is asked for none",
    "address": "is not asked at any",
}
