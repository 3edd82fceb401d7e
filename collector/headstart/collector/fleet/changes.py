"""Tells those who watch a run that it changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Changes:
    """Use from one event loop. A watcher reads the store itself; nothing is queued."""

    def __init__(self) -> None:
        self._watching: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, run_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the run may have changed; the watcher clears it."""
        event = asyncio.Event()
        self._watching.setdefault(run_id, set()).add(event)
        try:
            yield event
        finally:
            self._watching[run_id].discard(event)
            if not self._watching[run_id]:
                del self._watching[run_id]

    def publish(self, run_id: str) -> None:
        """Wake everybody who watches the run."""
        for event in self._watching.get(run_id, ()):
            event.set()
