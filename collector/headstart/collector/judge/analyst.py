"""Analyses runs when they end, keeps the results, and renders reports of them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from headstart.collector.config import JobLimits
from headstart.collector.findings.run_info import RunInfo
from headstart.collector.judge import worker
from headstart.collector.judge.job_limits import Done, JobExceeded, JobFault
from headstart.collector.judge.process_pool import AnalysisPool
from headstart.collector.judge.worker import Analysed, Decided
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.report.sentences.history_words import shift_sentence
from headstart.collector.store import (
    points as store_points,
    queries,
    records as store_records,
    results as store_results,
    shifts as store_shifts,
)
from headstart.collector.store.results import StoredResult
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreClosed, StoreFault
from headstart.collector.tasks import Tasks
from headstart.v1.experiments_pb2 import ReportFormat, RunState
from headstart.words.log_fields import with_fields
from headstart.words.looks import until_look, waiting

log = logging.getLogger(__name__)

T = TypeVar("T")

_OPEN = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)

# A block's last records come behind its agent's question at most this much later.
_LATE_TRIES = 5
_LATE_SECONDS = 0.4
_MOST_FAILED = 10_000


class NoRecords(Exception):
    """Nothing was recorded of the run, or it was deleted; `so` says what follows."""

    def __init__(self, run_id: str, so: str = "there is no report") -> None:
        super().__init__(f"no records of run {run_id} are stored, so {so}")


class ReportFault(Exception):
    """Analysis or rendering broke: a fault of ours, and the message says which."""


async def _nobody(_result_json: str) -> None:
    """Nobody waits for results."""


class Analyst:
    """Use from one event loop. `on_result` is awaited with the JSON of every stored result."""

    def __init__(
        self,
        store: Store,
        metrics: SelfMetrics,
        *,
        on_result: Callable[[str], Awaitable[None]] = _nobody,
        analyse: Callable[[str, str], Done[Analysed]] = worker.analyse,
        limits: JobLimits | None = None,
        keeps: bool = True,
    ) -> None:
        """`analyse` must be picklable: it is called in another process. Without `keeps` nothing
        is stored, as by a collector that stands by.
        """
        self._keeps = keeps
        self._store = store
        self._metrics = metrics
        self._on_result = on_result
        self._hears_stored: Callable[[str], None] = lambda _run_id: None
        self._analyse = analyse
        # For whatever else reads many records.
        self.pool = AnalysisPool(limits)
        self._tasks = Tasks()
        # Runs that ended and whose analysis is not over.
        self._pending: dict[str, asyncio.Event] = {}
        # Attempts whose analysis failed since this start, and why: it is not tried again for
        # everybody who asks. Of an attempt that goes on only what took more than it may.
        self._failed: dict[tuple[str, int], str] = {}

    def on_stored(self, hear: Callable[[str], None]) -> None:
        """Have `hear` called for each run whose result, or analysis's fault, was stored."""
        self._hears_stored = hear

    async def start(self) -> None:
        """Catch up on runs that ended when nobody could analyse them."""
        for run_id in await self._store.read(store_results.missing):
            self.ended(run_id)

    async def stop(self) -> None:
        """What is not analysed now is so at the next start."""
        await self._tasks.stop()
        await self.pool.stop()

    def ended(self, run_id: str) -> None:
        """A run ended: its result follows by itself."""
        self._pending[run_id] = over = asyncio.Event()
        self._tasks.start(self._keep(run_id, over), f"the analysis of run {run_id}")

    async def idle(self) -> None:
        """Return once every run that ended so far is analysed."""
        await asyncio.gather(*(over.wait() for over in list(self._pending.values())))

    async def _keep(self, run_id: str, over: asyncio.Event) -> None:
        try:
            await self._store.at_last(
                partial(self._analyse_ended, run_id, over), f"run {run_id} is not analysed yet"
            )
        except queries.NoSuchRun:
            log.info("run %s was forgotten before it was analysed", run_id)
        finally:
            over.set()
            if self._pending.get(run_id) is over:
                del self._pending[run_id]

    async def _analyse_ended(self, run_id: str, over: asyncio.Event) -> None:
        """Raises StoreFault, after which all of it is to be done again, and NoSuchRun."""
        try:
            info = await self._store.read(lambda c: queries.info(c, run_id))
            attempt = info.attempt
            # A run that was cancelled in the queue has nothing to say.
            if not await self._store.read(lambda c: store_records.any_of(c, run_id, attempt)):
                return
            began = time.monotonic()
            analysed = await self._analysed(run_id)
            try:
                await self._put(analysed, run_id, began, self._store.write)
            except StoreClosed:
                raise
            except StoreFault:
                over.set()
                await self._put(analysed, run_id, began, self._put_at_last)
            now = await self._store.read(lambda c: queries.info(c, run_id))
            if now.host.host != info.host.host:
                # It was renamed meanwhile; the result has the name of before.
                await self._analyse_and_store(run_id)
        except StoreFault:
            # Reports do not wait for a disk that is full, or a database that is away.
            over.set()
            raise

    async def _analyse_and_store(self, run_id: str) -> None:
        began = time.monotonic()
        await self._put(await self._analysed(run_id), run_id, began, self._store.write)

    async def _analyse_and_keep(self, run_id: str) -> Analysed:
        """For who asks, and stored where that can be."""
        began = time.monotonic()
        analysed = await self._analysed(run_id)
        if not self._keeps:
            return analysed
        try:
            await self._put(analysed, run_id, began, self._store.write)
        except StoreFault as fault:
            log.warning("run %s: the result that is reported is not stored: %s", run_id, fault)
        return analysed

    async def _put_at_last(self, put: Callable[[Connection], None]) -> None:
        await self._store.write_at_last(put, "a result")

    async def _put(
        self,
        analysed: Analysed,
        run_id: str,
        began: float,
        write: Callable[[Callable[[Connection], None]], Awaitable[None]],
    ) -> None:
        seconds = time.monotonic() - began
        result = StoredResult(run_id, analysed.attempt, analysed.result_json, analysed.fault)
        now = self._store.now()

        def put(connection: Connection) -> None:
            if queries.info(connection, run_id).attempt != analysed.attempt:
                # It took so long to become storable that another attempt was made.
                return
            store_results.put(connection, result, now)
            store_points.put_points(connection, run_id, analysed.points)

        await write(put)
        self._hears_stored(run_id)
        if result.fault:
            self._metrics.analysis_failed()
            log.error("run %s: analysis failed: %s", run_id, result.fault)
        else:
            self._metrics.analysed(seconds)
            log.info(
                "run judged",
                extra=with_fields(
                    run=run_id,
                    attempt=analysed.attempt,
                    recommendations=analysed.recommendations,
                    seconds=round(seconds, 3),
                ),
            )
            await self._on_result(result.result_json)

    async def _analysed(self, run_id: str) -> Analysed:
        """The analysis of what is stored, once more only if there is a point in it."""
        info = await self._store.read(lambda c: queries.info(c, run_id))
        try:
            return await self._tried(info, self._analyse)
        except JobFault as fault:
            return Analysed(info.attempt, "", str(fault))

    async def _tried(self, info: RunInfo, job: Callable[[str, str], Done[T]]) -> T:
        """A job on the records of a run. Raises JobFault, at once where it failed before."""
        key = (info.run_id, info.attempt)
        if info.state in _OPEN and (known := self._failed.get(key)):
            raise JobExceeded(known)
        try:
            return await self.pool.run(job, self._store.where, info.run_id)
        except JobFault as fault:
            if info.state not in _OPEN or isinstance(fault, JobExceeded):
                if len(self._failed) >= _MOST_FAILED:
                    self._failed.clear()
                self._failed[key] = str(fault)
            raise

    async def decide(self, info: RunInfo, blocks_done: int) -> tuple[bool, str]:
        """Whether a run does another block: as planned, or until its verdicts are decided."""
        if info.experiment.plan.blocks:
            return info.another_by_plan(blocks_done)
        # An analysis takes seconds: only a look is worth one.
        if look := until_look(blocks_done, info.experiment.plan.maximum_blocks):
            return True, waiting(look)
        decided = await self._decided(info)
        for _ in range(_LATE_TRIES):
            if decided.blocks_completed >= blocks_done:
                break
            # The question overtook the last records of its block.
            await asyncio.sleep(_LATE_SECONDS)
            decided = await self._decided(info)
        return decided.another, decided.reason

    async def _decided(self, info: RunInfo) -> Decided:
        try:
            return await self._tried(info, worker.decide)
        except JobFault as fault:
            raise ReportFault(f"analysis failed: {fault}") from fault

    async def report(self, run_id: str, report_format: ReportFormat.ValueType) -> bytes:
        """A report of what is known now. Raises NoSuchRun, NoRecords and ReportFault.

        An ended run's is of its stored result; a running one is analysed for it.
        """
        if report_format == ReportFormat.REPORT_FORMAT_BUILD_LOGS:
            return await self._rendered(run_id, worker.build_logs, self._store.where, run_id)
        if pending := self._pending.get(run_id):
            await pending.wait()
        result_json = await self._result(run_id)
        latest_aa = await self._store.read(lambda c: store_results.latest_aa(c, run_id))
        shifts = await self._store.read(lambda c: store_shifts.open_at(c, run_id))
        remarks = [shift_sentence(shift) for shift in shifts]
        return await self._rendered(
            run_id, worker.render, result_json, latest_aa, remarks, report_format
        )

    async def _rendered(
        self, run_id: str, render: Callable[..., Done[bytes]], *arguments: Any
    ) -> bytes:
        try:
            return await self.pool.run(render, *arguments)
        except JobFault as fault:
            log.error("run %s: rendering failed: %s", run_id, fault)
            raise ReportFault(f"the report could not be rendered: {fault}") from fault

    async def _result(self, run_id: str) -> str:
        info = await self._store.read(lambda c: queries.info(c, run_id))
        stored = await self._store.read(lambda c: store_results.get(c, run_id))
        if stored and not stored.fault and stored.attempt == info.attempt:
            return stored.result_json
        attempt = info.attempt
        if not await self._store.read(lambda c: store_records.any_of(c, run_id, attempt)):
            raise NoRecords(run_id)
        if info.state in _OPEN:
            found = await self._analysed(run_id)
            fault, result_json = found.fault, found.result_json
        elif known := self._failed.get((run_id, attempt)):
            fault, result_json = known, ""
        else:
            # Its analysis failed before this start; another release may know better. Or the active
            # collector has not come to it yet.
            analysing = self._analyse_and_keep(run_id)
            found = await self._tasks.through(analysing, f"the analysis of run {run_id}")
            fault, result_json = found.fault, found.result_json
        if fault:
            raise ReportFault(f"analysis failed: {fault}")
        return result_json
