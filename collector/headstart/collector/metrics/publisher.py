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

# Results that are read, and shown, before the page is joined anew: each joining costs as much as
# the page is long. Of large ones fewer, by their JSON.
_AT_ONCE = 200
_BYTES_AT_ONCE = 16 << 20
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
            waits = "the results that are stored are not all shown yet"
            runs = await self._store.at_last(partial(self._store.read, store_results.latest), waits)
            while runs:
                if self._exposition.is_full:
                    self._exposition.leave_out(len(runs))
                    break
                show = partial(self._show_some, runs)
                runs = runs[await self._store.at_last(show, waits) :]
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

    async def _show_some(self, runs: Sequence[str]) -> int:
        async with self._turn:
            return await self._show_stored(runs)

    async def _show_all(self, runs: Sequence[str]) -> None:
        while runs:
            runs = runs[await self._show_stored(runs) :]

    async def _show_stored(self, runs: Sequence[str]) -> int:
        """Show the first of these, as many as are read at once; how many. Raises StoreFault."""
        stored = await self._store.read(partial(_stored, runs))
        await asyncio.to_thread(self._join_and_show, stored)
        return stored.runs

    def _join_and_show(self, stored: "_Stored") -> None:
        told = {host: _telling(results) for host, results in stored.aa.items()}
        for host, result_json in stored.results:
            # One at a time: a result takes many times the memory of its JSON.
            if (result := _read(result_json)) is not None:
                self._exposition.add(with_host_check(result, told[host]))
        self._exposition.update()

    async def clock_set_back(self) -> None:
        """Show what is shown as of now: none of it ended in the future."""
        async with self._turn:
            await self._show_all(list(self._exposition.shown().values()))

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
            await self._show_all(renamed)
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

    # So many were looked for.
    runs: int
    results: list[tuple[str, str]]
    aa: dict[str, list[str]]


def _stored(run_ids: Sequence[str], connection: Connection) -> _Stored:
    """The first of them, and no more than are shown at once."""
    places = store_results.places(connection, run_ids[:_AT_ONCE])
    results: list[tuple[str, str]] = []
    aa: dict[str, list[str]] = {}
    held = looked_for = 0
    for run_id in run_ids[:_AT_ONCE]:
        if held >= _BYTES_AT_ONCE:
            break
        looked_for += 1
        stored = store_results.get(connection, run_id)
        if stored is None or run_id not in places:
            continue
        _, host = places[run_id]
        if host not in aa:
            aa[host] = store_results.latest_aa(connection, run_id)
            held += sum(map(len, aa[host]))
        results.append((host, stored.result_json))
        held += len(stored.result_json)
    return _Stored(looked_for, results, aa)


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
