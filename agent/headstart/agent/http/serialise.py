"""A request as HTTP/1.1 sends it, and the address of an app as a URL writes it."""

from collections.abc import Sequence

from headstart.v1.experiment_pb2 import HttpRequest


def serialise(request: HttpRequest, authority: str) -> bytes:
    """The request as HTTP/1.1 sends it; `authority` becomes Host unless that is stated."""
    fields = [(header.name, header.value) for header in request.headers]
    stated = {name.lower() for name, _ in fields}
    if "host" not in stated:
        fields.insert(0, ("Host", authority))
    if (request.body or request.method in ("POST", "PUT", "PATCH")) and not stated & {
        "content-length",
        "transfer-encoding",
    }:
        fields.append(("Content-Length", str(len(request.body))))
    return _head(f"{request.method} {request.target} HTTP/1.1", fields) + request.body


def authority(address: str, port: int) -> str:
    """An address and port as a URL writes them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _head(line: str, fields: Sequence[tuple[str, str]]) -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")
