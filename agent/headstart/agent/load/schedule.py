"""When the requests of an open loop are due, and an event loop that wakes then.

Arithmetic that knows nothing of answers.

The generator's process imports it, so nothing of protobuf comes with it. Times
are microseconds from the load's begin.
"""

import os
import select
import selectors
import time
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

    `returned_us` is when it woke last, `late_us` the longest pause for want of a CPU: a timer
    that it woke late for, or what the kernel says the thread waited, asleep or between two calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self._delays = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        self._delay_ns, self._read_us = self._run_delay_ns(), _now_us()
        self.returned_us = self._read_us
        self.late_us = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As in the base class."""
        began_us = _now_us()
        if began_us - self.returned_us >= _LONG_US:
            # Also what was lost after the last answer, as in sending: no answer tells of it.
            self._look(began_us, began_us - self.returned_us)
        elif began_us - self._read_us > _YOUNG_US:
            self._read(began_us)
        wanted = timeout
        if timeout is not None and timeout > 0:
            select.select([self.fileno()], (), (), timeout)
            timeout = 0
        events = super().select(timeout)
        self.returned_us = _now_us()
        waited_us = self.returned_us - began_us
        if waited_us >= _LONG_US:
            if wanted is not None and not events:
                self.late_us = max(self.late_us, waited_us - round(wanted * 1e6))
            self._look(self.returned_us, waited_us)
        return events

    def _look(self, now_us: int, within_us: int) -> None:
        """After a time that is long enough to hold a pause: did the thread wait for a CPU?"""
        before_ns = self._delay_ns
        self._read(now_us)
        # Short waits before that time are counted, too, but are no pause.
        self.late_us = max(self.late_us, min((self._delay_ns - before_ns) // 1000, within_us))

    def _read(self, now_us: int) -> None:
        self._delay_ns, self._read_us = self._run_delay_ns(), now_us

    def _run_delay_ns(self) -> int:
        """How long this thread could have run but waited for a CPU, since it began."""
        return int(os.pread(self._delays, 128, 0).split()[1])

    def close(self) -> None:
        """Idempotent, as the base class's."""
        if self._delays >= 0:
            os.close(self._delays)
            self._delays = -1
        super().close()


# Times that may hold a pause worth telling, and how old the reading before one may be: of an
# old one nobody knows whether it is one wait for a CPU or many short ones.
_LONG_US = 4_000
_YOUNG_US = 5_000


def _now_us() -> int:
    return time.monotonic_ns() // 1000
