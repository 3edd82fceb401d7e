"""What a correct answer is: one HTTP response held against an experiment's check.

Pure, and cheap to import: the prober's process loads this module, and nothing of
protobuf comes with it. Any object with the fields of `HttpCheck` will do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from headstart.words.foreign.patterns import LIMIT_BYTES, Pattern, compile_pattern

if TYPE_CHECKING:
    from headstart.v1.experiment_pb2 import HttpCheck

# Bodies are read and judged up to here.
BODY_LIMIT_BYTES = LIMIT_BYTES
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Whether the answer is correct, and both sides in words for a person."""

    passed: bool
    expected: str
    actual: str


def evaluate(
    check: "HttpCheck", status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> Evaluation:
    """Hold a whole response against a check; never raises for what a server may send.

    ValueError when the check itself is malformed (its JSON or its pattern),
    which the collector refuses before an agent sees it.
    """
    if not is_expected_status(check, status):
        fault: str | None = f"body {_shown(body)}"
    else:
        fault = (
            _header_fault(check, headers)
            or _json_fault(check.json_subset, body)
            or _pattern_fault(check.body_pattern, body)
        )
    actual = f"status {status}" if fault is None else f"status {status}, {fault}"
    return Evaluation(fault is None, expectation(check), actual)


def prepare(check: "HttpCheck") -> None:
    """Do what is done once for a check, so that its first answer does not wait for it."""
    if check.body_pattern:
        compile_pattern(check.body_pattern).found_in(b"")
    if check.json_subset:
        _expected_json(check.json_subset)


def is_expected_status(check: "HttpCheck", status: int) -> bool:
    """The part of a check that every reply of a load is held against."""
    return status == check.status if check.status else 200 <= status <= 299


def expectation(check: "HttpCheck") -> str:
    """What the check asks for, as a person would say it."""
    parts = [f"status {check.status}" if check.status else "status 200-299"]
    parts += [f"header {header.name}: {header.value}" for header in check.headers]
    if check.json_subset:
        parts.append(f"JSON containing {_cut(check.json_subset)}")
    if check.body_pattern:
        parts.append(f"a body matching /{_cut(check.body_pattern)}/")
    return " and ".join(parts)


def subset_fault(expected: Any, actual: Any, path: str = "$") -> str | None:
    """Where `actual` does not contain `expected`, as a phrase; None when it does.

    Members of an object that are not expected do not count; arrays must have the
    expected length. Numbers are equal by value (1 is 1.0), and a boolean is no number.
    """
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{path} is {_value(actual)}, not an object"
        for name, value in expected.items():
            inner = f"{path}.{name}"
            if name not in actual:
                return f"JSON without {inner}"
            if fault := subset_fault(value, actual[name], inner):
                return fault
        return None
    if isinstance(expected, list):
        if not isinstance(actual, list):
            return f"{path} is {_value(actual)}, not an array"
        if len(actual) != len(expected):
            return f"{path} has {len(actual)} elements, not {len(expected)}"
        pairs = enumerate(zip(expected, actual, strict=True))
        faults = (subset_fault(want, got, f"{path}[{i}]") for i, (want, got) in pairs)
        return next((fault for fault in faults if fault), None)
    if same_scalar(expected, actual):
        return None
    return f"{path} is {_value(actual)}, not {_value(expected)}"


def same_scalar(one: Any, other: Any) -> bool:
    """Equality of JSON's leaves; Python alone would call true and 1 equal."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _header_fault(check: "HttpCheck", headers: Sequence[tuple[str, str]]) -> str | None:
    for header in check.headers:
        values = [value for name, value in headers if name.lower() == header.name.lower()]
        if not values:
            return f"no header {header.name}"
        if header.value not in values:
            return f"header {header.name}: {_cut(', '.join(values))}"
    return None


def _json_fault(subset: str, body: bytes) -> str | None:
    if not subset:
        return None
    if len(body) > BODY_LIMIT_BYTES:
        return f"a body larger than the {BODY_LIMIT_BYTES} bytes that a check reads"
    expected = _expected_json(subset)
    try:
        return subset_fault(expected, json.loads(body))
    except (ValueError, RecursionError):
        return f"a body that is not JSON: {_shown(body)}"


# Checked again for every reply of a load's sample.
@lru_cache(maxsize=64)
def _expected_json(subset: str) -> Any:
    return json.loads(subset)


def _pattern_fault(pattern: str, body: bytes) -> str | None:
    if not pattern:
        return None
    compiled = compile_pattern(pattern)
    if compiled.found_in(body):
        return None
    return f"body {_shown(body)}{unsearched(compiled, len(body))}"


def unsearched(pattern: Pattern, size: int) -> str:
    """What to add to a text in which a pattern was not found; empty: all of it was searched."""
    if size <= pattern.limit_bytes:
        return ""
    return f", searched in the first {pattern.limit_bytes} bytes, as this pattern's size allows"


def _shown(body: bytes) -> str:
    if not body:
        return "empty"
    return repr(_cut(body[: 4 * _SHOWN_CHARACTERS].decode(errors="replace")))


def _value(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
