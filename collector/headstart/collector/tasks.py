"""Work that nobody awaits: kept alive, its faults logged, ended with its owner."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """What is needed takes nothing now, such as a disk or a database; the message says so."""


def traceback_of(error: BaseException) -> BaseException | None:
    """For `exc_info` of a log's line: of what is unavailable the words say all."""
    return None if isinstance(error, Unavailable) else error


class Tasks:
    """Use from one event loop."""

    def __init__(self) -> None:
        # The event loop itself holds tasks weakly.
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run `work`; what it raises is logged under `name`."""
        self._begin(work, name).add_done_callback(_log_fault)

    async def through(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """The answer of `work`, which runs to its end even when the caller is cancelled.

        A client that goes away cancels its call. What follows a commit must happen anyway.
        """
        task = self._begin(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_fault)
            raise

    def _begin(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def idle(self) -> None:
        """Return once everything started so far is over."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Cancel what still runs and wait for its end."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _log_fault(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("%s failed: %s", task.get_name(), error, exc_info=traceback_of(error))
