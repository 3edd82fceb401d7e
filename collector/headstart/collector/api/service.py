"""`ExperimentsService` on the wire: for people and CI."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from headstart.collector.api.answers import (
    LARGEST_BYTES,
    runs_that_fit,
    trials_that_fit,
)
from headstart.collector.api.context_calls import ContextCalls
from headstart.collector.api.host_calls import HostCalls
from headstart.collector.api.placing import placed
from headstart.collector.api.queue_calls import QueueCalls
from headstart.collector.api.status_codes import EXPECTED, Status, abort
from headstart.collector.api.submission import experiment_of, hosts_for, wish_of
from headstart.collector.config import CollectorConfig
from headstart.collector.fleet.fleet import Fleet
from headstart.collector.judge.analyst import Analyst
from headstart.collector.judge.exporter import Exporter
from headstart.collector.judge.regressions import Regressions
from headstart.collector.store import (
    points as store_points,
    queries,
    records as store_records,
    shifts as store_shifts,
)
from headstart.collector.store.contexts import Contexts
from headstart.collector.store.decode import decode
from headstart.collector.store.store import Store
from headstart.collector.transport.callers import who_is
from headstart.v1.experiments_pb2 import (
    AcceptShiftRequest,
    AcceptShiftResponse,
    ExportFormat,
    ExportRequest,
    ExportResponse,
    ExportTable,
    GetRequest,
    GetResponse,
    HistoryRequest,
    HistoryResponse,
    ListRequest,
    ListResponse,
    ReportFormat,
    ReportRequest,
    ReportResponse,
    RunState,
    SubmitRequest,
    SubmitResponse,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceServicer
from headstart.v1.records_pb2 import RecordKind, TrialOutcome

_CHUNK_BYTES = 512 * 1024
_DEFAULT_LISTED = 100
_LONGEST_REASON = 1000
_DEFAULT_POINTS = 50
_MOST_POINTS = 1000


class ExperimentsServer(ContextCalls, HostCalls, QueueCalls, ExperimentsServiceServicer):
    """Contexts are Any: the generated types are of both kinds of server at once."""

    def __init__(
        self,
        config: CollectorConfig,
        store: Store,
        contexts: Contexts,
        fleet: Fleet,
        analyst: Analyst,
        exporter: Exporter,
        regressions: Regressions,
    ) -> None:
        ContextCalls.__init__(self, contexts)
        HostCalls.__init__(self, fleet)
        QueueCalls.__init__(self, store, fleet)
        self._config = config
        self._regressions = regressions
        self._analyst = analyst
        self._exporter = exporter

    async def Submit(self, request: SubmitRequest, context: Any) -> SubmitResponse:
        """See experiments.proto."""
        try:
            limits = self._config.limits
            experiment = await experiment_of(request, limits, self._contexts)
            seen_after = self._store.now() - self._config.timing.host_expiry_seconds
            known = await self._fleet.hosts()
            at = placed(
                hosts_for(experiment, known, seen_after, limits),
                known,
                lambda host: self._fleet.lacking(host, experiment),
                self._store.now(),
                any_host=request.any_host,
            )
            wish = wish_of(request, at.candidates, self._store.now())
            run_ids = await self._fleet.dispatch.submit(experiment, at.hosts, who_is(context), wish)
            found = await self._store.read(lambda c: queries.summaries_of(c, run_ids))
            # As the hosts were named.
            by_id = {run.run_id: run for run in found}
            runs = [by_id[run_id] for run_id in run_ids]
            return SubmitResponse(runs=runs, warnings=at.warnings)
        except EXPECTED as error:
            await abort(context, error)

    async def List(self, request: ListRequest, context: Any) -> ListResponse:
        """The newest runs first."""
        limit = min(request.limit or _DEFAULT_LISTED, self._config.limits.listed_runs)
        states = tuple(sorted({*request.states} & {*RunState.values()}))
        if request.states and not states:
            # A newer client's are those of no run here.
            return ListResponse(older_runs=0)
        try:
            before = await self._resolve(request.before_run_id) if request.before_run_id else ""
            found, older = await self._store.read(
                lambda c: queries.summaries(
                    c, request.experiment, request.host, states, limit, before
                )
            )
            return ListResponse(runs=runs_that_fit(found), older_runs=older)
        except EXPECTED as error:
            await abort(context, error)

    async def Get(self, request: GetRequest, context: Any) -> GetResponse:
        """A run, its host, and the outcomes of its trials so far."""
        try:
            run_id = await self._resolve(request.run_id)
            # Before its trials: of a run that is said to have ended none is missing.
            summary = await self._summary(run_id)
            info = await self._store.read(lambda c: queries.info(c, run_id))
            trials = await asyncio.to_thread(self._trials, run_id, info.attempt, request)
            return GetResponse(run=summary, host=info.host, trials=trials)
        except EXPECTED as error:
            await abort(context, error)

    def _trials(self, run_id: str, attempt: int, request: GetRequest) -> list[TrialOutcome]:
        kinds = (RecordKind.RECORD_KIND_TRIAL_OUTCOME,)
        envelopes = store_records.envelopes(self._store.readers, run_id, attempt, kinds)
        outcomes = (
            decode(envelope).trial_outcome
            for envelope in envelopes
            if request.trial in (0, envelope.trial)
        )
        return trials_that_fit(o for o in outcomes if request.variant in ("", o.variant))

    async def Report(self, request: ReportRequest, context: Any) -> AsyncIterator[ReportResponse]:
        """The report in pieces; JSON when no format is named."""
        try:
            if request.format not in ReportFormat.values():
                raise Status(
                    grpc.StatusCode.INVALID_ARGUMENT, f"report format {request.format} is not known"
                )
            run_id = await self._resolve(request.run_id)
            content = await self._analyst.report(
                run_id, request.format or ReportFormat.REPORT_FORMAT_JSON
            )
            for start in range(0, len(content), _CHUNK_BYTES):
                yield ReportResponse(chunk=content[start : start + _CHUNK_BYTES])
        except EXPECTED as error:
            await abort(context, error)

    async def Export(self, request: ExportRequest, context: Any) -> AsyncIterator[ExportResponse]:
        """A table of the run's records as a file, in pieces; Parquet when no format is named."""
        try:
            if not request.table or request.table not in ExportTable.values():
                raise Status(
                    grpc.StatusCode.INVALID_ARGUMENT, f"export table {request.table} is not known"
                )
            if request.format not in ExportFormat.values():
                raise Status(
                    grpc.StatusCode.INVALID_ARGUMENT, f"export format {request.format} is not known"
                )
            export_format = request.format or ExportFormat.EXPORT_FORMAT_PARQUET
            run_id = await self._resolve(request.run_id)
            pieces = self._exporter.export(run_id, request.table, _CHUNK_BYTES, export_format)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield ExportResponse(chunk=piece)
        except EXPECTED as error:
            await abort(context, error)

    async def History(self, request: HistoryRequest, context: Any) -> HistoryResponse:
        """Series and shifts of an experiment; both are empty for one that is not known."""
        limit = min(request.limit or _DEFAULT_POINTS, _MOST_POINTS)
        asked = (request.experiment, request.variant, request.metric, request.fingerprint)
        try:
            if not request.experiment:
                raise Status(grpc.StatusCode.INVALID_ARGUMENT, "name an experiment")
            found = HistoryResponse(
                series=await self._store.read(lambda c: store_points.series_of(c, *asked, limit)),
                shifts=await self._store.read(lambda c: store_shifts.shifts_of(c, *asked)),
            )
            if found.ByteSize() > LARGEST_BYTES:
                raise Status(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"the history has {found.ByteSize()} bytes, more than a message takes: "
                    "name a variant or a metric, or ask for fewer points",
                )
            return found
        except EXPECTED as error:
            await abort(context, error)

    async def AcceptShift(self, request: AcceptShiftRequest, context: Any) -> AcceptShiftResponse:
        """Durable when it returns."""
        try:
            reason = request.reason[:_LONGEST_REASON] or "accepted"
            shift = await self._regressions.accept(request.shift_id, reason)
            return AcceptShiftResponse(shift=shift)
        except EXPECTED as error:
            await abort(context, error)
