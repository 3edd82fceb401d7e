"""A run's result as JSON and back: what the store keeps, `report --json` prints and CI reads.

The form follows the dataclasses of this room. Within one schema number fields are
only added, always with a default, so that an older file still loads; whatever else
changes raises the number, and brings a reader of the one before (`schema_1`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from headstart.collector.findings import schema_1
from headstart.collector.findings.model import RunResult
from headstart.words.foreign import clean
from headstart.words.json_schema_number import SCHEMA
from headstart.words.metrics import METRICS

# How `to_json` begins: what follows is read at once, without a look at the number.
_AS_WRITTEN = re.compile(rb'\s*\{\s*"schema"\s*:\s*%d\s*,' % SCHEMA)
_SCALARS = frozenset({float, int, str, bool, type(None)})
_MISTAKES = {"missing": "is missing", "unexpected_keyword_argument": "is not known here"}


class UnreadableResult(ValueError):
    """Not a result, or one of a newer Headstart."""


def to_json(result: RunResult, indent: int | None = None) -> str:
    """The result as a JSON object whose first key is its schema number."""
    found = _plain(result)
    # The answer stands first, above thousands of lines of series.
    first = {name: found[name] for name in ("recommendations", "gate_outcomes")}
    text = json.dumps(
        {"schema": SCHEMA, **(first | found)}, indent=indent, allow_nan=False, ensure_ascii=False
    )
    return clean.json_text(text)


def _plain(value: Any) -> Any:
    """As `dataclasses.asdict` has it, which copies each of a million numbers by itself."""
    if isinstance(value, tuple | list):
        if _SCALARS.issuperset(map(type, value)):
            return value
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def from_json(text: str | bytes) -> RunResult:
    """The result that `to_json` wrote. Raises UnreadableResult."""
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    begin = _AS_WRITTEN.match(content)
    fields = b"{" + content[begin.end() :] if begin else _as_schema_2(content)
    try:
        result = _reader().validate_json(fields)
    except ValidationError as error:
        raise UnreadableResult(_mistake(error)) from error
    if unknown := [metric for metric in _metrics(result) if metric not in METRICS]:
        raise UnreadableResult(f"this version does not know the metric {unknown[0]!r}")
    return result


@cache
def _reader() -> TypeAdapter[RunResult]:
    return TypeAdapter(RunResult)


def _as_schema_2(content: bytes) -> bytes:
    """The document without its schema number, of whatever schema it is."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UnreadableResult(f"not JSON: {error}") from error
    except RecursionError as error:
        raise UnreadableResult("not a result: nested too deep") from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise UnreadableResult("not a result: it has no schema number")
    schema = document.pop("schema")
    if schema > SCHEMA:
        raise UnreadableResult(
            f"written by a newer Headstart (schema {schema}; this one reads up to {SCHEMA})"
        )
    if schema == 1:
        document = schema_1.upgraded(document)
    elif schema != SCHEMA:
        raise UnreadableResult(f"not a result: there is no schema {schema}")
    return json.dumps(document).encode()


def _mistake(error: ValidationError) -> str:
    """The first of the mistakes, with its place."""
    found = error.errors(include_url=False, include_input=False)[0]
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in found["loc"])
    place = "result" + "".join(steps)
    kind = found["type"]
    return f"{place} {_MISTAKES[kind]}" if kind in _MISTAKES else f"{place}: {found['msg']}"


def _metrics(result: RunResult) -> Iterator[str]:
    yield from (figure.metric for figure in result.figures)
    yield from (comparison.metric for comparison in result.comparisons)
    yield from (limit.metric for limit in result.gates)
    yield from (outcome.limit.metric for outcome in result.gate_outcomes)
