"""What the builtin generator's process tells the driver, in frames on a pipe.

The generator keeps a latency as four bytes and leaves every further step to the
driver, so that its process needs nothing of protobuf and is ready the sooner.
"""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

# The generator is ready to begin; no payload.
READY = b"R"
# The load began: CLOCK_MONOTONIC in nanoseconds, a decimal number.
BEGUN = b"B"
# A window ended: a packed `Window`.
WINDOW = b"W"
# The load is over: a JSON object, the fields of `builtin._Ending`.
ENDED = b"E"

_FRAME = struct.Struct("<cI")
_WINDOW = struct.Struct("<qqQQQQQQQQQ")


@dataclass(slots=True)
class Window:
    """One window as the generator counted it; times in us from the load's begin."""

    start_us: int
    duration_us: int
    sent: int
    # By their status; all answers' is looked at.
    incorrect: int
    failed: int
    received_bytes: int
    # One per completed request, in us.
    latencies_us: "array[int]"
    # Requests whose intended time lay in it; 0: closed loop.
    offered: int = 0
    # Answers with a right status whose check asks for more, those of them that were held
    # against it, and those that failed.
    checkable: int = 0
    judged: int = 0
    wrong: int = 0
    # The longest time in which the generator itself stood still.
    pause_us: int = 0

    def pack(self) -> bytes:
        """The payload of a WINDOW frame."""
        counts = (self.sent, self.incorrect, self.failed, self.received_bytes)
        judged = (self.checkable, self.judged, self.wrong, self.pause_us)
        head = _WINDOW.pack(self.start_us, self.duration_us, *counts, self.offered, *judged)
        return head + self.latencies_us.tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> "Window":
        """The inverse of `pack`, on the same machine."""
        latencies = array("I")
        latencies.frombytes(payload[_WINDOW.size :])
        start, duration, sent, incorrect, failed, received, *others = _WINDOW.unpack_from(payload)
        return cls(start, duration, sent, incorrect, failed, received, latencies, *others)


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as it is written to the pipe."""
    return _FRAME.pack(kind, len(payload)) + payload


class FrameReader:
    """Frames from the pieces in which a pipe delivers them."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every frame that is whole now: kind and payload."""
        self._buffer += data
        while len(self._buffer) >= _FRAME.size:
            kind, length = _FRAME.unpack_from(self._buffer)
            end = _FRAME.size + length
            if len(self._buffer) < end:
                return
            payload = self._buffer[_FRAME.size : end]
            self._buffer = self._buffer[end:]
            yield kind, payload
