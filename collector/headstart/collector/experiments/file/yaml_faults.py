"""What is wrong with a text as YAML, in words that need no knowledge of the parser."""

import re
from collections.abc import Callable

from yaml.error import Mark, MarkedYAMLError

# Told the error and what follows at the mark; the mark to show it at (None: the parser's own).
_Told = tuple[Mark | None, str]
_Teller = Callable[[MarkedYAMLError, re.Match[str], str], _Told]

_ELSE = "this is not YAML; expected a key, a value or an entry of a list"
_QUOTES = "put the value into quotes"


def told(error: MarkedYAMLError, text: str) -> tuple[Mark | None, str]:
    """Where a mistake of syntax is, and what was expected there; pure."""
    mark = error.problem_mark or error.context_mark
    at = text[mark.index : mark.index + 1] if mark is not None else ""
    said = f"{error.context or ''}: {error.problem or ''}"
    for pattern, tell in _FAULTS:
        if found := pattern.search(said):
            place, message = tell(error, found, at)
            return place or mark, message
    return mark, _ELSE


def _same(message: str) -> _Teller:
    return lambda _error, _found, _at: (None, message)


def _quote(error: MarkedYAMLError, _found: re.Match[str], _at: str) -> _Told:
    return error.context_mark, "the quote that opens here is never closed"


def _no_colon(error: MarkedYAMLError, _found: re.Match[str], _at: str) -> _Told:
    return error.context_mark, "expected 'key: value': a key, a ':' and a space"


def _no_token(_error: MarkedYAMLError, _found: re.Match[str], at: str) -> _Told:
    if at == "\t":
        return None, "a tab stands here; indent with spaces"
    return None, f"a value cannot begin with '{at}'; {_QUOTES}"


def _open(error: MarkedYAMLError, found: re.Match[str], _at: str) -> _Told:
    closing = found[1]
    opening = "[" if closing == "]" else "{"
    begin, end = error.context_mark, error.problem_mark
    if begin is None or end is None or begin.line == end.line:
        return None, f"expected ',' or '{closing}' here"
    return begin, (
        f"the '{opening}' that opens here is not closed: expected ',' or '{closing}' before line"
        f" {end.line + 1}"
    )


def _block(error: MarkedYAMLError, found: re.Match[str], at: str) -> _Told:
    if found[1] in (",", "]", "}"):
        message = (
            f"nothing that was opened ends at this '{found[1]}'; {_QUOTES} if it belongs to it"
        )
    elif found[1] == "<scalar>":
        message = "a value ended before this; put all of it into one pair of quotes"
    elif at == ":":
        message = "expected a key before this ':'"
    elif found[1] in ("-", "<block sequence start>"):
        line = error.context_mark.line + 1 if error.context_mark is not None else 1
        message = f"an entry of a list stands here; expected a key, as on line {line}"
    else:
        message = (
            "this line is indented as no other that it could belong to; expected as many spaces"
            " as the keys beside it have"
        )
    return None, message


def _outside(_error: MarkedYAMLError, _found: re.Match[str], at: str) -> _Told:
    if at == "%":
        return None, "a line cannot begin with '%' here; leave it out"
    return None, "what came before has ended; expected the indentation of the first line"


def _anchor(error: MarkedYAMLError, found: re.Match[str], _at: str) -> _Told:
    first = error.context_mark.line + 1 if error.context_mark is not None else 0
    return None, (
        f"the anchor '&{found[1]}' stands here twice, the first time on line {first};"
        " give one of them another name"
    )


def _alias(_error: MarkedYAMLError, found: re.Match[str], _at: str) -> _Told:
    return None, (
        f"no anchor '&{found[1]}' stands before this '*{found[1]}'; put a value that begins with"
        " '*' into quotes"
    )


def _escape(_error: MarkedYAMLError, found: re.Match[str], _at: str) -> _Told:
    return None, (
        f"'\\{found[1]}' means nothing within double quotes; write '\\\\' for a backslash, or use"
        " single quotes"
    )


_FAULTS: tuple[tuple[re.Pattern[str], _Teller], ...] = tuple(
    (re.compile(pattern, re.DOTALL), tell)
    for pattern, tell in (
        (r"quoted scalar: found unexpected", _quote),
        (r"could not find expected ':'", _no_colon),
        (r"that cannot start any token", _no_token),
        (
            r"mapping values are not allowed here",
            _same(
                "a ':' cannot stand here; put a value that holds ': ' into quotes, or give this"
                " line the indentation of the keys beside it"
            ),
        ),
        (
            r"sequence entries are not allowed here",
            _same("a list cannot begin here; put each '- ' on a line of its own below the key"),
        ),
        (
            r"mapping keys are not allowed here",
            _same(f"a key cannot begin with '?' here; {_QUOTES}"),
        ),
        (r"expected ',' or '(.)', but got", _open),
        (r"expected <block end>, but found '(.*)'", _block),
        (r"expected the node content", _same("expected a value here")),
        (r"duplicate anchor '(.*?)'", _anchor),
        (r"undefined alias '(.*?)'", _alias),
        (
            r"scanning an (?:alias|anchor)",
            _same(f"a value cannot begin with '*' or '&'; {_QUOTES}"),
        ),
        (r"found unknown escape character '(.)'", _escape),
        (
            r"expected escape sequence of (\d+)",
            lambda _error, found, _at: (None, f"expected {found[1]} hexadecimal digits here"),
        ),
        (
            r"scanning a block scalar",
            _same(f"expected a line break after '|' or '>', and the text below it; else {_QUOTES}"),
        ),
        (
            r"(?:scanning|parsing) an? (?:tag|node)|undefined tag|tag handle",
            _same(f"a value cannot begin with '!'; {_QUOTES}"),
        ),
        (
            r"version 1",
            _same("expected YAML of version 1: leave the line that begins with '%YAML' out"),
        ),
        (r"directive", _same("a line cannot begin with '%' here; leave it out")),
        (r"expected '<document start>'", _outside),
    )
)
