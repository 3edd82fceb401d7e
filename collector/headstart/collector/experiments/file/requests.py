"""Requests and regular expressions, as single values of an experiment file."""

import re
from dataclasses import dataclass
from typing import Any

from headstart.collector.experiments.file.phrases import found, listed, quoted
from headstart.collector.experiments.file.units import Scalar
from headstart.words.foreign.patterns import MAXIMUM_PATTERN, MalformedPattern, compile_pattern

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAXIMUM_TARGET = 2048

# What can stand in a request line: visible ASCII, so neither spaces nor line breaks.
_TARGET = re.compile(r"/[!\"$-~]*")
_EXAMPLE = "'GET /health' or 'GET /health -> 200'"


@dataclass(frozen=True)
class Request:
    """`METHOD /target`, with the status that a correct answer has; 0 stands for 200 to 299."""

    method: str
    target: str
    status: int = 0


class RequestLine(Scalar):
    """A request written as `GET /players` or `GET /players -> 200`."""

    def parse(self, value: object) -> Request:
        if not isinstance(value, str):
            raise ValueError(f"expected a request such as {_EXAMPLE}, found {found(value)}")
        line, arrow, status = value.partition("->")
        method, _, target = line.strip(" ").partition(" ")
        target = target.strip(" ")
        if not target or method.startswith("/"):
            raise ValueError(f"expected a request such as {_EXAMPLE}, found {found(value)}")
        if method not in METHODS:
            hint = f"; did you mean '{method.upper()}'?" if method.upper() in METHODS else ""
            raise ValueError(f"expected {listed(METHODS)}, found {found(method)}{hint}")
        if len(target) > MAXIMUM_TARGET:
            raise ValueError(f"expected a path of at most {MAXIMUM_TARGET} characters")
        if _TARGET.fullmatch(target) is None:
            raise ValueError(
                "expected a path that begins with '/', of ASCII without spaces and '#' "
                f"(write %20 and the like), found {found(target)}"
            )
        return Request(method, target, self._status(status.strip(" ")) if arrow else 0)

    @staticmethod
    def _status(text: str) -> int:
        if text.isascii() and text.isdecimal() and 100 <= int(text[:4]) <= 599:
            return int(text)
        raise ValueError(f"expected a status from 100 to 599 after '->', found {found(text)}")

    def json_schema(self) -> dict[str, Any]:
        methods = "|".join(METHODS)
        return {
            "type": "string",
            "pattern": rf"^ *({methods}) +/\S* *(-> *[1-5][0-9][0-9] *)?$",
            "examples": ["GET /players", "GET /players -> 200"],
        }


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
# The clients that measure write these themselves; a second one would change
# where a request ends, or whom it reaches.
_CLIENTS_OWN = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


@dataclass(frozen=True)
class HeaderName(Scalar):
    """The name of a header; `sent`: of a request."""

    sent: bool

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or _HEADER_NAME.fullmatch(value) is None:
            raise ValueError(f"expected the name of a header, found {found(value)}")
        if self.sent and value.lower() in _CLIENTS_OWN:
            raise ValueError(f"the header {quoted(value)} is written by the client that measures")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 128}


class Pattern(Scalar):
    """A regular expression as RE2 knows them."""

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"expected a regular expression, found {found(value)}")
        if len(value) > MAXIMUM_PATTERN:
            raise ValueError(
                f"expected a regular expression of at most {MAXIMUM_PATTERN} characters, "
                f"found {len(value)}"
            )
        try:
            compile_pattern(value)
        except MalformedPattern as error:
            reason = str(error)
            reason = reason if reason.isprintable() else repr(reason)[1:-1]
            raise ValueError(f"not a regular expression of RE2: {reason}") from error
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": MAXIMUM_PATTERN}
