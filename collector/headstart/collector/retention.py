"""Deletes raw batches of ended runs by age and by size; results stay."""

import asyncio
import logging

from headstart.collector import store_records, store_sqlite
from headstart.collector.config import Retention
from headstart.collector.store import Store

log = logging.getLogger(__name__)

_HOUR_SECONDS = 3600.0
_RUNS_AT_ONCE = 100


async def prune_hourly(store: Store, retention: Retention) -> None:
    """For as long as the collector lives."""
    while True:
        try:
            await prune(store, retention)
        except Exception:
            log.exception("old batches were not deleted")
        await asyncio.sleep(_HOUR_SECONDS)


async def prune(store: Store, retention: Retention) -> list[str]:
    """Delete what is too old, then the oldest until the size is met; the runs concerned."""
    pruned = []
    if retention.age_seconds is not None:
        before = store.now() - retention.age_seconds
        while aged := await _oldest(store, before, _RUNS_AT_ONCE):
            for run_id in aged:
                await _prune_run(store, run_id)
                pruned.append(run_id)
    if retention.store_bytes is not None:
        while await store.read(store_sqlite.used_bytes) > retention.store_bytes:
            oldest = await _oldest(store, store.now(), 1)
            if not oldest:
                break
            await _prune_run(store, oldest[0])
            pruned += oldest
    return pruned


async def _oldest(store: Store, ended_before: float, limit: int) -> list[str]:
    return await store.read(lambda c: store_records.prunable(c, ended_before, limit))


async def _prune_run(store: Store, run_id: str) -> None:
    now = store.now()
    deleted = 0
    while count := await store.write(lambda c: store_records.prune(c, run_id, now)):
        deleted += count
    log.info("run %s: %d raw batches deleted, its result stays", run_id, deleted)
