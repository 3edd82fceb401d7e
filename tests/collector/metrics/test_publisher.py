"""What a collector shows after its start of what it stored before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from headstart.collector.metrics import publisher as publisher_module
from headstart.collector.metrics.page import Exposition
from headstart.collector.metrics.publisher import Publisher
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import results as store_results, store as stores
from headstart.collector.store.renaming import rename
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from support.attending import in_loop
from support.exposed import exposed
from support.stored_results import fill

# Room for the figures and curves of some three results.
ROOM = 2000


async def shown_after_start(data: Path, maximum_series: int) -> tuple[str, Exposition]:
    store = Store(data)
    exposition = Exposition(SelfMetrics("1"), store.id, maximum_series)
    publisher = Publisher(store, exposition)
    await publisher.take_up()
    await store.close()
    assert publisher.is_whole.is_set()
    return exposition.scrape().decode(), exposition


@in_loop
async def test_all_results_are_shown_where_there_is_room(tmp_path: Path) -> None:
    await fill(tmp_path / "data", 60)
    text, exposition = await shown_after_start(tmp_path / "data", 100_000)

    assert all(f'experiment="e{number}"' in text for number in range(60))
    assert not exposition.is_full
    assert exposed(text, "headstart_exposition_dropped_results") == 0


@in_loop
async def test_the_newest_are_shown_where_there_is_room_for_few_and_the_others_are_not_read(
    tmp_path: Path,
) -> None:
    await fill(tmp_path / "data", 120)
    text, exposition = await shown_after_start(tmp_path / "data", ROOM)

    assert exposition.is_full
    assert 'experiment="e119"' in text
    assert 'experiment="e0"' not in text
    shown = {number for number in range(120) if f'experiment="e{number}"' in text}
    assert exposed(text, "headstart_exposition_dropped_results") == 120 - len(shown)
    assert shown == set(range(min(shown), 120))


@in_loop
async def test_a_result_of_a_host_that_was_renamed_meanwhile_leaves_no_series(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, 1)
    async with Store(tmp_path) as store:
        exposition = Exposition(SelfMetrics("1"), store.id)
        publisher = Publisher(store, exposition)
        run_id = next(run for *_, run in await store.read(store_results.newest))
        stored = await store.read(lambda c: store_results.get(c, run_id))
        assert stored is not None
        await store.write(lambda c: rename(c, "h0", "perf1", store.now()))
        # The analysis had begun before.
        await publisher.ended(stored.result_json)

    assert 'host="h0"' not in exposition.scrape().decode()


@in_loop
async def test_a_store_that_is_away_for_a_moment_leaves_no_result_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(publisher_module, "_AT_ONCE", 10)
    await fill(tmp_path, 30)
    async with Store(tmp_path) as store:
        exposition = Exposition(SelfMetrics("1"), store.id)
        publisher, read = Publisher(store, exposition), store.read
        faults = iter([None, StoreFault("the database is started anew")])

        async def read_or_fail(query: Callable[[Connection], Any]) -> Any:
            if (fault := next(faults, None)) is not None:
                raise fault
            return await read(query)

        monkeypatch.setattr(store, "read", read_or_fail)
        await publisher.take_up()

        assert next(faults, "all came") == "all came"
        assert len(exposition.shown()) == 30


@in_loop
async def test_large_results_are_read_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path, 5)
    monkeypatch.setattr(publisher_module, "_BYTES_AT_ONCE", 1)
    async with Store(tmp_path) as store:
        exposition = Exposition(SelfMetrics("1"), store.id)
        publisher = Publisher(store, exposition)
        runs = await store.read(store_results.latest)

        assert await publisher._show_stored(runs) == 1
        assert list(exposition.shown().values()) == runs[:1]
        await publisher.take_up()
        assert list(exposition.shown().values()) == runs
