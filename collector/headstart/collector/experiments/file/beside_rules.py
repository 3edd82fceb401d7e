"""Rules that span `beside` and other keys: one network has each port and each name once."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from headstart.collector.experiments.file.check_forms import steps_in
from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.phrases import listed, quoted

# Path, message, and whether it is said of the key.
_Found = tuple[Path, str, bool]


def broken_beside_rules(data: Mapping[str, Any]) -> Iterator[_Found]:
    """What `beside` and the rest of the file say against each other."""
    beside = _mapping(data, "beside")
    if not beside:
        return
    if "localhost" in beside:
        message = "every service here is reached by a name of its own, and 'localhost' is the app's"
        yield ("beside", "localhost"), message, True
    yield from _of_variants(data, beside)
    if _mapping(data, "plan").get("network") == "host":
        message = (
            "'beside' needs a network that the app and its services share alone: their ports and"
            " names would be the host's. Leave it out, or say bridge"
        )
        yield ("plan", "network"), message, True
    yield from _of_ports(data, beside)


def _of_variants(data: Mapping[str, Any], beside: Mapping[str, Any]) -> Iterator[_Found]:
    variants = _mapping(data, "variants")
    commands = [
        name for name, each in variants.items() if isinstance(each, dict) and "command" in each
    ]
    if commands:
        what = "is a process" if len(commands) == 1 else "are processes"
        message = (
            f"services stand beside containers: {listed(map(quoted, commands), 'and')} {what} of"
            " the host, whose network they cannot share. Make images of all variants, or start the"
            " services yourself"
        )
        yield ("beside",), message, True
    places: Iterator[tuple[Path, Any]] = iter(
        [
            *((("variants", name), each) for name, each in variants.items()),
            *((("beside", name), each) for name, each in beside.items()),
        ]
    )
    for path, each in places:
        for name in _mapping(each, "hosts"):
            if name in beside:
                message = f"{quoted(name)} is the name of a service of 'beside', with its address"
                yield (*path, "hosts", name), message, True


def _of_ports(data: Mapping[str, Any], beside: Mapping[str, Any]) -> Iterator[_Found]:
    """All of them listen in one network, where a port is one program's."""
    taken = dict(_ports_of_the_app(data))
    for name, companion in beside.items():
        own: dict[int, str] = {}
        for path, port in _ports_of(name, companion):
            if port in taken:
                message = (
                    f"port {port} is {taken[port]}, and both are in one network: let one of them"
                    " listen on another port"
                )
                yield path, message, False
            own.setdefault(port, f"that of {quoted(name)}, too")
        taken = {**own, **taken}


def _ports_of_the_app(data: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    service = _mapping(data, "service")
    checks = service.get("checks")
    asked = [
        *steps_in(service.get("ready")),
        service.get("first_data"),
        *(checks if isinstance(checks, list) else []),
    ]
    for each in asked:
        if isinstance(each, dict) and _is_port(port := each.get("port")):
            yield port, "asked of the app"
    if _is_port(port := service.get("port")):
        yield port, "that of the app (service.port)"


def _ports_of(name: str, companion: Any) -> Iterator[tuple[Path, int]]:
    if _is_port(port := _mapping(companion, "ready").get("port")):
        yield ("beside", name, "ready", "port"), port
    ports = companion.get("ports") if isinstance(companion, dict) else None
    for number, port in enumerate(ports if isinstance(ports, list) else []):
        if _is_port(port):
            yield ("beside", name, "ports", number), port


def _is_port(value: object) -> TypeGuard[int]:
    return type(value) is int


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}
