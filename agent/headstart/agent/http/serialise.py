"""A request as HTTP/1.1 sends it, and the address of an app as a URL writes it.

Whoever asks a measured app sends these bytes: prober, checks, builtin, wrk. h2load and
nghttp write their own and are given the same fields.
"""

from collections.abc import Iterator, Sequence

from headstart.v1.experiment_pb2 import HttpRequest

# As curl's: an app that chooses its answer by them is asked for the same one by everybody.
_DEFAULTS = (("User-Agent", "headstart"), ("Accept", "*/*"))


def serialise(request: HttpRequest, authority: str) -> bytes:
    """The request as HTTP/1.1 sends it; `authority` becomes Host unless that is stated."""
    stated = _stated(request)
    fields = [("Host", stated.get("host", authority)), *header_fields(request)]
    if (request.body or request.method in ("POST", "PUT", "PATCH")) and not (
        "content-length" in stated or "transfer-encoding" in stated
    ):
        fields.append(("Content-Length", str(len(request.body))))
    line = f"{request.method or 'GET'} {request.target or '/'} HTTP/1.1"
    return _head(line, fields) + request.body


def header_fields(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """All but Host and what follows from the body: the defaults, then what it states."""
    stated = _stated(request)
    yield from ((name, value) for name, value in _DEFAULTS if name.lower() not in stated)
    for header in request.headers:
        if header.name.lower() != "host":
            yield header.name, header.value


def authority(address: str, port: int) -> str:
    """An address and port as a URL writes them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _stated(request: HttpRequest) -> dict[str, str]:
    return {header.name.lower(): header.value for header in request.headers}


def _head(line: str, fields: Sequence[tuple[str, str]]) -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
