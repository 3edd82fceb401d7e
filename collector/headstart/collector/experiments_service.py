"""`ExperimentsService` on the wire: for people and CI."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc

from headstart.collector import store_hosts, store_queries, store_records, store_runs
from headstart.collector.analyst import Analyst, NoRecords, ReportFault
from headstart.collector.config import CollectorConfig
from headstart.collector.decode import decode
from headstart.collector.experiment_file import ExperimentProblems, load_experiment
from headstart.collector.fleet import Fleet
from headstart.collector.store import Store
from headstart.collector.store_queries import NoSuchRun
from headstart.collector.store_writer import StoreFault
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import (
    CancelRequest,
    CancelResponse,
    GetRequest,
    GetResponse,
    HostState,
    ListHostsRequest,
    ListHostsResponse,
    ListRequest,
    ListResponse,
    Problem,
    ReportFormat,
    ReportRequest,
    ReportResponse,
    RunSummary,
    SubmitProblems,
    SubmitRequest,
    SubmitResponse,
    WatchRequest,
    WatchResponse,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceServicer
from headstart.v1.records_pb2 import RecordKind, TrialOutcome

# Key of the trailing metadata that holds serialised SubmitProblems; named in
# experiments.proto.
PROBLEMS_KEY = "headstart-problems-bin"

_CHUNK_BYTES = 512 * 1024
_DEFAULT_LISTED = 100
# A lease must fit into a message beside little else.
_LARGEST_EXPERIMENT_SHARE = 0.9
_LONGEST_REASON = 1000


class Status(Exception):
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, message: str, problems: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problems = problems


def _status_of(error: Exception) -> Status:
    match error:
        case Status():
            return error
        case NoSuchRun(candidates=candidates):
            code = grpc.StatusCode.INVALID_ARGUMENT if candidates else grpc.StatusCode.NOT_FOUND
            return Status(code, str(error))
        case NoRecords():
            return Status(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        case StoreFault():
            return Status(grpc.StatusCode.UNAVAILABLE, str(error))
        case _:
            return Status(grpc.StatusCode.INTERNAL, str(error))


_EXPECTED = (Status, NoSuchRun, NoRecords, ReportFault, StoreFault)


async def _abort(context: Any, error: Exception) -> NoReturn:
    status = _status_of(error)
    trailing = ((PROBLEMS_KEY, status.problems),) if status.problems else ()
    await context.abort(status.code, status.message, trailing)
    raise AssertionError("abort raises")


class ExperimentsServer(ExperimentsServiceServicer):
    """Contexts are Any: the generated types are of both kinds of server at once."""

    def __init__(
        self, config: CollectorConfig, store: Store, fleet: Fleet, analyst: Analyst
    ) -> None:
        self._config = config
        self._store = store
        self._fleet = fleet
        self._analyst = analyst

    async def Submit(self, request: SubmitRequest, context: Any) -> SubmitResponse:
        """See experiments.proto."""
        try:
            experiment = await self._load(request)
            hosts = self._matching(experiment, await self._fleet.hosts())
            now = self._store.now()
            run_ids = await self._store.write(
                lambda c: store_runs.submit(c, experiment, hosts, now)
            )
            await self._fleet.dispatch.queued(hosts)
            return SubmitResponse(runs=[await self._summary(run_id) for run_id in run_ids])
        except _EXPECTED as error:
            await _abort(context, error)

    async def _load(self, request: SubmitRequest) -> Experiment:
        limits = self._config.limits
        size = len(request.source_text.encode())
        if size > limits.source_bytes:
            raise _problem(f"the file has {size} bytes; at most {limits.source_bytes} are taken")
        try:
            # A second of work for the largest file.
            experiment = await asyncio.to_thread(
                load_experiment,
                request.source_text,
                request.base_directory,
                request.file_name or "experiment.yaml",
                request.revision,
            )
        except ExperimentProblems as error:
            raise Status(
                grpc.StatusCode.INVALID_ARGUMENT,
                str(error),
                SubmitProblems(problems=error.problems).SerializeToString(),
            ) from error
        most = int(limits.message_bytes * _LARGEST_EXPERIMENT_SHARE)
        if experiment.ByteSize() > most:
            raise _problem(
                f"the experiment has {experiment.ByteSize()} bytes once its defaults are "
                f"filled in; at most {most} reach an agent"
            )
        return experiment

    def _matching(self, experiment: Experiment, known: list[HostState]) -> list[str]:
        labels = dict(experiment.hosts.labels)
        seen_after = self._store.now() - self._config.timing.host_expiry_seconds
        matching = store_hosts.matching(known, labels, seen_after)
        if not matching:
            raise Status(grpc.StatusCode.FAILED_PRECONDITION, _no_host(labels, known))
        if len(matching) > self._config.limits.runs_per_submit:
            raise _problem(f"{len(matching)} hosts match; give labels that fewer have")
        return matching

    async def _summary(self, run_id: str) -> RunSummary:
        return await self._store.read(lambda c: store_queries.summary(c, run_id))

    async def _resolve(self, prefix: str) -> str:
        return await self._store.read(lambda c: store_queries.resolve(c, prefix))

    async def List(self, request: ListRequest, context: Any) -> ListResponse:
        """The newest runs first."""
        limit = min(request.limit or _DEFAULT_LISTED, self._config.limits.listed_runs)
        try:
            found = await self._store.read(
                lambda c: store_queries.summaries(
                    c, request.experiment, request.host, tuple(request.states), limit
                )
            )
            return ListResponse(runs=found)
        except _EXPECTED as error:
            await _abort(context, error)

    async def Get(self, request: GetRequest, context: Any) -> GetResponse:
        """A run, its host, and the outcomes of its trials so far."""
        try:
            run_id = await self._resolve(request.run_id)
            info = await self._store.read(lambda c: store_queries.info(c, run_id))
            trials = await asyncio.to_thread(self._trials, run_id, info.attempt)
            return GetResponse(run=await self._summary(run_id), host=info.host, trials=trials)
        except _EXPECTED as error:
            await _abort(context, error)

    def _trials(self, run_id: str, attempt: int) -> list[TrialOutcome]:
        kinds = (RecordKind.RECORD_KIND_TRIAL_OUTCOME,)
        envelopes = store_records.envelopes(self._store.readers, run_id, attempt, kinds)
        return [decode(envelope).trial_outcome for envelope in envelopes]

    async def Watch(self, request: WatchRequest, context: Any) -> AsyncIterator[WatchResponse]:
        """The state at once and at every change, until the run ended."""
        try:
            run_id = await self._resolve(request.run_id)
            before = None
            with self._fleet.dispatch.changes.watch(run_id) as changed:
                while True:
                    changed.clear()
                    now = await self._summary(run_id)
                    if now != before:
                        yield WatchResponse(run=now)
                    if now.state in store_runs.ENDED:
                        return
                    before = now
                    await changed.wait()
        except _EXPECTED as error:
            await _abort(context, error)

    async def Cancel(self, request: CancelRequest, context: Any) -> CancelResponse:
        """Durable when it returns; what has ended stays as it is."""
        try:
            run_id = await self._resolve(request.run_id)
            reason = request.reason[:_LONGEST_REASON] or "cancelled"
            await self._fleet.dispatch.cancel(run_id, reason)
            return CancelResponse(run=await self._summary(run_id))
        except _EXPECTED as error:
            await _abort(context, error)

    async def Report(self, request: ReportRequest, context: Any) -> AsyncIterator[ReportResponse]:
        """The report in pieces; JSON when no format is named."""
        try:
            run_id = await self._resolve(request.run_id)
            content = await self._analyst.report(
                run_id, request.format or ReportFormat.REPORT_FORMAT_JSON
            )
            for start in range(0, len(content), _CHUNK_BYTES):
                yield ReportResponse(chunk=content[start : start + _CHUNK_BYTES])
        except _EXPECTED as error:
            await _abort(context, error)

    async def ListHosts(
        self,
        request: ListHostsRequest,  # noqa: ARG002  # empty
        context: Any,
    ) -> ListHostsResponse:
        """Every host that ever attended, by name."""
        try:
            return ListHostsResponse(hosts=await self._fleet.hosts())
        except _EXPECTED as error:
            await _abort(context, error)


def _problem(message: str) -> Status:
    problems = SubmitProblems(problems=[Problem(message=message)])
    return Status(grpc.StatusCode.INVALID_ARGUMENT, message, problems.SerializeToString())


def _no_host(labels: dict[str, str], known: list[HostState]) -> str:
    asked = ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "any host"
    if not known:
        return f"no host matches ({asked}): no agent has ever attended this collector"
    lines = [
        f"  {state.host.host}: "
        + (", ".join(f"{n}={v}" for n, v in sorted(state.host.labels.items())) or "no labels")
        + ("" if state.connected else " (not connected)")
        for state in known[:50]
    ]
    return "\n".join([f"no host matches ({asked}); known hosts:", *lines])
