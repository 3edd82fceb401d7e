"""The text of an experiment file as it may be kept and shown: secrets are masked in place."""

import json
import re
from collections.abc import Iterator
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.nodes import compose
from headstart.words.foreign.secrets import Masks, argument_values, holds_mask, masks_of

# Below these the keys are names of the author's; elsewhere they are the file's own.
_NAMED_BY_THEIR_KEYS = frozenset({"env", "arguments", "headers", "json"})
# Lists of these are the words of a command.
_COMMANDS = frozenset({"command", "entrypoint", "args", "seed"})
# What a run is found by; a value that happens to be a name stays there.
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
_KEPT = frozenset({"experiment", "baseline", "image", "base", "compilation", "from", "from_file"})


# Place -> what comes before the value, the name and the value: of secrets only.
Arguments = dict[Path, tuple[str, str, str]]


def masks_for(data: dict[str, Any]) -> Masks:
    """Masks of what the data of a file holds."""
    masks = masks_of((_name(path), str(value)) for path, value in _scalars(data, ()))
    for _, name, value in _arguments(data, ()).values():
        masks.add(name, value)
    return masks


def masked_places(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Values that were masked already, with what to do: the file was taken from a report."""
    message = (
        "the value was masked in a report; state it again, or have it come from the host"
        " (from: NAME)"
    )
    for path, value in _scalars(data, ()):
        if isinstance(value, str) and holds_mask(value):
            yield path, message


def masked_source(text: str, data: dict[str, Any]) -> str:
    """The text, which means `data`, with each secret value replaced; the same text without any.

    It is YAML again, of the same form.
    """
    masks = masks_for(data)
    found = [(path, node) for path, node in _nodes(compose(text), ()) if not _is_kept(path)]
    arguments = _arguments(data, ())
    shown = {id(node): _shown(path, node, masks, arguments) for path, node in found}
    changed = [node for _, node in found if shown[id(node)] != node.value]
    if not changed and masks.stated(text) == text:
        return text
    # An alias is its anchor's node again.
    by_place = {node.start_mark.index: node for node in changed}
    pieces, at = [], 0
    for begin, node in sorted(by_place.items()):
        end = node.end_mark.index
        pieces += [_comments(text[at:begin], masks), _rewritten(text[begin:end], shown[id(node)])]
        at = end
    return "".join([*pieces, _comments(text[at:], masks)])


def _is_kept(path: Path) -> bool:
    return path[-1] in _KEPT and not _name(path)


def _shown(path: Path, node: ScalarNode, masks: Masks, arguments: Arguments) -> str:
    value: str = node.value
    if path in arguments:
        begin, name, rest = arguments[path]
        return begin + masks.value(name, rest)
    # null, which is no value.
    return value if node.tag.endswith(":null") else masks.value(_name(path), value)


def _nodes(node: Node, path: Path) -> Iterator[tuple[Path, ScalarNode]]:
    """Every value with its path."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _nodes(value, (*path, key.value))
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield from _nodes(value, (*path, index))
    elif isinstance(node, ScalarNode):
        yield path, node


def _rewritten(span: str, value: str) -> str:
    """A scalar with another value, its anchor kept."""
    anchor = re.match(r"&\S+\s+", span)
    line_end = "\n" if span.endswith("\n") else ""
    return f"{anchor[0] if anchor else ''}{json.dumps(value, ensure_ascii=False)}{line_end}"


def _comments(text: str, masks: Masks) -> str:
    """What is between the values that were replaced, with its comments masked too."""
    return _COMMENT.sub(lambda found: masks.stated(found[0]), text)


def _arguments(data: Any, path: Path) -> Arguments:
    """Words of commands that an option or setting of a secret name has as its value."""
    inner = dict(enumerate(data)) if isinstance(data, list) else data
    if not isinstance(inner, dict):
        return {}
    found: Arguments = {}
    for key, value in inner.items():
        found |= _arguments(value, (*path, key))
    if isinstance(data, list) and path and path[-1] in _COMMANDS:
        words = argument_values(str(word) for word in data)
        found |= {(*path, n): parts for n, parts in enumerate(words) if parts[1]}
    return found


def _name(path: Path) -> str:
    """The name of a value for the list of secret names; empty: it has none of the author's."""
    keys = [part for part in path if isinstance(part, str)]
    if len(keys) > 1 and keys[-1] == "value" and keys[-2] not in _NAMED_BY_THEIR_KEYS:
        # The long form: `DB_PASSWORD: {value: ...}`.
        del keys[-1]
    named = any(key in _NAMED_BY_THEIR_KEYS for key in keys[:-1])
    return keys[-1] if named else ""


def _scalars(data: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _scalars(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _scalars(value, (*path, index))
    elif data is not None:
        yield path, data
