"""An event loop that wakes in time."""

import select
import selectors


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
