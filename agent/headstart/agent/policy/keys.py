"""The keys of a policy file: the field of each, how its value is read, and what it should be."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from headstart.agent.policy.host_paths import is_pattern
from headstart.agent.policy.image_patterns import read_pattern
from headstart.words.container_needs import CAPABILITIES
from headstart.words.foreign.git_urls import is_git_pattern
from headstart.words.foreign.image_reference import MalformedReference
from headstart.words.foreign.toml_lines import line_with
from headstart.words.networks import NETWORKS

# Below this a Docker Engine refuses a container.
SMALLEST_MEMORY_BYTES = 6 << 20
UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = re.compile(r"(\d+)\s*(|B|KiB|MiB|GiB|TiB)")
# A variable's name, or an absolute path; either may be a pattern.
_SECRET = re.compile(r"[A-Za-z0-9_.*?\[\]!-]+|(?:/(?!\.{1,2}(?:/|$))[^/\r\n]+)+")
_SHOWN_CHARACTERS = 100


class WrongValue(Exception):
    """A value that its key does not take; `problems`: each a line and a sentence's end."""

    def __init__(self, *problems: tuple[int, str]) -> None:
        super().__init__("; ".join(words for _, words in problems))
        self.problems = problems


@dataclass(frozen=True)
class Key:
    """A key with one value."""

    # Of `Policy`.
    field: str
    expected: str
    # None: the value is wrong.
    value_of: Callable[[object], object]

    def read(self, value: object, line: int, _text: str) -> object:
        """The field's value. Raises WrongValue."""
        found = self.value_of(value)
        if found is None:
            raise WrongValue((line, _expected(self.expected, value)))
        return found


@dataclass(frozen=True)
class ListKey:
    """A key with a list of texts."""

    field: str
    expected: str
    # What each text should be, and whether one is; or why nothing can ever fit it.
    element: str
    takes: Callable[[str], bool]
    pointless: Callable[[str], str] = lambda _text: ""
    may_be_empty: bool = True

    def read(self, value: object, line: int, text: str) -> tuple[str, ...]:
        """The field's value. Raises WrongValue with every wrong element, each with its line."""
        if not isinstance(value, list) or not (value or self.may_be_empty):
            raise WrongValue((line, _expected(self.expected, value)))
        problems = [
            (line_with(item, line, text), words) for item in value for words in self._wrong(item)
        ]
        if problems:
            raise WrongValue(*problems)
        return tuple(value)

    def _wrong(self, item: object) -> Iterator[str]:
        if not isinstance(item, str) or not self.takes(item):
            yield _expected(self.element, item)
        elif words := self.pointless(item):
            yield words


def _expected(what: str, value: object) -> str:
    shown = repr(value)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}..."
    return f"expected {what}, not {shown}"


def _fits_nothing(pattern: str) -> str:
    """Why no image can ever fit: a slip of the pen that would refuse in silence."""
    try:
        read_pattern(pattern)
    except MalformedReference as error:
        return f"no image can ever fit {pattern!r}: {error}"
    return ""


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _size(value: object) -> int | None:
    match = _SIZE.fullmatch(value if isinstance(value, str) else "")
    size = int(match[1]) * UNITS[match[2]] if match else value
    if not isinstance(size, int) or isinstance(size, bool) or size < SMALLEST_MEMORY_BYTES:
        return None
    return size


def _count(value: object) -> int | None:
    count = value if isinstance(value, int) and not isinstance(value, bool) else 0
    return count if 1 <= count < 1 << 22 else None


def _flag_key(field: str) -> Key:
    return Key(field, "true or false", _flag)


def _size_key(field: str, example: str) -> Key:
    return Key(field, f'a size from "6MiB" up, such as "{example}"', _size)


_NETWORKS = ", ".join(f'"{word}"' for word in NETWORKS)

KEYS: Mapping[str, Key | ListKey] = {
    "images": ListKey(
        "images",
        'a list of patterns such as ["players:*"]',
        'a pattern such as "players:*"',
        bool,
        _fits_nothing,
    ),
    "commands": _flag_key("commands"),
    "builds": _flag_key("builds"),
    "memory_limit": _size_key("memory_limit_bytes", "4GiB"),
    "pids_limit": Key("pids_limit", "a whole number from 1 up", _count),
    "root": _flag_key("root"),
    "entrypoint": _flag_key("entrypoint"),
    "capabilities": ListKey(
        "capabilities",
        f"a list of {', '.join(CAPABILITIES)}",
        f"one of {', '.join(CAPABILITIES)}",
        lambda word: word in CAPABILITIES,
    ),
    "host_paths": ListKey(
        "host_paths",
        'a list of absolute paths such as ["/srv/data", "/srv/models/*", "/srv/cache:rw"]',
        'an absolute path such as "/srv/data", "/srv/models/*" or "/srv/cache:rw"'
        " (none of /proc, /sys and /dev)",
        is_pattern,
    ),
    "secrets": ListKey(
        "secrets",
        'a list of variables and files, such as ["DB_*", "/run/secrets/*"]',
        'a variable or a file, such as "DB_*" or "/run/secrets/*"',
        lambda text: _SECRET.fullmatch(text) is not None,
    ),
    "pull": _flag_key("pull"),
    "pull_limit": _size_key("pull_limit_bytes", "4GiB"),
    "git": ListKey(
        "git",
        'a list such as ["https://git.example/team/*"], with wildcards in the path alone',
        'an address such as "https://git.example/team/*", with wildcards in the path alone',
        is_git_pattern,
    ),
    "context_limit": _size_key("context_limit_bytes", "2GiB"),
    "disk_limit": _size_key("disk_limit_bytes", "10GiB"),
    "networks": ListKey(
        "networks",
        f"a list of {_NETWORKS}",
        f"one of {_NETWORKS}",
        lambda word: word in NETWORKS,
        # An empty list would tell a collector that this agent is an older one.
        may_be_empty=False,
    ),
}
