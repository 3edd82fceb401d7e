"""Watches over figures from run to run: judges what arrives, and has regressions confirmed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby

from sqlalchemy import Connection

from headstart.collector.experiments.rerun import NoRerun, rerun_of
from headstart.collector.findings import Comparison, Verdict
from headstart.collector.findings.run_info import RunInfo
from headstart.collector.judge import worker
from headstart.collector.judge.job_limits import JobFault
from headstart.collector.judge.process_pool import AnalysisPool
from headstart.collector.store import queries, shifts as store_shifts, submitting
from headstart.collector.store.shifts import FoundShift
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreClosed, StoreFault
from headstart.collector.tasks import Tasks
from headstart.v1.experiments_pb2 import Confirmation, Shift, ShiftState
from headstart.words.metrics import METRICS

log = logging.getLogger(__name__)

# How long a shift for the better is shown, since nobody has to end it.
_BETTER_SECONDS = 30 * 86400.0


class Regressions:
    """Use from one event loop. `on_shifts` hears of every change of the open shifts."""

    def __init__(
        self,
        store: Store,
        pool: AnalysisPool,
        queued: Callable[[Sequence[str]], Awaitable[None]],
        *,
        confirm: bool = True,
        on_shifts: Callable[[list[Shift]], None] = lambda _shifts: None,
        after: asyncio.Event | None = None,
    ) -> None:
        """`queued` is told of hosts that got a rerun; without `confirm` none is made.

        Nothing is judged before `after`: thousands of runs of an older release that were not
        keep a start waiting.
        """
        self._store = store
        self._pool = pool
        self._queued = queued
        self._confirm = confirm
        self._on_shifts = on_shifts
        self._after = after
        self._tasks = Tasks()
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Show what is open, and judge what arrived when nobody could."""
        await self._show()
        for run_id in await self._store.read(store_shifts.unjudged):
            self.stored(run_id)

    async def stop(self) -> None:
        """What is not judged now is so at the next start."""
        await self._tasks.stop()

    def stored(self, run_id: str) -> None:
        """A run's result was stored."""
        self._tasks.start(self._take(run_id), f"the judgement of run {run_id}")

    async def accept(self, shift_id: int, reason: str) -> Shift:
        """End an open shift by somebody's word. Raises store_shifts.NoSuchShift."""
        return await self._tasks.through(self._accept(shift_id, reason), "an acceptance")

    async def _accept(self, shift_id: int, reason: str) -> Shift:
        now = self._store.now()
        accepted = await self._store.write(lambda c: store_shifts.accept(c, shift_id, reason, now))
        await self._show()
        return accepted

    async def show(self) -> None:
        """Runs were forgotten, and shifts with them."""
        await self._tasks.through(self._show(), "the open shifts")

    async def idle(self) -> None:
        """Return once everything stored so far is judged."""
        await self._tasks.idle()

    async def _take(self, run_id: str) -> None:
        # In the order of arrival: a judgement must see the shifts of the one before.
        async with self._lock:
            if self._after is not None:
                await self._after.wait()
            try:
                await self._store.at_last(
                    partial(self._catch_up, run_id), f"run {run_id} is not judged yet"
                )
            except queries.NoSuchRun:
                log.info("run %s was forgotten before it was judged", run_id)

    async def _catch_up(self, run_id: str) -> None:
        """Raises StoreFault, after which it goes on where it was."""
        if info := await self._store.read(lambda c: _unjudged(c, run_id)):
            await self._judge(info)
        for rerun in await self._store.read(store_shifts.ended_reruns):
            await self._settle(rerun)
        await self._show()

    async def _judge(self, info: RunInfo) -> None:
        """Raises StoreFault before anything of it was stored, not later."""
        run_id = info.run_id
        shifts: Sequence[FoundShift] = ()
        over: Sequence[int] = ()
        try:
            judged = await self._pool.run(worker.judge, self._store.where, run_id)
            shifts, over = judged.shifts, judged.over
        except JobFault as fault:
            # Once each: a run that breaks its judgement must not do so at every start.
            log.error("run %s is left out of the history: %s", run_id, fault)
        found = sorted(shifts, key=_confirmable)
        for variant, group in groupby(found, key=_confirmable):
            await self._put(info, list(group), again=bool(variant))
        now = self._store.now()
        recovered, note = ShiftState.SHIFT_STATE_RECOVERED, f"by run {run_id}"

        def conclude(connection: Connection) -> None:
            # It may have been forgotten meanwhile.
            queries.info(connection, run_id)
            store_shifts.close(connection, over, recovered, note, now)
            store_shifts.set_judged(connection, run_id, now)

        await self._store.write_at_last(conclude, "a judgement")
        for shift in found:
            log.warning(
                "%s of %s: %s is %.3f times what it was, since run %s",
                shift.key.variant,
                shift.key.experiment,
                shift.key.metric,
                shift.ratio,
                shift.since_run_id,
            )

    async def _put(self, info: RunInfo, found: list[FoundShift], again: bool) -> None:
        """Store shifts of one variant; with a rerun in the same transaction, if there is one."""
        run_id = info.run_id
        experiment, note = None, ""
        if again and self._confirm:
            metrics = [shift.key.metric for shift in found]
            try:
                experiment = rerun_of(
                    info.experiment, found[0].key.variant, *found[0].digests, metrics=metrics
                )
            except NoRerun as error:
                note = str(error)
        now = self._store.now()

        def put(connection: Connection) -> tuple[str, str]:
            # Its host may have got another name meanwhile.
            rerun, host = "", queries.info(connection, run_id).host.host
            if experiment is not None:
                (rerun,) = submitting.submit(connection, experiment, [host], now)
            for shift in found:
                store_shifts.put_shift(connection, shift, run_id, rerun, note, now)
            return rerun, host

        rerun, host = await self._store.write_at_last(put, "shifts")
        if rerun and experiment is not None:
            who = f"this collector, to confirm run {run_id}"
            submitting.log_submitted(rerun, experiment, host, who)
            try:
                await self._queued([host])
            except StoreClosed:
                raise
            except StoreFault as fault:
                log.warning("rerun %s waits for the next look at the queue: %s", rerun, fault)

    async def _settle(self, rerun: str) -> None:
        """What a rerun that ended says of the shifts that it was made for."""
        why = ""
        told: dict[str, Comparison] = {}
        try:
            told = await self._pool.run(worker.rerun_verdicts, self._store.where, rerun)
        except JobFault as fault:
            log.error("rerun %s was not read: %s", rerun, fault)
            why = str(fault)
        now = self._store.now()

        def settle(connection: Connection) -> None:
            for shift in store_shifts.of_rerun(connection, rerun):
                comparison = told.get(shift.metric)
                note = _told(rerun, comparison, why)
                verdict = comparison.verdict if comparison else Verdict.UNAVAILABLE
                if verdict in (Verdict.EQUIVALENT, Verdict.BETTER):
                    refuted = ShiftState.SHIFT_STATE_REFUTED
                    store_shifts.close(connection, [shift.id], refuted, note, now)
                    continue
                confirmed = verdict is Verdict.WORSE
                store_shifts.note_rerun(
                    connection,
                    shift.id,
                    Confirmation.CONFIRMATION_RERUN
                    if confirmed
                    else Confirmation.CONFIRMATION_NONE,
                    note,
                )

        await self._store.write_at_last(settle, "a rerun's word")

    async def _show(self) -> None:
        since = self._store.now() - _BETTER_SECONDS
        shifts = await self._store.read(lambda c: store_shifts.open_shifts(c, since))
        await asyncio.to_thread(self._on_shifts, shifts)


def _unjudged(connection: Connection, run_id: str) -> RunInfo | None:
    waits = store_shifts.is_unjudged(connection, run_id)
    return queries.info(connection, run_id) if waits else None


def _confirmable(shift: FoundShift) -> str:
    """The variant whose images a rerun would compare; empty: nothing is to be confirmed."""
    return shift.key.variant if shift.worse and not shift.exact else ""


def _told(rerun: str, comparison: Comparison | None, why: str) -> str:
    if comparison is None or comparison.ratio is None:
        reason = comparison.reason if comparison else why or "it has no such figure"
        return f"rerun {rerun} could not tell: {reason}"
    interval = comparison.interval
    between = f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""
    title = METRICS[comparison.metric].title.lower()
    words = f"rerun {rerun}: {title} {comparison.ratio:.3f} times{between}"
    return f"{words}, {comparison.verdict.value}"
