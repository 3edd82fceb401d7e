"""A YAML text as nodes: the resolvers of YAML 1.2, the limits, and mistakes of syntax.

Only `true`, `false`, `null` and numbers as JSON writes them are more than text
(YAML 1.2, chapter 10.2, the "JSON schema"). What YAML 1.1 makes of `no`, `on`,
`12:30`, `010` or `2026-01-31` surprises people, and editors follow YAML 1.2; here
they stay what was written.
"""

import re
from dataclasses import dataclass

import yaml
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node
from yaml.reader import ReaderError

from headstart.collector.experiments.file.yaml_faults import told

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 32
MAXIMUM_VALUES = 10_000
TOO_DEEP = f"nested more than {MAXIMUM_DEPTH} levels deep"
TOO_MANY = f"the file holds more than {MAXIMUM_VALUES} values"

NULL = "tag:yaml.org,2002:null"
BOOL = "tag:yaml.org,2002:bool"
INT = "tag:yaml.org,2002:int"
FLOAT = "tag:yaml.org,2002:float"
TEXT = "tag:yaml.org,2002:str"
# How a scalar of each tag is written.
FORMS = {
    NULL: re.compile(r"(?:null|~|)\Z"),
    BOOL: re.compile(r"(?:true|false)\Z"),
    INT: re.compile(r"-?(?:0|[1-9][0-9]*)\Z"),
    FLOAT: re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z"),
    TEXT: re.compile(r""),
}


@dataclass(frozen=True, order=True)
class Place:
    """Line and column, both from 1; 0 is the text as a whole."""

    line: int = 0
    column: int = 0


class Unreadable(Exception):
    """A mistake after which the text cannot be read on."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


def compose(text: str) -> MappingNode:
    """The one mapping that a text holds. Unreadable is all that it raises."""
    size = len(text.encode(errors="surrogatepass"))
    if size > MAXIMUM_BYTES:
        message = f"the file has {size} bytes; expected at most {MAXIMUM_BYTES} (256 KiB)"
        raise Unreadable(Place(), message)
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_node() if loader.check_node() else None
        second = loader.get_node() if loader.check_node() else None
    except MarkedYAMLError as error:
        raise _syntax_fault(error, text) from error
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"the character U+{ord(text[error.position]):04X} cannot stand in YAML"
        raise Unreadable(place, message) from error
    except (ValueError, OverflowError) as error:
        # PyYAML lets these through for escapes such as "\UFFFFFFFF".
        mark = loader.get_mark() if loader else Mark("", 0, 0, 0, None, 0)
        message = "a number here is out of range"
        raise Unreadable(Place(mark.line + 1, mark.column + 1), message) from error
    if second is not None:
        message = "a second document begins here; expected one experiment in a file"
        raise Unreadable(place_of(second), message)
    if not isinstance(node, MappingNode):
        message = "expected an experiment: keys such as 'experiment', 'variants' and 'service'"
        raise Unreadable(Place() if node is None else place_of(node), message)
    return node


class _Loader(yaml.SafeLoader):
    """Composes nodes with the resolvers of YAML 1.2, and stops before recursion does."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._count = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self._depth += 1
        self._count += 1
        # Most values have a key, which is a node too.
        if self._depth > MAXIMUM_DEPTH or self._count > 2 * MAXIMUM_VALUES:
            # The stubs leave the parser's methods untyped.
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            message = TOO_DEEP if self._depth > MAXIMUM_DEPTH else TOO_MANY
            raise Unreadable(Place(mark.line + 1, mark.column + 1), message)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
for _tag in (NULL, BOOL, INT, FLOAT):
    _Loader.add_implicit_resolver(_tag, FORMS[_tag], None)


def place_of(node: Node) -> Place:
    """Where a node begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _syntax_fault(error: MarkedYAMLError, text: str) -> Unreadable:
    mark, message = told(error, text)
    place = Place() if mark is None else Place(mark.line + 1, mark.column + 1)
    return Unreadable(place, message)
