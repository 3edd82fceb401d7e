"""The JSON Schema of reports as JSON, made of the dataclasses of this room and their comments.

`headstart schema report` prints it, and docs/report.schema.json holds it.
"""

import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from headstart.collector.findings.model import RunResult
from headstart.words.json_schema_number import SCHEMA

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A member, below the lines that explain it: those of one block stand for all in it.
_MEMBER = re.compile(r"((?: {4}#.*\n)*) {4}(\w+)(?:: | = \"([^\"]*)\")")


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's signature
        return False


def report_schema() -> dict[str, Any]:
    """The schema as plain data.

    It allows what it does not know: within one schema number fields are added.
    """
    found = TypeAdapter(RunResult).json_schema(schema_generator=_Generator)
    definitions = found.pop("$defs")
    for kind in (RunResult, *_kinds(RunResult)):
        definition = found if kind is RunResult else definitions[kind.__name__]
        for extra in ("title", "additionalProperties"):
            definition.pop(extra, None)
        _describe(kind, definition)
    return {
        "$schema": _DIALECT,
        "title": "Headstart report",
        **found,
        "properties": {"schema": {"const": SCHEMA}, **found["properties"]},
        "required": ["schema", *found["required"]],
        "$defs": definitions,
    }


def _kinds(kind: Any, seen: set[Any] | None = None) -> Iterator[type]:
    """The classes of which the values of a class are made, each once."""
    seen = set() if seen is None else seen
    for inner in typing.get_type_hints(kind).values() if is_dataclass(kind) else ():
        for each in _classes(inner):
            if each not in seen:
                seen.add(each)
                yield each
                yield from _kinds(each, seen)


def _classes(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and (
        is_dataclass(annotation) or issubclass(annotation, StrEnum)
    ):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _classes(argument)


def _describe(kind: type, definition: dict[str, Any]) -> None:
    """What the comments above its members say."""
    explained = []
    for comment, name, value in _MEMBER.findall(inspect.getsource(kind)):
        text = " ".join(line.strip(" #") for line in comment.splitlines()).replace("None", "null")
        if not text:
            continue
        if value:
            explained.append(f"{value}: {text}")
        elif name in definition.get("properties", {}):
            definition["properties"][name]["description"] = text
    if explained:
        definition["description"] = "\n".join([definition["description"], *explained])
