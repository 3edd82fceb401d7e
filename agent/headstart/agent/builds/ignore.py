"""Which files of a build's context its ignore file leaves out.

That is `.dockerignore`; where there is a `DOCKERFILE.dockerignore` beside the Dockerfile BuildKit
takes that instead, and the classic builder does not know it.

Patterns are read as docker.utils reads them, with two differences: they are matched by RE2,
since a pattern such as `*a*a*a*a*b` held the interpreter for hours, and folders are walked
without recursion, since a context may nest them deeper than Python can call.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from docker.utils.build import Pattern
from docker.utils.fnmatch import translate

from headstart.agent.cancellation import Cancellation
from headstart.agent.linux.paths import is_within
from headstart.agent.untrusted import open_file
from headstart.words.foreign.patterns import MalformedPattern, compile_pattern

_IGNORE_FILE = ".dockerignore"
_LARGEST_BYTES = 256 << 10
_MOST_PATTERNS = 500


def context_paths(
    folder: Path, dockerfile: str, cancelled: Cancellation, buildkit: bool = False
) -> Iterator[str]:
    """Every path below a folder that goes into its archive, a folder before what it holds.

    OSError when the folder or its ignore file can't be read, Cancelled when the run is.
    """
    ignore_file = _IGNORE_FILE
    if buildkit and os.path.lexists(folder / f"{dockerfile}{_IGNORE_FILE}"):
        ignore_file = f"{dockerfile}{_IGNORE_FILE}"
    lines = (*_patterns(folder, ignore_file), f"!{dockerfile}", f"!{ignore_file}")
    rules = [rule for pattern in lines if (rule := _Rule(pattern, ignore_file)).depth]
    folders = [""]
    while folders:
        below = folders.pop()
        names = sorted(os.listdir(folder / below))  # noqa: PTH208  # of which there are many
        for name in names:
            cancelled.raise_if_set()
            path = os.path.join(below, name)  # noqa: PTH118  # a text, of which there are many
            taken = not _is_ignored(rules, path)
            if taken:
                yield path
            entry = folder / path
            # A folder that is left out may hold what a later pattern takes in again.
            if (taken or _may_hold(rules, path)) and entry.is_dir() and not entry.is_symlink():
                folders.append(path)


class _Rule:
    """One line: whether it takes in what it fits, how deep it lies, and what it fits."""

    def __init__(self, text: str, ignore_file: str) -> None:
        pattern = Pattern(text)
        self.takes_in: bool = pattern.exclusion
        self.depth = len(pattern.dirs)
        self.text: str = pattern.cleaned_pattern
        try:
            self._compiled = compile_pattern(translate(self.text.lower()))
        except MalformedPattern as error:
            raise OSError(f"{ignore_file}: the pattern {text[:80]!r}: {error}") from error

    def fits(self, path: str) -> bool:
        return self._compiled.found_in(path.lower().encode("utf-8", "surrogateescape"))


def _patterns(folder: Path, ignore_file: str) -> Sequence[str]:
    place = folder / ignore_file
    if place.is_symlink() and not is_within(place, folder):
        # Who submitted a context must not be told what the files of this host say.
        raise OSError(f"{ignore_file} is a link that leads out of the context")
    try:
        with open_file(place) as file:
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        return ()
    lines = (line.strip() for line in content.decode("utf-8-sig", "replace").splitlines())
    found = [line for line in lines if line and not line.startswith("#")]
    if len(content) > _LARGEST_BYTES or len(found) > _MOST_PATTERNS:
        raise OSError(
            f"{ignore_file} has {len(found)} patterns; at most {_MOST_PATTERNS} in"
            f" {_LARGEST_BYTES >> 10} KiB are read"
        )
    return found


def _is_ignored(rules: Sequence[_Rule], path: str) -> bool:
    """By the last rule that fits the path or a folder above it."""
    above = path.split("/")[:-1]
    for rule in reversed(rules):
        if rule.fits(path) or (
            0 < len(above) >= rule.depth and rule.fits("/".join(above[: rule.depth]))
        ):
            return not rule.takes_in
    return False


def _may_hold(rules: Sequence[_Rule], folder: str) -> bool:
    return any(rule.takes_in and rule.text.startswith(folder) for rule in rules)
