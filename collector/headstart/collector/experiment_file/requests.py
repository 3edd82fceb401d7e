"""Requests and regular expressions, as single values of an experiment file."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

from headstart.collector.experiment_file.units import Scalar
from headstart.collector.experiment_file.words import found, listed, quoted

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAXIMUM_TARGET = 2048
MAXIMUM_PATTERN = 512

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


# What opens a group that is no more than a group; anything else that begins
# with `(?` looks around, refers back or changes how the rest is read.
_TOKEN = re.compile(
    r"\\(?P<escaped>.)"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<flags>\(\?[ims]+\))"
    r"|(?P<open>\((?:\?(?:P<\w+>|:|(?P<special>.)))?)"
    r"|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\})(?P<greed>[?+]?)"
    r"|(?P<either>\|)"
    r"|.",
    re.DOTALL,
)
_MANY = 10


class Pattern(Scalar):
    """A regular expression whose search takes no more than a bearable time.

    Python's `re` backtracks: `(a+)+$` takes ages on thirty letters. Refused is
    what makes that happen, and what RE2 does not know either: repeated groups
    that hold repetitions or alternatives, references back, looking around.
    """

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"expected a regular expression, found {found(value)}")
        if len(value) > MAXIMUM_PATTERN:
            raise ValueError(
                f"expected a regular expression of at most {MAXIMUM_PATTERN} characters, "
                f"found {len(value)}"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if fault := slow_part(value):
            raise ValueError(fault)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": MAXIMUM_PATTERN}


@dataclass
class _Group:
    """What stands in a group so far: how far its repetitions and alternatives reach."""

    varies: bool = False
    unbounded: bool = False


def slow_part(pattern: str) -> str | None:
    """Why a valid pattern may backtrack without end, or None."""
    if re.match(r"\(?\.[*+]", pattern):
        return f"leave out '{pattern[:2]}' at the beginning: a match may begin anywhere"
    groups = [_Group()]
    closed: _Group | None = None
    for token in _TOKEN.finditer(pattern):
        last, closed = closed, None
        if token["escaped"] and token["escaped"] in "123456789":
            return f"'\\{token['escaped']}' refers back to a group, which could take forever"
        if token["open"]:
            if token["special"]:
                return f"expected '(', '(?:' or '(?P<name>' to open a group, found '{token[0]}'"
            groups.append(_Group())
        elif token["close"]:
            closed = groups.pop()
            groups[-1].varies |= closed.varies
            groups[-1].unbounded |= closed.unbounded
        elif token["either"]:
            groups[-1].varies = True
        elif token["repeat"]:
            if token["greed"] == "+":
                return f"'{token[0]}' never gives back what it took, which is not known here"
            low, high = _bounds(token)
            if last and high > 1 and (last.unbounded or (last.varies and high > _MANY)):
                sign = token["repeat"]
                return f"'{sign}' repeats a group that repeats or chooses, which could take forever"
            groups[-1].varies |= low != high
            groups[-1].unbounded |= high == float("inf")
    return None


def _bounds(token: re.Match[str]) -> tuple[float, float]:
    """How often at least and at most; `{,}` and `{}` are the signs themselves or harmless."""
    match token["repeat"]:
        case "*":
            return 0, float("inf")
        case "+":
            return 1, float("inf")
        case "?":
            return 0, 1
    low = int(token["low"] or 0)
    if not token["comma"]:
        return low, low
    return low, int(token["high"]) if token["high"] else float("inf")
