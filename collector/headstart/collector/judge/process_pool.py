"""The process in which runs are analysed: made at the first job, replaced when it dies."""

import asyncio
import logging
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from headstart.collector.config import JobLimits
from headstart.collector.judge.job_limits import Done, JobExceeded, StoreAway, time_words
from headstart.collector.judge.worker import group_signals_held, prepare

P = ParamSpec("P")
T = TypeVar("T")

# A process that has passed its time is killed by its own timer, give or take this.
_TIMER_SECONDS = 0.5
# A database that is started anew, or another that takes over, is back by then.
_AGAIN_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)

log = logging.getLogger(__name__)


class WorkerDied(JobExceeded):
    """The process ended before the job did."""


class AnalysisPool:
    """One job at a time, in the order of asking. Use from one event loop."""

    def __init__(self, limits: JobLimits | None = None) -> None:
        self._limits = limits or JobLimits()
        self._lock = asyncio.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    async def run(self, job: Callable[P, Done[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer; job and arguments are pickled. Raises JobFault. Cancelled, the job ends.

        Tried again for a minute where the store does not answer; then StoreAway.
        """
        for pause in _AGAIN_SECONDS:
            try:
                return await self._once(job, *args, **kwargs)
            except StoreAway as away:
                log.warning("an analysis is tried again in %g s: %s", pause, away)
            await asyncio.sleep(pause)
        return await self._once(job, *args, **kwargs)

    async def _once(self, job: Callable[P, Done[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._lock:
            executor = self._executor or self._make()
            began = time.monotonic()
            try:
                # Submitting may start the process.
                with group_signals_held():
                    try:
                        future = executor.submit(job, *args, **kwargs)
                    except OSError as error:
                        # It died before it was told what to do, or cannot be started at all.
                        raise BrokenProcessPool(str(error)) from error
                done = await asyncio.wrap_future(future)
            except BrokenProcessPool:
                await self.stop()
                raise WorkerDied(self._why(time.monotonic() - began)) from None
            except asyncio.CancelledError:
                # Nobody waits for it any more, and it would go on: the next job would wait for
                # it, and be taken for what it breaks.
                await self.stop()
                raise
            except JobExceeded:
                # What it took is not given back by the allocator.
                await self.stop()
                raise
            if done.worn:
                await self.stop()
            return done.answer

    def _why(self, seconds: float) -> str:
        if seconds >= self._limits.seconds - _TIMER_SECONDS:
            return time_words(self._limits)
        return "the analysis process died, perhaps for want of memory"

    def _make(self) -> ProcessPoolExecutor:
        # Spawned: a fork of a process with threads and a gRPC server may hang.
        context = multiprocessing.get_context("spawn")
        workers_end, self._lifeline = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            1, mp_context=context, initializer=prepare, initargs=(workers_end, self._limits)
        )
        return self._executor

    async def stop(self) -> None:
        """End the process, also in the middle of a job."""
        executor, self._executor = self._executor, None
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if executor is not None:
            # Code in C lets no thread see the lifeline's end. Public since Python 3.14.
            for process in list((executor._processes or {}).values()):
                process.kill()
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)
