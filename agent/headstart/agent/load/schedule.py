"""When the requests of an open loop are due, and an event loop that wakes then.

Arithmetic that knows nothing of answers.

The generator's process imports it, so nothing of protobuf comes with it. Times
are microseconds from the load's begin.
"""

import select
import selectors
from bisect import bisect_right
from dataclasses import dataclass
from math import ceil, sqrt


@dataclass(frozen=True)
class _Part:
    """A part of the load in which the rate rises evenly, or stays."""

    begin_us: int
    # Requests due before it.
    before: float
    # At its begin, in requests per microsecond, and how it grows with each microsecond.
    rate: float
    growth: float

    def due(self, at_us: float) -> float:
        """Requests due until then; a fraction is one that is on its way."""
        since = at_us - self.begin_us
        return self.before + (self.rate + self.growth * since / 2) * since

    def at_us(self, number: int) -> float:
        """When so many are due: `due` solved for the time, without a difference of roots."""
        ahead = number - self.before
        if ahead <= 0:
            return self.begin_us
        root = sqrt(max(0.0, self.rate**2 + 2 * self.growth * ahead))
        return self.begin_us + 2 * ahead / (self.rate + root)


class Schedule:
    """A rate that is constant, rises evenly (`to` set) or in `steps` of equal length."""

    def __init__(
        self, rate_per_second: float, duration_us: int, to_per_second: float = 0, steps: int = 0
    ) -> None:
        rate, to = rate_per_second / 1e6, (to_per_second or rate_per_second) / 1e6
        self._duration_us = duration_us
        self._parts = [_Part(0, 0.0, rate, 0.0 if steps else (to - rate) / duration_us)]
        for step in range(1, steps):
            begin_us = duration_us * step // steps
            before = self._parts[-1].due(begin_us)
            stepped = rate + (to - rate) * step / (steps - 1)
            self._parts.append(_Part(begin_us, before, stepped, 0.0))
        self._befores = [part.before for part in self._parts]
        self._begins = [part.begin_us for part in self._parts]
        # Requests over the whole load.
        self.total = round(self._parts[-1].due(duration_us))

    def at_us(self, number: int) -> int:
        """When the request is due that has so many before it."""
        return int(self._parts[bisect_right(self._befores, number) - 1].at_us(number))

    def due_until(self, at_us: int) -> int:
        """How many are due before then."""
        if at_us >= self._duration_us:
            return self.total
        part = self._parts[bisect_right(self._begins, at_us) - 1]
        # Rounded up, since the request with no other before it is due at once, but not
        # for an error in the sixteenth place.
        return min(self.total, ceil(part.due(at_us) - 1e-6))


class PreciseSelector(selectors.EpollSelector):
    """epoll that wakes at the microsecond asked for, as far as the kernel's timers go.

    epoll_wait counts in milliseconds and Python rounds up, which alone would
    make an open loop send half a millisecond late on average. An epoll can itself
    be waited for, with select, whose timeout is in microseconds.
    """

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As in the base class."""
        if timeout is not None and timeout > 0:
            select.select([self.fileno()], (), (), timeout)
            timeout = 0
        return super().select(timeout)
