"""How long the disk lets commits wait, while one is under way and after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Such a disk holds up the acks of all agents, or what a run measures.
SLOW_SECONDS = 5.0
# A commit that is under way for so long: nothing more is taken, since nobody knows when it ends.
HANGING_SECONDS = 10.0


class CommitTimes:
    """Written by the thread that commits, read by any. Seconds by the monotonic clock."""

    def __init__(self, whose: str) -> None:
        """`whose` disk it is, in words: "the store's disk"."""
        self._whose = whose
        self._began: float | None = None
        self._ended = time.monotonic()
        self._took = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around a commit."""
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._ended = time.monotonic()
            self._took = self.under_way
            self._began = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Around work within a commit that takes its time on any disk."""
        began, self._began = self._began, None
        since = time.monotonic()
        try:
            yield
        finally:
            self._began = began and began + time.monotonic() - since

    @property
    def under_way(self) -> float:
        """How long the commit under way has taken so far; 0: none is."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    @property
    def latest(self) -> float:
        """The same, or how long the last one took if that is more."""
        return max(self._took, self.under_way)

    @property
    def idle(self) -> float:
        """Since the last one ended; 0: one is under way."""
        return time.monotonic() - self._ended if self._began is None else 0.0

    @property
    def slowness(self) -> str:
        """In words; empty: the disk is not slow."""
        if (under_way := self.under_way) >= SLOW_SECONDS:
            return f"{self._whose} is slow: a commit has taken {under_way:.0f} s so far"
        if self._took >= SLOW_SECONDS:
            return f"{self._whose} is slow: the last commit took {self._took:.0f} s"
        return ""

    @property
    def hangs(self) -> bool:
        """Whether a commit is under way for so long that nobody knows when it ends."""
        return self.under_way >= HANGING_SECONDS
