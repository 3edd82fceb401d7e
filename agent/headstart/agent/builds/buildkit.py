"""The stream of BuildKit behind the engine's API: protobuf messages within JSON.

With `version=2` the engine's `POST /build` answers with objects whose id is
"moby.buildkit.trace" and whose `aux` is a `moby.buildkit.v1.StatusResponse`
(moby/buildkit, api/services/control/control.proto). Of that message five fields
matter here, so that it is read from the wire format itself. Steps may run at the
same time, and the engine repeats a step whenever it knows more of it.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from headstart.agent.builds.recorder import Recorder, part
from headstart.words.foreign.clean import uncoloured

_TRACE, _IMAGE = "moby.buildkit.trace", "moby.image.id"
# Field numbers.
_VERTEX, _LOG = 1, 3
_DIGEST, _NAME, _CACHED, _STARTED, _COMPLETED, _ERROR = 1, 3, 4, 5, 6, 7
_LOG_VERTEX, _LOG_STREAM, _LOG_TEXT = 1, 3, 4

# At the end: the error begins with the command, which may hold the same words.
_EXIT_STATUS = re.compile(r"exit code: (\d{1,9})\s*$")
_LONGEST_LINE = 64 << 10


class BuildKitDecoder:
    """Tells a recorder what the events of the stream say, in their order."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # Digest of a step -> its number in the log.
        self._numbers: dict[str, int] = {}
        # By step and stream: what a step writes to both may be cut anywhere.
        self._partial: dict[tuple[str, int | bytes], str] = {}

    def feed(self, event: dict[str, Any], at: float) -> None:
        """One object of the stream. ValueError when it is not what its id says."""
        if event.get("id") == _TRACE:
            trace = event.get("aux")
            if not isinstance(trace, str):
                raise ValueError("a trace of BuildKit is no text")
            for number, value in wire_fields(base64.b64decode(trace)):
                if number == _VERTEX and isinstance(value, bytes):
                    self._vertex(dict(wire_fields(value)), at)
                elif number == _LOG and isinstance(value, bytes):
                    self._log(dict(wire_fields(value)), at)
        elif event.get("id") == _IMAGE:
            self._recorder.image = str(part(event, "aux").get("ID", ""))
        elif "errorDetail" in event or "error" in event:
            detail = part(event, "errorDetail")
            self._recorder.error = str(detail.get("message") or event.get("error"))
            if status := _EXIT_STATUS.search(self._recorder.error):
                self._recorder.exit_status = int(status[1])
            self._recorder.line(at, self._recorder.error)

    def close(self, at: float) -> None:
        """The stream has ended."""
        for digest, _ in list(self._partial):
            self._end_of_lines(digest, at)

    def _vertex(self, vertex: dict[int, int | bytes], at: float) -> None:
        digest, name = _text(vertex.get(_DIGEST)), _text(vertex.get(_NAME))
        if _STARTED not in vertex:
            return
        if digest not in self._numbers:
            self._numbers[digest] = len(self._numbers) + 1
            self._recorder.begin(digest, name, at)
            self._recorder.line(at, name, shown=f"#{self._numbers[digest]} {name}")
        if _COMPLETED in vertex:
            self._end_of_lines(digest, at)
            error = _text(vertex.get(_ERROR))
            self._recorder.end(digest, at, bool(vertex.get(_CACHED)), error)

    def _log(self, log: dict[int, int | bytes], at: float) -> None:
        digest = _text(log.get(_LOG_VERTEX))
        key = digest, log.get(_LOG_STREAM, 0)
        text = self._partial.pop(key, "") + _text(log.get(_LOG_TEXT))
        *lines, partial = text.split("\n")
        for line in lines:
            self._line(digest, line, at)
        self._partial[key] = partial
        if len(partial) > _LONGEST_LINE:
            self._end_of_lines(digest, at)

    def _end_of_lines(self, digest: str, at: float) -> None:
        for key in [key for key in self._partial if key[0] == digest]:
            if partial := self._partial.pop(key):
                self._line(digest, partial, at)

    def _line(self, digest: str, line: str, at: float) -> None:
        # A colour may begin in one message and end in the next: whole lines are stripped of it.
        line = uncoloured(line).rstrip("\r")
        if line:
            shown = f"#{self._numbers.get(digest, 0)} | {line}"
            self._recorder.line(at, line, key=digest, shown=shown)


def wire_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protobuf message, unparsed. ValueError when it is cut short.

    Source: protobuf.dev, "Encoding".
    """
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value: int | bytes
            value, place = _varint(data, place)
        else:
            if kind == 2:
                size, place = _varint(data, place)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise ValueError(f"wire type {kind} is not known")
            if place + size > len(data):
                raise ValueError("a message of BuildKit is cut short")
            value, place = data[place : place + size], place + size
        yield key >> 3, value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("a message of BuildKit is cut short")
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _text(value: int | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
