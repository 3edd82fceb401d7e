"""The calls of `ExperimentsService` about runs that wait or go on: watch them, end them."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc

from headstart.collector.api.status_codes import EXPECTED, Status, abort
from headstart.collector.fleet.fleet import Fleet
from headstart.collector.store import queries, runs as store_runs
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import (
    CancelRequest,
    CancelResponse,
    RunSummary,
    WatchRequest,
    WatchResponse,
    WatchRunsRequest,
)

_LONGEST_REASON = 1000
_MOST_WATCHED = 1000


class QueueCalls:
    """Runs are named by their id or by an unambiguous beginning of it."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    async def _summary(self, run_id: str) -> RunSummary:
        return await self._store.read(lambda c: queries.summary(c, run_id))

    async def _resolve(self, prefix: str) -> str:
        return await self._store.read(lambda c: queries.resolve(c, prefix))

    async def Watch(self, request: WatchRequest, context: Any) -> AsyncIterator[WatchResponse]:
        """The state at once and at every change, until the run ended."""
        try:
            run_id = await self._resolve(request.run_id)
            async for run in self._changes([run_id]):
                yield WatchResponse(run=run)
        except EXPECTED as error:
            await abort(context, error)

    async def WatchRuns(
        self, request: WatchRunsRequest, context: Any
    ) -> AsyncIterator[WatchResponse]:
        """See experiments.proto."""
        prefixes = list(dict.fromkeys(request.run_ids))
        try:
            if not 0 < len(prefixes) <= _MOST_WATCHED:
                raise Status(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"{len(prefixes)} runs are named; 1 to {_MOST_WATCHED} can be watched at once",
                )
            run_ids = await self._store.read(lambda c: [queries.resolve(c, p) for p in prefixes])
            async for run in self._changes(run_ids):
                yield WatchResponse(run=run)
        except EXPECTED as error:
            await abort(context, error)

    async def _changes(self, run_ids: list[str]) -> AsyncIterator[RunSummary]:
        told: dict[str, RunSummary] = {}
        goes_on = set(run_ids)
        with self._fleet.dispatch.changes.watch(*run_ids) as changed:
            while goes_on:
                look = sorted(await changed.take() & goes_on)
                read = partial(queries.summaries_of, run_ids=look)
                for now in await self._store.read(read):
                    if now.state in store_runs.ENDED:
                        goes_on.discard(now.run_id)
                    if told.get(now.run_id) != now:
                        told[now.run_id] = now
                        yield now

    async def Cancel(self, request: CancelRequest, context: Any) -> CancelResponse:
        """Durable when it returns; what has ended stays as it is. Without a run: nothing."""
        if not request.run_id:
            return CancelResponse()
        try:
            run_id = await self._resolve(request.run_id)
            reason = request.reason[:_LONGEST_REASON] or "cancelled"
            await self._fleet.dispatch.cancel(run_id, reason, only_queued=request.only_queued)
            return CancelResponse(run=await self._summary(run_id))
        except EXPECTED as error:
            await abort(context, error)
