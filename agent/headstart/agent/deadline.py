"""By when a whole exchange is over, however many steps it takes.

A socket's own timeout counts from byte to byte: a peer that sends one byte now and
then never reaches it.
"""

import socket
import time
from collections.abc import Callable


class Deadline:
    """A moment of CLOCK_MONOTONIC, `seconds` after it was made."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds until then, never below 0."""
        return max(0.0, self._end - self._clock())

    def passed(self) -> bool:
        """Whether it is over."""
        return self._clock() >= self._end

    def limit(self, sock: socket.socket) -> None:
        """Let the socket's next call end by then. TimeoutError when it is over already."""
        left = self.left()
        if not left:
            raise TimeoutError(f"not over within {self.seconds:g} s")
        sock.settimeout(left)

    def within(self, seconds: float) -> "Deadline":
        """The deadline of a step: `seconds` from now, but never later than this one."""
        return Deadline(min(seconds, self.left()), self._clock)
