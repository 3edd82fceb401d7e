"""What kind of program an experiment measures, and what is asked until it is ready.

The parts hold an `Experiment` against these words and no other: any object with its fields
will do.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

# Of readiness.
MOST_STEPS = 5


class Kind(StrEnum):
    """How a program is used, and so how it is measured."""

    # It listens, is asked, and stays.
    SERVICE = "service"
    # It is started for each piece of work, and ends by itself.
    BATCH = "batch"
    # It stays and is asked nothing; a line of its log says that it is ready.
    WORKER = "worker"


def kind_of(experiment: Any) -> Kind:
    """Of all variants of an experiment."""
    return kind_of_service(experiment.service)


def kind_of_service(service: Any) -> Kind:
    """The same by what a `Service` says."""
    if service.port:
        return Kind.SERVICE
    return Kind.WORKER if service.ready.HasField("log") else Kind.BATCH


def steps_of(service: Any) -> list[tuple[tuple[str | int, ...], Any]]:
    """Each `Check` that makes a `Service` ready, in order, with its place in the file."""
    before = list(service.before_ready)
    if not before:
        return [(("service", "ready"), service.ready)]
    return [(("service", "ready", n), check) for n, check in enumerate([*before, service.ready])]


def placed_checks(service: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each `Check` of a `Service`, with its place in the file."""
    yield from steps_of(service)
    yield from ((("service", "checks", n), check) for n, check in enumerate(service.checks))
    yield ("service", "first_data"), service.first_data


def requests_of(service: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each request of a `Service`, with its place in the file."""
    for path, check in placed_checks(service):
        if check.HasField("http"):
            yield path, check.http


def own_ports_of(service: Any) -> dict[int, tuple[str | int, ...]]:
    """Ports beside `port` that a `Service` is asked at, each with a place in the file."""
    found: dict[int, tuple[str | int, ...]] = {}
    for path, check in requests_of(service):
        if check.port not in (0, service.port):
            found.setdefault(check.port, (*path, "port"))
    return found


def stated(path: Iterable[str | int]) -> str:
    """A place in the file as a message writes it: service.checks[0].port."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
