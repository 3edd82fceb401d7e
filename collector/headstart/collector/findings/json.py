"""A run's result as JSON and back: what the store keeps, `report --json` prints and CI reads.

The form follows the dataclasses of this room. Within one schema number fields are
only added, always with a default, so that an older file still loads; whatever else
changes raises the number, and brings a reader of the one before (`schema_1`).
"""

import json
import types
import typing
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from headstart.collector.findings import schema_1
from headstart.collector.findings.model import RunResult
from headstart.words import clean
from headstart.words.metrics import METRICS

SCHEMA = 2


class UnreadableResult(ValueError):
    """Not a result, or one of a newer Headstart."""


def to_json(result: RunResult, indent: int | None = None) -> str:
    """The result as a JSON object whose first key is its schema number."""
    found = asdict(result)
    # The answer stands first, above thousands of lines of series.
    first = {name: found[name] for name in ("recommendations", "gate_outcomes")}
    text = json.dumps(
        {"schema": SCHEMA, **(first | found)}, indent=indent, allow_nan=False, ensure_ascii=False
    )
    return clean.json_text(text)


def from_json(text: str | bytes) -> RunResult:
    """The result that `to_json` wrote. Raises UnreadableResult."""
    try:
        document = json.loads(text)
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
    try:
        result = _build(RunResult, document, "result")
    except (TypeError, ValueError) as error:
        raise UnreadableResult(str(error)) from error
    assert isinstance(result, RunResult)  # noqa: S101  # _build makes what it is asked for
    return result


@cache
def _types(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(kind: Any, value: Any, path: str) -> Any:
    """A value of this type from plain JSON; TypeError or ValueError says what does not fit."""
    if is_dataclass(kind):
        return _object(typing.cast(type, kind), value, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _build(arguments[0], value, path)
    if origin is tuple:
        return _tuple(arguments, value, path)
    if origin is dict:
        if not isinstance(value, dict):
            raise TypeError(f"{path} must be an object")
        return {key: _build(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if issubclass(kind, StrEnum):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{path} must be of type {kind.__name__}")
    return value


def _tuple(arguments: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{path} must be a list")
    if arguments[-1] is Ellipsis:
        # Series hold most of a result's values: what needs no building is not looked at twice.
        if arguments[0] in (float, int) and all(type(item) is arguments[0] for item in value):
            return tuple(value)
        return tuple(_build(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if len(value) != len(arguments):
        raise TypeError(f"{path} must have {len(arguments)} items")
    return tuple(
        _build(argument, item, f"{path}[{i}]")
        for i, (argument, item) in enumerate(zip(arguments, value, strict=True))
    )


def _object(cls: type, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{path} must be an object")
    kinds = _types(cls)
    if unknown := value.keys() - kinds.keys():
        raise ValueError(f"{path} has unknown keys: {', '.join(sorted(unknown))}")
    missing = [
        field.name
        for field in fields(cls)
        if field.name not in value and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    if "metric" in value and value["metric"] not in METRICS:
        raise ValueError(f"{path}.metric is {value['metric']!r}, which this version does not know")
    return cls(
        **{name: _build(kinds[name], item, f"{path}.{name}") for name, item in value.items()}
    )
