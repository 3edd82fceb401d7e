"""A run's cancellation: a flag that polls can ask and that ends what blocks.

What a run waits for is bounded twice: by a deadline of its own, and by this. Code that
waits in steps asks `is_set`. Code that blocks says how it is ended (`ending`); work
that nothing can end, such as a sync of a slow disk, runs in a thread that is left to
itself (`apart`). Whatever still blocks after `ABANDON_SECONDS` has forgotten to do so,
or hangs in the kernel: then the run is ended without its thread (`HeldRuns`).

Rejected: a process for each run, killed on a cancel (what it started would be orphans, and its
records lost); every call in a thread that is abandoned (what it does goes on unseen); asyncio for
the whole agent (files and syncs block it all the same).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

# How long a cancelled run may take to remove what it made.
CLEAN_UP_SECONDS = 3.0
# When it is ended without its thread.
ABANDON_SECONDS = 3.5

T = TypeVar("T")


class Cancelled(Exception):
    """The run was cancelled while this was waited for."""

    def __init__(self) -> None:
        super().__init__("the run was cancelled")


class Cancellation(threading.Event):
    """Set once, from any thread; `set` does not block."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._since = 0.0
        self._enders: dict[object, Callable[[], object]] = {}
        self._killers: dict[object, Callable[[], object]] = {}

    def set(self) -> None:
        """Raise the flag and end what blocks. Idempotent."""
        with self._guard:
            if self.is_set():
                return
            self._since = time.monotonic()
            super().set()
            enders = list(self._enders.values())
        for end in enders:
            end()

    def abandon(self) -> None:
        """Kill what the run's thread, which hangs, can no longer end."""
        with self._guard:
            killers = list(self._killers.values())
        for kill in killers:
            kill()

    def seconds_left(self) -> float | None:
        """For cleaning up, never below 0; None: not cancelled."""
        if not self.is_set():
            return None
        return max(0.0, self._since + CLEAN_UP_SECONDS - time.monotonic())

    def raise_if_set(self) -> None:
        """Cancelled, if it is."""
        if self.is_set():
            raise Cancelled

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """While this is entered, `end` is called when the flag is raised; at once if it is.

        `end` does not block, does not raise, and may be called after what it ends has ended.
        """
        key = object()
        with self._guard:
            self._enders[key] = end
            late = self.is_set()
        try:
            if late:
                end()
            yield
        finally:
            with self._guard:
                del self._enders[key]

    def killing(self, kill: Callable[[], object]) -> Callable[[], None]:
        """Let `kill` be called when the run is abandoned; what is returned takes it back."""
        key = object()
        with self._guard:
            self._killers[key] = kill

        def forget() -> None:
            with self._guard:
                self._killers.pop(key, None)

        return forget


class Apart(Generic[T]):
    """Work in a thread of its own, which ends with the work, whoever still waits for it."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        """Begins it."""
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        # Set at its end, or by whoever does not wait any longer.
        self.over = threading.Event()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # the caller's to handle
            self._error = error
        finally:
            self.over.set()

    def result(self) -> T:
        """What the work returned or raised; Cancelled when it did neither yet."""
        if self._error is not None:
            raise self._error
        if not self._result:
            raise Cancelled
        return self._result[0]


def apart(work: Callable[[], T], cancelled: Cancellation) -> T:
    """Do work that nothing can interrupt; Cancelled when the run is before it ends.

    Then it goes on in its thread, which ends with the work, and its result is dropped.
    """
    cancelled.raise_if_set()
    task = Apart(work, "apart")
    with cancelled.ending(task.over.set):
        task.over.wait()
    return task.result()
