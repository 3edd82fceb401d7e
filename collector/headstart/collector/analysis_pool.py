"""The process in which runs are analysed: made at the first job, replaced when it dies."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from headstart.collector.analysis_worker import prepare

P = ParamSpec("P")
T = TypeVar("T")


class WorkerDied(Exception):
    """The process ended before the job did: out of memory, or past its time limit."""

    def __init__(self) -> None:
        super().__init__("the analysis process died: out of memory, or it took too long")


class AnalysisPool:
    """One job at a time, in the order of asking. Use from one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    async def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The job's answer; job and arguments are pickled. Raises WorkerDied."""
        async with self._lock:
            executor = self._executor or self._make()
            try:
                return await asyncio.wrap_future(executor.submit(job, *args, **kwargs))
            except BrokenProcessPool:
                await self.stop()
                raise WorkerDied from None

    def _make(self) -> ProcessPoolExecutor:
        # Spawned: a fork of a process with threads and a gRPC server may hang.
        context = multiprocessing.get_context("spawn")
        workers_end, self._lifeline = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            1, mp_context=context, initializer=prepare, initargs=(workers_end,)
        )
        return self._executor

    async def stop(self) -> None:
        """End the process, also in the middle of a job."""
        executor, self._executor = self._executor, None
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)
