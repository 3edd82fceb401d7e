"""The stream of the engine's classic builder: text as `docker build` used to print it.

Moby's builder/dockerfile writes "Step n/m : INSTRUCTION" without the end of the line,
then what it does for the step, then the step's output, in red what came from stderr.
Steps run one after another.

The builder's lines and the output of a step come in the same words, so that a step can
write any of them. Ids are therefore only handed on as what to ask the engine about
(`leavings`), what a step's beginning says is believed only before any of its output, and
a step that announces another one is found out when the builder announces that one itself.
"""

import re
from typing import Any

from headstart.agent.builds.recorder import Recorder, part
from headstart.words.foreign.clean import uncoloured

_STEP = re.compile(r"Step (\d{1,6})/(\d{1,6}) : (.*)")
_CONTAINER = re.compile(r" ---> Running in ([0-9a-f]{12,64})")
_IMAGE = re.compile(r" ---> ([0-9a-f]{12,64})")
_USING_CACHE = " ---> Using cache"
# The one line of the builder that may come between a step's title and its container.
_WARNING = " ---> [Warning]"
_BUILDERS_OWN = (" --->", "Removing intermediate container", "Successfully ")
# A step that writes no line's end is not to fill our memory.
_LONGEST_LINE = 64 << 10


class ClassicDecoder:
    """Tells a recorder what the events of the stream say, in their order."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._step = 0
        self._steps = 0
        self._instruction = ""
        self._cached = False
        # Nothing but the builder has written since the title of the step.
        self._untouched = False
        # The last line of the step that looks like the image that it made.
        self._image = ""
        self._partial = ""

    def feed(self, event: dict[str, Any], at: float) -> None:
        """One object of the stream, which arrived `at` seconds after the build's beginning."""
        if "stream" in event:
            self._stream(str(event["stream"]), at)
        elif "errorDetail" in event or "error" in event:
            detail = part(event, "errorDetail")
            self._recorder.error = str(detail.get("message") or event.get("error"))
            code = detail.get("code")
            self._recorder.exit_status = code if type(code) is int and code in range(256) else None
            self._end_of_line(at)
            self._recorder.line(at, self._recorder.error)
            self._end_of_step(at, error=self._recorder.error)
        elif "aux" in event:
            self._recorder.image = str(part(event, "aux").get("ID", "")) or self._recorder.image
        elif "status" in event and not event.get("progressDetail"):
            layer = f"{event['id']}: " if event.get("id") else ""
            self._recorder.line(at, f"{layer}{event['status']}")

    def close(self, at: float) -> None:
        """The stream has ended."""
        self._end_of_line(at)
        if self._recorder.image:
            self._end_of_step(at)
        else:
            self._hand_on_image()

    def _key(self) -> str:
        return str(self._step)

    def _stream(self, text: str, at: float) -> None:
        # Output of a step that looks the same has a line's end, or other numbers.
        step = _STEP.fullmatch(text)
        if step and self._is_next(int(step[1]), int(step[2])):
            self._end_of_line(at)
            self._end_of_step(at)
            self._step, self._steps, self._instruction = int(step[1]), int(step[2]), step[3]
            self._cached, self._untouched = False, True
            self._recorder.begin(self._key(), step[3], at)
            self._recorder.line(at, text)
            return
        if step and int(step[2]) == self._steps and int(step[1]) <= self._step:
            # Announced before: either then or now it was the output of a step.
            self._recorder.doubt()
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._line(line, at)
        if len(self._partial) > _LONGEST_LINE:
            self._end_of_line(at)

    def _is_next(self, step: int, steps: int) -> bool:
        return step == self._step + 1 and step <= steps and self._steps in (0, steps)

    def _end_of_step(self, at: float, error: str = "") -> None:
        self._hand_on_image()
        self._recorder.end(self._key(), at, self._cached and not error, error)

    def _hand_on_image(self) -> None:
        if self._image and not self._cached and not self._instruction.upper().startswith("FROM "):
            self._recorder.images.append(self._image)
        self._image = ""

    def _end_of_line(self, at: float) -> None:
        if self._partial:
            self._line(self._partial, at)
        self._partial = ""

    def _line(self, line: str, at: float) -> None:
        # A colour may begin in one message and end in the next: whole lines are stripped of it.
        line = uncoloured(line).rstrip("\r")
        if not line:
            return
        # The builder says so once, before any output.
        imitated = not self._untouched and _CONTAINER.fullmatch(line)
        if self._untouched and line.startswith(_WARNING):
            pass
        elif self._untouched and (container := _CONTAINER.fullmatch(line)):
            self._recorder.containers.append(container[1])
            self._untouched = False
        else:
            self._cached = self._cached or (self._untouched and line == _USING_CACHE)
            self._untouched = False
            if image := _IMAGE.fullmatch(line):
                self._image = image[1]
        own = line.startswith(_BUILDERS_OWN) and not imitated
        self._recorder.line(at, line, key="" if own else self._key())
