"""Tells those who watch runs that they changed."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Changed:
    """Runs that may have changed since they were taken; several changes of one are one."""

    def __init__(self, run_ids: Collection[str]) -> None:
        """All of them, at first."""
        self._run_ids = set(run_ids)
        self._some = asyncio.Event()
        self._some.set()

    def note(self, run_id: str) -> None:
        """A run may have changed."""
        self._run_ids.add(run_id)
        self._some.set()

    async def take(self) -> set[str]:
        """As soon as there are any; nobody else is given them."""
        await self._some.wait()
        self._some.clear()
        taken, self._run_ids = self._run_ids, set()
        return taken


class Changes:
    """Use from one event loop. A watcher reads the store itself; nothing is queued."""

    def __init__(self) -> None:
        self._watching: dict[str, set[Changed]] = {}

    @contextmanager
    def watch(self, *run_ids: str) -> Iterator[Changed]:
        """Which of these runs may have changed, whenever they do."""
        changed = Changed(run_ids)
        for run_id in set(run_ids):
            self._watching.setdefault(run_id, set()).add(changed)
        try:
            yield changed
        finally:
            for run_id in set(run_ids):
                self._watching[run_id].discard(changed)
                if not self._watching[run_id]:
                    del self._watching[run_id]

    def publish(self, run_id: str) -> None:
        """Wake everybody who watches the run."""
        for changed in self._watching.get(run_id, ()):
            changed.note(run_id)

    def publish_all(self) -> None:
        """As `publish`, of every run that is watched: another collector may have changed it."""
        for run_id in list(self._watching):
            self.publish(run_id)
