"""Where the keys of a TOML file stand; tomllib does not tell."""

import re
from collections.abc import Mapping, Sequence

_TABLE = re.compile(r"\s*\[+\s*([^\[\]]+?)\s*\]+")
_KEY = re.compile(r"\s*([\w.\"' -]+?)\s*=", re.ASCII)


def key_lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The first line of each table and key, by its path: ("thresholds", "spool_for") -> 12.

    A table inside of a line has the line of its own key alone. Text of several lines that
    looks like keys adds paths that nobody asks for.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = found = _parts(header[1])
        elif key := _KEY.match(line):
            found = (*table, *_parts(key[1]))
        else:
            continue
        for length in range(1, len(found) + 1):
            lines.setdefault(found[:length], number)
    return lines


def line_of(path: Sequence[str], lines: Mapping[tuple[str, ...], int]) -> int:
    """The line of a key, or of the nearest table around it; 1 where neither is found."""
    around = (tuple(path[:length]) for length in range(len(path), 0, -1))
    return next((lines[each] for each in around if each in lines), 1)


def line_with(value: object, first: int, text: str) -> int:
    """The line, from the key's own on, that holds a value as written; else the key's."""
    lines = enumerate(text.splitlines()[first - 1 :], first)
    quoted = (f'"{value}"', f"'{value}'") if isinstance(value, str) else (str(value).lower(),)
    return next((n for n, line in lines if any(each in line for each in quoted)), first)


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
