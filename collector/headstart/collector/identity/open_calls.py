"""The calls that are open, so that those of somebody whose certificate is revoked can be ended."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from headstart.collector.identity.caller import Caller


@dataclass(eq=False)
class OpenCall:
    """One call under way, in the task that gRPC made for it."""

    caller: Caller
    method: str
    task: "asyncio.Task[object]"
    # Why it is ended by us; empty: it is not.
    ended: str = ""


@dataclass
class OpenCalls:
    """Use from one event loop. `on_ended` hears of each call before it is ended."""

    # Since the collector started.
    ended_calls: int = 0
    _calls: set[OpenCall] = field(default_factory=set)
    _hearers: list[Callable[[OpenCall], None]] = field(default_factory=list)

    def on_ended(self, hear: Callable[[OpenCall], None]) -> None:
        """`hear` is called with a call that is going to end, and `ended` says why."""
        self._hearers.append(hear)

    @contextmanager
    def entered(self, caller: Caller, method: str) -> Iterator[OpenCall]:
        """While this is entered the call is open, in the task that enters it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # within a handler
        call = OpenCall(caller, method, task)
        self._calls.add(call)
        try:
            yield call
        finally:
            self._calls.discard(call)

    def end(self, why: Callable[[OpenCall], str]) -> int:
        """End those for which `why` has a reason; how many."""
        ending = []
        for call in self._calls:
            if not call.ended and (reason := why(call)):
                call.ended = reason
                ending.append(call)
        for call in ending:
            for hear in self._hearers:
                hear(call)
            call.task.cancel()
        self.ended_calls += len(ending)
        return len(ending)

    def by_serial(self) -> Counter[str]:
        """How many each certificate has open."""
        return Counter(call.caller.serial for call in self._calls)
