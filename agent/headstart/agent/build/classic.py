"""The stream of the engine's classic builder: text as `docker build` used to print it.

Moby's builder/dockerfile writes "Step n/m : INSTRUCTION" without the end of the line,
then the step's output, in red what came from stderr. Steps run one after another.
"""

import re
from typing import Any

from headstart.agent.build.recorder import Recorder

_STEP = re.compile(r"Step (\d+)/\d+ : (.*)")
_CONTAINER = re.compile(r" ---> Running in ([0-9a-f]{12,64})$")
_IMAGE = re.compile(r" ---> ([0-9a-f]{12,64})$")
_USING_CACHE = " ---> Using cache"
_BUILDERS_OWN = (" --->", "Removing intermediate container", "Successfully ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# A step that writes no line's end is not to fill our memory.
_LONGEST_LINE = 64 << 10


class ClassicDecoder:
    """Tells a recorder what the events of the stream say, in their order."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._step = 0
        self._instruction = ""
        self._cached = False
        self._partial = ""

    def feed(self, event: dict[str, Any], at: float) -> None:
        """One object of the stream, which arrived `at` seconds after the build's beginning."""
        if "stream" in event:
            self._stream(str(event["stream"]), at)
        elif "errorDetail" in event or "error" in event:
            detail = event.get("errorDetail") or {}
            self._recorder.error = str(detail.get("message") or event.get("error"))
            self._recorder.exit_status = detail.get("code")
            self._end_of_line(at)
            self._recorder.line(at, self._recorder.error)
            self._recorder.end(self._key(), at, error=self._recorder.error)
        elif "aux" in event:
            self._recorder.image = str((event["aux"] or {}).get("ID", "")) or self._recorder.image
        elif "status" in event and not event.get("progressDetail"):
            layer = f"{event['id']}: " if event.get("id") else ""
            self._recorder.line(at, f"{layer}{event['status']}")

    def close(self, at: float) -> None:
        """The stream has ended."""
        self._end_of_line(at)
        if self._recorder.image:
            self._recorder.end(self._key(), at, self._cached)

    def _key(self) -> str:
        return str(self._step)

    def _makes_images(self) -> bool:
        return not self._cached and not self._instruction.upper().startswith("FROM ")

    def _stream(self, text: str, at: float) -> None:
        # Output of a step that looks the same has a line's end, or another number.
        step = _STEP.fullmatch(text)
        if step and int(step[1]) == self._step + 1:
            self._end_of_line(at)
            self._recorder.end(self._key(), at, self._cached)
            self._step, self._instruction, self._cached = int(step[1]), step[2], False
            self._recorder.begin(self._key(), step[2], at)
            self._recorder.line(at, text)
            return
        *lines, self._partial = (self._partial + _COLOURS.sub("", text)).split("\n")
        for line in lines:
            self._line(line, at)
        if len(self._partial) > _LONGEST_LINE:
            self._end_of_line(at)

    def _end_of_line(self, at: float) -> None:
        if self._partial:
            self._line(self._partial, at)
        self._partial = ""

    def _line(self, line: str, at: float) -> None:
        line = line.rstrip("\r")
        if not line:
            return
        if container := _CONTAINER.match(line):
            self._recorder.containers.append(container[1])
        elif line == _USING_CACHE:
            self._cached = True
        elif (image := _IMAGE.match(line)) and self._makes_images():
            self._recorder.images.append(image[1])
        own = line.startswith(_BUILDERS_OWN)
        self._recorder.line(at, line, key="" if own else self._key())
