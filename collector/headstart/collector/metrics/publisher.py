"""Shows results in the exposition as of now: each with its host's latest A/A run.

A result is stored once, when its run was analysed; an A/A run may come later and change what
is recommended of it. `with_host_check` joins the two, here as for every report.
"""

import asyncio
import logging
from collections.abc import Sequence

from headstart.collector.analysis.aa_of_host import latest_telling, with_host_check
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import UnreadableResult, from_json
from headstart.collector.metrics.page import Exposition
from headstart.collector.store import results as store_results
from headstart.collector.store.store import Store

log = logging.getLogger(__name__)


class Publisher:
    """Use from one event loop."""

    def __init__(self, store: Store, exposition: Exposition) -> None:
        self._store = store
        self._exposition = exposition
        # Else a result that was joined with an older A/A run could be shown after the newer
        # run had its turn.
        self._turn = asyncio.Lock()

    async def stored(self) -> None:
        """Show the newest result of every experiment on every host."""
        async with self._turn:
            for text in await self._store.read(store_results.latest):
                await self._show(text)

    async def ended(self, result_json: str) -> None:
        """Show a result that was just stored, and after an A/A run the host's others anew."""
        async with self._turn:
            shown = await self._show(result_json)
            if shown is None or not shown.aa:
                return
            for run_id in self._exposition.runs_on(shown.host.name):
                if run_id != shown.run_id:
                    await self._show_again(run_id)

    async def _show_again(self, run_id: str) -> None:
        stored = await self._store.read(lambda c: store_results.get(c, run_id))
        if stored is not None and not stored.fault:
            await self._show(stored.result_json)

    async def _show(self, result_json: str) -> RunResult | None:
        """None: it cannot be read, and is not shown."""
        try:
            result = await asyncio.to_thread(from_json, result_json)
            run_id = result.run_id
            latest = await self._store.read(lambda c: store_results.latest_aa(c, run_id))
            # Rendering takes milliseconds of CPU.
            await asyncio.to_thread(self._join_and_show, result, latest)
        except UnreadableResult as error:
            log.error("a stored result is not shown: %s", error)
            return None
        return result

    def _join_and_show(self, result: RunResult, latest_aa: Sequence[str]) -> None:
        self._exposition.update([with_host_check(result, latest_telling(latest_aa))])
