"""Which inputs of a long run are worth committing: those that reach lines no other reaches."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz.target import Target

# A step from one line of a file of ours to another.
_Step = tuple[str, int, int]
_MOST_FILES = 40


def keep(target: Target, grown: Path, committed: Path) -> int:
    """Copy what widens the coverage of the committed inputs, the smallest first; how many."""
    kept = [path for path in committed.iterdir() if path.is_file()]
    seen = {step for path in kept for step in _steps(target, path)}
    new = 0
    for path in _by_size(grown.iterdir()):
        if len(kept) + new >= _MOST_FILES:
            break
        steps = _steps(target, path)
        if not steps <= seen:
            seen |= steps
            new += 1
            shutil.copy(path, committed / path.name[:12])
    return new


def _by_size(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (path.stat().st_size, path.name))


def _steps(target: Target, path: Path) -> set[_Step]:
    found: set[_Step] = set()
    last: dict[int, int] = {}

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            at = id(frame)
            found.add((frame.f_code.co_filename, last.get(at, 0), frame.f_lineno))
            last[at] = frame.f_lineno
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        ours = "/headstart/" in frame.f_code.co_filename
        last.pop(id(frame), None)
        return line if ours else None

    sys.settrace(call)
    try:
        target(path.read_bytes())
    finally:
        sys.settrace(None)
    return found
