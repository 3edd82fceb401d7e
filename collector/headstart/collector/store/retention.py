"""Deletes raw batches of ended runs by age and by size, and gives their room back; results stay.

Runs that go on are never pruned, so that a store can stay too large for as long as they do; that
is logged every hour. New stores give free pages back some thousand at a time; a store of an older
release is written anew once (VACUUM), which needs as much free disk as the store holds. Nothing is
deleted unless it was asked for, nor for its age while the clock may be wrong (`clock`).
"""

import asyncio
import logging
import time

from headstart.collector.config import Retention
from headstart.collector.store import (
    clock as store_clock,
    partitions as store_partitions,
    records as store_records,
)
from headstart.collector.store.partitions import Month, MonthIsRead
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from headstart.collector.tasks import traceback_of

log = logging.getLogger(__name__)

_HOUR_SECONDS = 3600.0
# Agents fill a store faster than within an hour. Looking costs three pragmas.
_LOOK_SECONDS = 10.0
_RUNS_AT_ONCE = 100


async def keep_within(store: Store, retention: Retention) -> None:
    """For as long as the collector lives: by size at once, by age every hour."""
    due = 0.0
    while True:
        hourly = time.monotonic() >= due
        if hourly:
            due = time.monotonic() + _HOUR_SECONDS
        try:
            if hourly:
                await _mend(store)
            if hourly or await _too_large(store, retention):
                await prune(store, retention, hourly)
        except Exception as error:
            log.error("old batches were not deleted: %s", error, exc_info=traceback_of(error))
        await asyncio.sleep(_LOOK_SECONDS)


async def _mend(store: Store) -> None:
    if store.believes_clock:
        now = store.now()
        if wrong := await store.write(lambda c: store_clock.mend(c, now)):
            log.warning("%d times of runs could not be true: the clock was wrong then", wrong)


async def prune(store: Store, retention: Retention, aloud: bool = True) -> list[str]:
    """Delete what is too old, then the oldest until the size is met; the runs concerned.

    `aloud`: what is still too large is logged.
    """
    pruned = []
    if retention.age_seconds is not None and store.believes_clock:
        before = store.now() - retention.age_seconds
        for month in await store.read(store_partitions.months):
            pruned += await _prune_month(store, month, before)
        while aged := await _oldest(store, before, _RUNS_AT_ONCE):
            for run_id in aged:
                await _prune_run(store, run_id)
                pruned.append(run_id)
    if retention.store_bytes is not None:
        while (used := await store.read(store.database.used_bytes)) > retention.store_bytes:
            oldest = await _oldest(store, None, 1)
            if not oldest:
                if aloud:
                    log.error(
                        "the store holds %d bytes, %d are allowed (--store-bytes), and no ended "
                        "run has raw batches that could be deleted",
                        used,
                        retention.store_bytes,
                    )
                break
            await _prune_run(store, oldest[0])
            pruned += oldest
    if pruned or await _too_large(store, retention):
        await _give_back(store, retention, aloud)
    return pruned


async def _too_large(store: Store, retention: Retention) -> bool:
    limit = retention.store_bytes
    return limit is not None and await store.read(store.database.taken_bytes) > limit


async def _give_back(store: Store, retention: Retention, aloud: bool) -> None:
    """Make the file as small as what it holds."""
    if await store.read(store.database.gives_back):
        while await store.alone(store.database.give_back):
            pass
        await store.cut_log()
        return
    used = await store.read(store.database.used_bytes)
    size = await store.read(store.database.taken_bytes)
    # Once in the life of a store that an older release made.
    if not await _too_large(store, retention) or used >= size or not aloud:
        return
    log.info("the store is written anew, once: %d of its %d bytes hold something", used, size)
    try:
        await store.alone(store.database.compact)
    except Exception as error:
        raise StoreFault(f"the store could not be written anew: {error}") from error


async def give_back(store: Store) -> None:
    """Give the room of what was deleted back, where that can be done in small steps."""
    if await store.read(store.database.gives_back):
        while await store.alone(store.database.give_back):
            pass
    await store.cut_log()


async def prune_run(store: Store, run_id: str) -> None:
    """Delete the raw batches of one run."""
    await _prune_run(store, run_id)


async def _prune_month(store: Store, month: Month, before: float) -> list[str]:
    """Drop a month's table, where none of it is to be kept."""
    if not await store.read(lambda c: store_records.month_is_prunable(c, month, before)):
        return []
    now = store.now()
    try:
        runs = await store.write(lambda c: store_records.prune_month(c, month, before, now))
    except MonthIsRead as reason:
        log.info("%s is dropped later: %s", month.name, reason)
        return []
    log.info("%s dropped: the raw batches of %d runs; their results stay", month.name, len(runs))
    return runs


async def _oldest(store: Store, ended_before: float | None, limit: int) -> list[str]:
    return await store.read(lambda c: store_records.prunable(c, ended_before, limit))


async def _prune_run(store: Store, run_id: str) -> None:
    now = store.now()
    deleted = 0
    while count := await store.write(lambda c: store_records.prune(c, run_id, now)):
        deleted += count
    log.info("run %s: %d raw batches deleted, its result stays", run_id, deleted)
