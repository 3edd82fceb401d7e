"""The roles file: which names of an outside authority's certificates have which role.

    operator = ["alice@example.com", "ci-*"]
    reader = ["*@example.com"]
    agent = ["*.lab.example"]

`*` stands for characters of one part of a name: no dot, @, / or colon. A file that does not say
who is an agent leaves that to every certificate to which it gives no other role.
"""

import logging
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from headstart.collector.faults import StartFault
from headstart.words.foreign.toml_lines import key_lines, line_of, line_with
from headstart.words.roles import Role

log = logging.getLogger(__name__)

_LARGEST_BYTES = 256 << 10
_MOST_PATTERNS = 2000
_PATTERN = re.compile(r"[!-~]{1,253}", re.ASCII)
_REMEMBERED = 4096
# More would take time that grows with the name's length to this power.
_MOST_STARS = 4


class RolesFileError(StartFault):
    """A file that cannot be used; the message has every mistake with its line."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        super().__init__("\n  ".join([f"{path} is no file of roles:", *problems]))


class RolesFile:
    """Read at first, and anew when it changed; a mistake made later leaves what was before."""

    def __init__(self, path: Path) -> None:
        """Raises RolesFileError."""
        self.path = path.absolute()
        self._stamp = _stamp(path)
        self._patterns = _read(path)
        self._known: dict[tuple[str, ...], frozenset[Role]] = {}

    def changed(self) -> bool:
        """Look whether the file changed; true: it did, and can be used."""
        try:
            stamp = _stamp(self.path)
            if stamp == self._stamp:
                return False
            # A wrong file is told of once, not at every look.
            self._stamp = stamp
            self._patterns = _read(self.path)
        except RolesFileError as error:
            log.error("roles stay as they were: %s", error)
            return False
        self._known.clear()
        log.warning("%s changed: the roles are those that it says now", self.path)
        return True

    def roles_of(self, names: tuple[str, ...]) -> frozenset[Role]:
        """Of a certificate with these names."""
        if names not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[names] = self._found(names)
        return self._known[names]

    def _found(self, names: tuple[str, ...]) -> frozenset[Role]:
        found = {
            role
            for role, patterns in self._patterns.items()
            if any(pattern.fullmatch(name) for pattern in patterns for name in names)
        }
        if not found and Role.AGENT not in self._patterns:
            found = {Role.AGENT}
        return frozenset(found)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        # `_read` says so.
        return (0, 0, 0)
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> Mapping[Role, tuple[re.Pattern[str], ...]]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise RolesFileError(path, [f"it cannot be read: {error.strerror}"]) from error
    if len(content) > _LARGEST_BYTES:
        raise RolesFileError(path, [f"it has more than {_LARGEST_BYTES} bytes"])
    try:
        text = content.decode()
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise RolesFileError(path, ["it is not UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise RolesFileError(path, [f"not TOML: {error}"]) from error
    except RecursionError as error:
        raise RolesFileError(path, ["nested too deep"]) from error
    if problems := list(_problems(table, text)):
        raise RolesFileError(path, problems)
    return {
        Role(key): tuple(_pattern(each) for each in patterns) for key, patterns in table.items()
    }


def _problems(table: Mapping[str, Any], text: str) -> Iterator[str]:
    count = 0
    lines = key_lines(text)
    for key, value in table.items():
        line = line_of((key,), lines)
        if key not in set(Role):
            yield f"line {line}: {key}: unknown role; known are {', '.join(Role)}"
            continue
        if not isinstance(value, list):
            yield f'line {line}: {key}: expected a list of names such as ["alice@example.com"]'
            continue
        for each in value:
            if not isinstance(each, str) or not _PATTERN.fullmatch(each):
                yield (
                    f"line {line_with(each, line, text)}: {key}: expected a name of a certificate "
                    f"or a pattern such as 'ci-*', not {each!r}"
                )
            elif each.count("*") > _MOST_STARS:
                yield (
                    f"line {line_with(each, line, text)}: {key}: {each!r} has more than "
                    f"{_MOST_STARS} stars"
                )
            elif not each.strip("*.@/:"):
                yield (
                    f"line {line_with(each, line, text)}: {key}: {each!r} names nobody in "
                    "particular; a pattern has a letter or digit at least"
                )
        count += len(value)
    if count > _MOST_PATTERNS:
        yield f"{count} names; at most {_MOST_PATTERNS} are taken"


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*+)", text)
    return re.compile("".join(r"[^.@/:]*" if "*" in p else re.escape(p) for p in parts), re.I)
