"""A YAML text as plain data, with the place in the text where each value stands.

Every key is text. After a mistake reading goes on, to find the next one too.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from headstart.collector.experiments.file.nodes import (
    BOOL,
    FORMS,
    INT,
    MAXIMUM_DEPTH,
    MAXIMUM_VALUES,
    NULL,
    TEXT,
    TOO_DEEP,
    TOO_MANY,
    Place,
    Unreadable,
    compose,
    place_of,
)
from headstart.collector.experiments.file.phrases import cut, plain, quoted
from headstart.v1.experiments_pb2 import Problem

# The seed is the longest number that a file needs: an unsigned 64-bit integer.
_MAXIMUM_DIGITS = 20

_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """A path as people write it: `service.checks[1].request`."""
    words = (f"[{part}]" if isinstance(part, int) else f".{plain(part)}" for part in path)
    return "".join(words).removeprefix(".")


@dataclass
class Document:
    """What a text says. `data` is a mapping, or None when the text could not be read.

    The places of keys and of values are kept by path.
    """

    data: dict[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def problem(self, path: Path, message: str, at_key: bool = False) -> Problem:
        """A mistake at a path; where the path is not in the text, at its nearest parent.

        Keys and values or a list begin on the line after their key, so that
        what is wrong with one of them as a whole is said of the key.
        """
        place = self._place(path, at_key)
        return Problem(line=place.line, column=place.column, path=dotted(path), message=message)

    def _place(self, path: Path, at_key: bool) -> Place:
        for length in range(len(path), 0, -1):
            part = path[:length]
            if part in self.values:
                key = self.keys.get(part)
                return key if key and (at_key or length < len(path)) else self.values[part]
        return self.values.get((), Place())


def read_document(text: str) -> Document:
    """Read a YAML text; what is wrong with it as YAML is in `problems`. Never raises."""
    document = Document()
    try:
        document.data = _Reader(document).mapping(compose(text), ())
    except Unreadable as error:
        place = error.place
        document.problems.append(
            Problem(line=place.line, column=place.column, message=error.message)
        )
    return document


@dataclass
class _Reader:
    """Turns nodes into data."""

    document: Document
    count: int = 0

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        self._enter(node, path)
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._fault(key_node, path, "expected a key that is plain text")
                continue
            key = self._text(key_node, path)
            inner = (*path, key)
            if key in data:
                first = self.document.keys[inner].line
                message = f"the key {quoted(key)} stands here twice; the first is on line {first}"
                self._fault(key_node, inner, message)
                continue
            self.document.keys[inner] = place_of(key_node)
            data[key] = self._value(value_node, inner)
        return data

    def _value(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        self._enter(node, path)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        if node.tag not in FORMS or not FORMS[node.tag].match(node.value):
            self._wrong_tag(node, path)
            return None
        if node.tag == TEXT:
            return self._text(node, path)
        if node.tag == NULL:
            return None
        if node.tag == BOOL:
            return node.value == "true"
        if len(node.value) <= _MAXIMUM_DIGITS:
            number = int(node.value) if node.tag == INT else float(node.value)
            if math.isfinite(number):
                return number
        self._fault(node, path, f"the number {cut(node.value)} is too large")
        return None

    def _text(self, node: ScalarNode, path: Path) -> str:
        text: str = node.value
        if control := _FORBIDDEN.search(text):
            message = f"the text holds the control character U+{ord(control[0]):04X}"
            self._fault(node, path, message)
            return _FORBIDDEN.sub("?", text)
        return text

    def _enter(self, node: Node, path: Path) -> None:
        # Aliases count as often as they are used, so that a few lines cannot stand
        # for billions of values.
        self.count += 1
        if self.count > MAXIMUM_VALUES:
            raise Unreadable(place_of(node), TOO_MANY)
        # An alias of a node within itself ends here.
        if len(path) > MAXIMUM_DEPTH:
            raise Unreadable(place_of(node), TOO_DEEP)
        self.document.values[path] = place_of(node)
        if not isinstance(node, ScalarNode) and node.tag not in _COLLECTIONS:
            self._wrong_tag(node, path)

    def _wrong_tag(self, node: Node, path: Path) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self._fault(node, path, f"the tag {quoted(tag)} cannot be used here; leave it out")

    def _fault(self, node: Node, path: Path, message: str) -> None:
        place = place_of(node)
        self.document.problems.append(
            Problem(line=place.line, column=place.column, path=dotted(path), message=message)
        )
