"""Values of an experiment file that options of the command line replace.

The change is made in the text, so that the text that is stored, shown and read again is the one
that ran: comments, order and style of the rest stay, and a comment on top says what was changed.
Overrides beside the text would make the stored text a lie for reports, reruns and comparisons.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from headstart.collector.experiments.file.document import dotted, read_document
from headstart.collector.experiments.file.nodes import NULL, Unreadable, compose
from headstart.collector.experiments.file.phrases import found, plain
from headstart.collector.experiments.file.read import (
    ExperimentProblems,
    format_problem,
    load_experiment,
)
from headstart.v1.experiments_pb2 import Problem
from headstart.words.foreign.secrets import is_secret_name, without_values

Scalar = str | int | float | bool
Value = Scalar | dict[str, Scalar]
_BYTE_ORDER_MARK = "\ufeff"


class NoOverride(ValueError):
    """A value cannot be put into the file; the message says why, and names the option."""


@dataclass(frozen=True)
class Override:
    """An option that replaces the value at a path of the file."""

    option: str
    path: tuple[str, ...]
    value: Value


@dataclass(frozen=True)
class Overridden:
    """The text with its changes, and the lines of it that the file does not have."""

    text: str
    # Path -> what a mistake there is said of: an option.
    options: Mapping[str, str]
    added: Sequence[int]

    def mistakes(self, base_directory: str, file_name: str, revision: str = "") -> list[str]:
        """All mistakes, those of options by their names, others by their lines in the file."""
        try:
            load_experiment(self.text, base_directory, file_name, revision)
        except ExperimentProblems as error:
            return [self._mistake(problem, file_name) for problem in error.problems]
        return []

    def _mistake(self, problem: Problem, file_name: str) -> str:
        if option := self.options.get(problem.path):
            return f"{option}: {problem.message}"
        moved = Problem()
        moved.CopyFrom(problem)
        moved.line -= sum(line <= problem.line for line in self.added)
        return format_problem(moved, file_name)


def plan_overrides(
    text: str, blocks: str | None, duration: str | None, others: Sequence[tuple[str, str]]
) -> list[Override]:
    """`--blocks`, `--duration` and each `--set KEY=VALUE` as changes to a file's text."""
    found = []
    if blocks is not None:
        number = read_value(blocks)
        maximum = _value(read_document(text).data, ("plan", "maximum"))
        if number != "auto" and isinstance(maximum, dict) and "blocks" in maximum:
            # It goes with `auto` alone.
            rest = {key: value for key, value in maximum.items() if key != "blocks"}
            found.append(Override("--blocks", ("plan", "maximum"), rest))
        found.append(Override("--blocks", ("plan", "blocks"), number))
    if duration is not None:
        found.append(Override("--duration", ("load", "duration"), read_value(duration)))
    return found + [
        Override(f"--set {key}", tuple(key.split(".")), read_value(value)) for key, value in others
    ]


def read_value(text: str) -> Scalar:
    """What the value of an option means, read as in a file: `10`, `true`, `30s`."""
    value = (read_document(f"value: {text}").data or {}).get("value")
    return value if isinstance(value, str | int | float | bool) else text


def scalar_text(value: Value) -> str:
    """A value as YAML: plain where it is read back as what it is, else in quotes."""
    if isinstance(value, dict):
        entries = (f"{scalar_text(key)}: {scalar_text(each)}" for key, each in value.items())
        return f"{{{', '.join(entries)}}}"
    # Within braces fewer texts are plain than on a line of their own.
    plain_text = f"{{key: {value}}}"
    if not isinstance(value, str) or not value.isprintable():
        return json.dumps(value)
    return value if read_document(plain_text).data == {"key": value} else json.dumps(value)


def override(text: str, overrides: Sequence[Override]) -> Overridden:
    """The file's text with other values in it; one that is no YAML comes back as it is.

    Raises NoOverride.
    """
    added: list[int] = []
    told = []
    options: dict[str, str] = {}
    if read_document(text).data is None:
        return Overridden(text, {}, ())
    for each in overrides:
        data = read_document(text).data
        was = _value(data, each.path)
        for section in (each.path[:length] for length in range(1, len(each.path))):
            if _value(data, section) is None:
                options[dotted(section)] = f"{each.option}: {dotted(section)}"
        options[dotted(each.path)] = each.option
        text, line = _changed(text, each)
        added = [*(old + (0 < line <= old) for old in added), *([line] if line else [])]
        before = "not in the file" if was is None else f"in the file {_shown(each.path, was)}"
        told.append(f"{dotted(each.path)}: {_shown(each.path, each.value)} ({before})")
    if told:
        mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
        comment = f"# Changed on the command line: {'; '.join(told)}\n"
        text = f"{mark}{comment}{text.removeprefix(mark)}"
        added = [1, *(line + 1 for line in added)]
    return Overridden(text, options, added)


def _changed(text: str, change: Override) -> tuple[str, int]:
    """The text with one more change, and the line that it has more; 0: none."""
    data = read_document(text).data
    new, line = _edited(text, data, change)
    if read_document(new).data != _with(data, change.path, change.value):
        raise NoOverride(
            f"{change.option}: '{dotted(change.path)}' cannot be changed from outside in this file"
            " (an anchor, an alias or a tag is in the way); change it in the file"
        )
    return new, line


def _edited(text: str, data: Any, change: Override) -> tuple[str, int]:
    try:
        node: Node = compose(text)
    except Unreadable as error:
        raise NoOverride(f"{change.option}: {error.message}") from error
    path = change.path
    for depth, key in enumerate(path):
        if isinstance(node, ScalarNode) and node.tag == NULL:
            return _replaced(text, node, _nested(path[depth:], change.value)), 0
        if not isinstance(node, MappingNode):
            what = found(_value(data, path[:depth]))
            raise NoOverride(
                f"{change.option}: '{dotted(path[:depth])}' is {what} in the file and has no keys"
            )
        inner = next((value for name, value in node.value if name.value == key), None)
        if inner is None:
            return _inserted(text, node, path[depth:], change.value)
        node = inner
    return _replaced(text, node, scalar_text(change.value)), 0


def _replaced(text: str, node: Node, by: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, ScalarNode):
        # An empty value stands directly behind its colon.
        return f"{text[:start]}{' ' if start == end else ''}{by}{text[end:]}"
    kept = text[start:end]
    # A block ends where the next key begins.
    return text[:start] + by + kept[len(kept.rstrip()) :] + text[end:]


def _inserted(text: str, node: MappingNode, path: Sequence[str], value: Value) -> tuple[str, int]:
    """A key that is not there yet becomes the first of its mapping."""
    entry = f"{scalar_text(path[0])}: {_nested(path[1:], value)}"
    if node.flow_style or not node.value:
        at = text.index("{", node.start_mark.index) + 1
        return f"{text[:at]}{entry}{', ' if node.value else ''}{text[at:]}", 0
    first = node.value[0][0].start_mark
    new = f"{text[: first.index]}{entry}\n{' ' * first.column}{text[first.index :]}"
    return new, int(first.line) + 1


def _nested(path: Sequence[str], value: Value) -> str:
    """Keys in keys, in braces."""
    text = scalar_text(value)
    for key in reversed(path):
        text = f"{{{scalar_text(key)}: {text}}}"
    return text


def _shown(path: Sequence[str], value: Any) -> str:
    """On one line, not too long, without what is secret: the comment is kept for ever."""
    shown = _without_secrets(path, value)
    return plain(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))


def _without_secrets(path: Sequence[str], value: Any) -> Any:
    names = path[:-1] if path[-1:] == ("value",) else path
    if names and is_secret_name(names[-1]):
        return "a masked value"
    if isinstance(value, dict):
        return {key: _without_secrets((*path, key), each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(path, each) for each in value]
    return without_values(value) if isinstance(value, str) else value


def _value(data: Any, path: Sequence[str]) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _with(data: Any, path: Sequence[str], value: Value) -> Any:
    if not path:
        return value
    data = data if isinstance(data, dict) else {}
    return {**data, path[0]: _with(data.get(path[0]), path[1:], value)}
