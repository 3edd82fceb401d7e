"""Shows results in the exposition as of now: each with its host's latest A/A run.

A result is stored once, when its run was analysed; an A/A run may come later and change what
is recommended of it. `with_host_check` joins the two, here as for every report.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from headstart.collector.analysis.aa_of_host import latest_telling, with_host_check
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import UnreadableResult, from_json
from headstart.collector.metrics.page import Exposition
from headstart.collector.store import results as store_results
from headstart.collector.store.store import Store
from headstart.words.foreign.clean import label

log = logging.getLogger(__name__)

# Results that are read and rendered, in some two seconds, before the page is joined anew: each
# joining costs as much as the page is long.
_AT_ONCE = 200
# Of results in a row that show nothing, more are not tried.
_TRIED = 5


class Publisher:
    """Use from one event loop."""

    def __init__(self, store: Store, exposition: Exposition) -> None:
        # Whether what was stored before is shown.
        self.is_whole = asyncio.Event()
        self._store = store
        self._exposition = exposition
        # Else a result that was joined with an older A/A run could be shown after the newer
        # run had its turn.
        self._turn = asyncio.Lock()

    async def take_up(self) -> None:
        """Show the newest result of every experiment on every host, as many as there is room for.

        The newest first, some at a time: a result that arrives meanwhile waits for no more than
        these, and joining the page for each alone would take the square of their number.
        """
        try:
            runs = await self._store.read(store_results.latest)
            for begin in range(0, len(runs), _AT_ONCE):
                if self._exposition.is_full:
                    self._exposition.leave_out(len(runs) - begin)
                    break
                async with self._turn:
                    await self._show_stored(runs[begin : begin + _AT_ONCE])
        finally:
            self.is_whole.set()

    async def ended(self, result_json: str) -> None:
        """Show a result that was just stored, and after an A/A run the host's others anew."""
        async with self._turn:
            shown = await self._show(result_json)
            if shown is None:
                return
            await self._hide_former_name(shown.run_id)
            if not shown.aa:
                return
            for run_id in self._exposition.runs_on(shown.host.name):
                if run_id != shown.run_id:
                    await self._show_again(run_id)

    async def _hide_former_name(self, run_id: str) -> None:
        """Of a host that was renamed while the run was analysed, which `changed` did not see."""
        places = await self._store.read(lambda c: store_results.places(c, [run_id]))
        now = _labels(places.get(run_id))
        stale = [
            key for key, run in self._exposition.shown().items() if run == run_id and key != now
        ]
        if stale:
            await asyncio.to_thread(self._exposition.remove, stale)

    async def _show_stored(self, runs: Sequence[str]) -> None:
        stored = await self._store.read(partial(_stored, runs))
        await asyncio.to_thread(self._join_and_show, stored)

    def _join_and_show(self, stored: "_Stored") -> None:
        told = {host: _telling(results) for host, results in stored.aa.items()}
        read = [(host, _read(result_json)) for host, result_json in stored.results]
        self._exposition.update([with_host_check(r, told[host]) for host, r in read if r])

    async def clock_set_back(self) -> None:
        """Show what is shown as of now: none of it ended in the future."""
        async with self._turn:
            run_ids = list(self._exposition.shown().values())
            for begin in range(0, len(run_ids), _AT_ONCE):
                await self._show_stored(run_ids[begin : begin + _AT_ONCE])

    async def changed(self) -> None:
        """Hosts were renamed, or runs forgotten: show what is left, by its names of now."""
        async with self._turn:
            shown = self._exposition.shown()
            run_ids = list(shown.values())
            places = await self._store.read(lambda c: store_results.places(c, run_ids))
            stale = [key for key, run in shown.items() if _labels(places.get(run)) != key]
            if not stale:
                return
            newest = await self._store.read(store_results.newest)
            await asyncio.to_thread(self._exposition.remove, stale)
            renamed = [shown[key] for key in stale if shown[key] in places]
            for begin in range(0, len(renamed), _AT_ONCE):
                await self._show_stored(renamed[begin : begin + _AT_ONCE])
            for key in stale:
                if shown[key] in places:
                    continue
                older = [run for name, host, run in newest if (label(name), label(host)) == key]
                for run_id in older[:_TRIED]:
                    await self._show_again(run_id)
                    if key in self._exposition.shown():
                        break

    async def _show_again(self, run_id: str) -> None:
        stored = await self._store.read(lambda c: store_results.get(c, run_id))
        if stored is not None and not stored.fault:
            await self._show(stored.result_json)

    async def _show(self, result_json: str) -> RunResult | None:
        """None: it cannot be read, and is not shown."""
        if (result := await asyncio.to_thread(_read, result_json)) is None:
            return None
        run_id = result.run_id
        latest = await self._store.read(lambda c: store_results.latest_aa(c, run_id))
        told = await asyncio.to_thread(_telling, latest)
        # Rendering takes milliseconds of CPU.
        await asyncio.to_thread(self._exposition.update, [with_host_check(result, told)])
        return result


@dataclass(frozen=True)
class _Stored:
    """Results as JSON, each with its host, and the latest A/A runs of each host."""

    results: list[tuple[str, str]]
    aa: dict[str, list[str]]


def _stored(run_ids: Sequence[str], connection: Connection) -> _Stored:
    places = store_results.places(connection, run_ids)
    found = _Stored([], {})
    for run_id in run_ids:
        stored = store_results.get(connection, run_id)
        if stored is None or run_id not in places:
            continue
        _, host = places[run_id]
        if host not in found.aa:
            found.aa[host] = store_results.latest_aa(connection, run_id)
        found.results.append((host, stored.result_json))
    return found


def _read(result_json: str) -> RunResult | None:
    try:
        return from_json(result_json)
    except UnreadableResult as error:
        log.error("a stored result is not shown: %s", error)
        return None


def _telling(latest_aa: Sequence[str]) -> RunResult | None:
    """None also where one of a release that this one cannot read is in the way."""
    try:
        return latest_telling(latest_aa)
    except UnreadableResult as error:
        log.error("the A/A runs of a host are not shown: %s", error)
        return None


def _labels(place: tuple[str, str] | None) -> tuple[str, str] | None:
    return place and (label(place[0]), label(place[1]))
