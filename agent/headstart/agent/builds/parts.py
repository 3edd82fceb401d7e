"""What the output of a build step tells apart: restore, compile, ILC, link.

The marks are lines that the tools write when they begin or end something, stamped at
their arrival. MSBuild says nothing between ILC and the linker, so that their border is
where the process `ilc` was last seen, if the agent can see the build's processes.
"""

import re
from collections.abc import Set
from dataclasses import dataclass

_RESTORE_BEGINS = re.compile(r"\s*Determining projects to restore")
_RESTORE_ENDS = re.compile(
    r"\s*(?:Restored |Failed to restore |All projects are up-to-date for restore)"
)
_COMPILED = re.compile(r"\s*\S+ -> \S.*\.(?:dll|exe)$")
_PUBLISHED = re.compile(r"\s*\S+ -> \S.*/$")
_ILC_BEGINS = re.compile(r"\s*Generating native code$")
# native-image writes a stage's line when the stage is over, with its own clock.
_NATIVE_IMAGE_STAGE = re.compile(
    r"\[\d/\d\] (?P<name>[A-Z][a-z ]+?)\.\.\..*\((?P<seconds>\d{1,9}(?:\.\d{1,9})?)s @"
)

_ILC_PROCESS = "ilc"


@dataclass(frozen=True)
class Part:
    """Seconds from the beginning of the build."""

    name: str
    began: float
    ended: float


class Parts:
    """The parts of one step; give it the step's lines and, if they are seen, its processes."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._stages: list[Part] = []
        self._restore_began: float | None = None
        self._restored: float | None = None
        self._compiled: float | None = None
        self._ilc_began: float | None = None
        self._ilc_seen = False
        self._ilc_ended: float | None = None
        self._published: float | None = None

    def line(self, at: float, text: str) -> None:
        """A line of the step's output."""
        if _RESTORE_BEGINS.match(text):
            self._restore_began = at
        elif _RESTORE_ENDS.match(text):
            self._restored = at
        elif _ILC_BEGINS.match(text):
            self._ilc_began = at
        elif _COMPILED.match(text) and self._ilc_began is None:
            self._compiled = at
        elif _PUBLISHED.match(text):
            self._published = at
        elif stage := _NATIVE_IMAGE_STAGE.match(text):
            begin = max(self._began, at - float(stage["seconds"]))
            self._stages.append(Part(stage["name"].strip().lower(), begin, at))

    def processes(self, at: float, names: Set[str]) -> None:
        """The names of the step's processes at this moment."""
        if self._ilc_began is None or self._published is not None:
            return
        if _ILC_PROCESS in names:
            self._ilc_seen, self._ilc_ended = True, None
        elif self._ilc_seen and self._ilc_ended is None:
            self._ilc_ended = at

    def until(self, ended: float) -> list[Part]:
        """What is known of a step that ended then; nothing when its output had no marks."""
        found = []
        if self._restore_began is not None:
            found.append(Part("restore", self._restore_began, self._restored or ended))
        compiling = self._restored or self._began
        if self._compiled is not None and self._compiled >= compiling:
            found.append(Part("compile", compiling, self._compiled))
        over = self._published or ended
        if self._ilc_began is None:
            if self._compiled is not None and self._published is not None:
                found.append(Part("publish", self._compiled, self._published))
        elif self._ilc_ended is None:
            found.append(Part("ILC and link", self._ilc_began, over))
        else:
            found.append(Part("ILC", self._ilc_began, self._ilc_ended))
            found.append(Part("link", self._ilc_ended, over))
        return found + self._stages
