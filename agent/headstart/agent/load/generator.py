"""The builtin load generator: a process that sends requests and stamps their answers.

    python -P -m headstart.agent.load.generator

The driver writes the task, a JSON line, to stdin, then "go"; frames come out of
stdout (`frames.py`). When stdin ends, by the driver's will or by its death, the
generator ends too. It imports no protobuf, to be ready in a tenth of a second.
"""

import asyncio
import gc
import json
import os
import sys
import time
from array import array
from collections import Counter, deque
from types import SimpleNamespace
from typing import Any

from headstart.agent.http.app_tls import client_context
from headstart.agent.http.checks import evaluate, is_expected_status
from headstart.agent.http.response import Answer
from headstart.agent.load import frames
from headstart.agent.load.http_connection import Slot, Wire
from headstart.agent.load.judging import Judging
from headstart.agent.load.schedule import PreciseSelector, Schedule

# A request unanswered for this long has failed, and its connection with it.
TIMEOUT_US = 10_000_000
# What an open loop still owes when the phase ends is awaited this long.
DRAIN_US = 2_000_000
# From the second failure in a row on: else a port that refuses would be asked many
# thousand times a second.
_PAUSE_AFTER_FAILURE_SECONDS = 0.01
_LOOK_SECONDS = 0.25
# What four bytes hold: 71 minutes.
_LATENCY_LIMIT_US = (1 << 32) - 1


class Generator:
    """The load itself: what is sent when, and what came of it, window by window."""

    def __init__(
        self,
        task: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        selector: PreciseSelector,
        out: int,
    ) -> None:
        self._loop = loop
        self._selector = selector
        self._woken_us = 0
        self._out = out
        self._address: str = task["address"]
        self._port: int = task["port"]
        self._edges: list[int] = task["edges_us"]
        self._tls = client_context(verified=False) if task["tls"] else None
        self._server_name: str = task["server_name"]
        rate: float = task["rate_per_second"]
        # None: a closed loop.
        self._schedule = (
            Schedule(rate, self._edges[-1], task["rate_to_per_second"], task["rate_steps"])
            if rate
            else None
        )
        self._requests = [_request(fields) for fields in task["requests"]]
        self._order: list[int] = task["order"]
        self._slots = [Slot() for _ in range(task["connections"])]
        self._free: deque[Slot] = deque()
        # Requests that an open loop sends over the whole phase, and those sent.
        self._due = self._schedule.total if self._schedule else 0
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None
        self._over = loop.create_future()
        self._end_us = self._edges[-1]
        self._origin_us = 0
        self._window = 0
        self._judging = Judging(self._edges[-1])
        self._empty_window()
        self._lateness: Counter[int] = Counter()
        self.completed = 0
        self.first_fault = ""

    async def run(self) -> None:
        """Apply the load; every window has been written when this returns."""
        cpu = time.process_time()
        origin_ns = time.monotonic_ns()
        self._origin_us = origin_ns // 1000
        # What it waited for before it was told to go is no pause of the load.
        self._selector.late_us = 0
        self._write(frames.BEGUN, str(origin_ns).encode())
        self._loop.add_reader(sys.stdin.fileno(), self._told_to_stop)
        self._loop.call_later(_LOOK_SECONDS, self._look)
        # A little later than the end, so that rounding never brings it before.
        self._loop.call_at(origin_ns / 1e9 + self._end_us / 1e6 + 1e-5, self._ended)
        for slot in self._slots:
            self._offer(slot)
        await self._over
        self._close_windows()
        ending = {
            "cpu_seconds": time.process_time() - cpu,
            "completed": self.completed,
            "first_fault": self.first_fault,
            "offered": self._due,
            "send_lateness_p99_us": _quantile(self._lateness, 0.99),
        }
        self._write(frames.ENDED, json.dumps(ending).encode())

    def complete(self, slot: Slot, answer: Answer) -> None:
        """A whole answer has arrived."""
        now = self._stirred()
        self._advance(now)
        if self._counts(now):
            self._latencies.append(min(now - slot.intended_us, _LATENCY_LIMIT_US))
            self.completed += 1
            self._judge(slot, answer, now)
        if answer.closes and slot.wire is not None:
            slot.wire.leave()
        slot.busy = False
        slot.failures = 0
        self._offer(slot)

    def _judge(self, slot: Slot, answer: Answer, now_us: int) -> None:
        """The status of every answer, and all of the check of some."""
        check = slot.request.check
        if not is_expected_status(check, answer.status):
            self._incorrect += 1
            self._remember(f"status {answer.status}")
        elif slot.request.checks_more:
            self._checkable += 1
            if slot.sampled:
                self._judged += 1
                evaluation = evaluate(check, answer.status, answer.headers, bytes(answer.body))
                self._judging.took(now_us, self._now_us())
                if not evaluation.passed:
                    self._wrong += 1
                    self._remember(evaluation.actual)

    def fail(self, slot: Slot, reason: str) -> None:
        """No whole answer will arrive."""
        now = self._stirred()
        self._advance(now)
        if self._counts(now):
            self._failed += 1
            self._remember(reason)
        if slot.task is not None and slot.task is not asyncio.current_task(self._loop):
            slot.task.cancel()
        if slot.wire is not None:
            slot.wire.leave()
        slot.busy = False
        slot.failures += 1
        pause = _PAUSE_AFTER_FAILURE_SECONDS if slot.failures > 1 else 0.0
        self._loop.call_later(pause, self._offer, slot)

    def is_over(self) -> bool:
        """Whether no answer counts any more, also when nobody could say so yet."""
        return self._over.done() or self._now_us() >= self._end_us + DRAIN_US

    def _offer(self, slot: Slot) -> None:
        """A connection is free: it takes the next request, or waits for its time."""
        now = self._now_us()
        if now >= self._end_us:
            self._finish_when_drained()
        if self._schedule:
            slot.free_us = now
            self._free.append(slot)
            # With a timer pending the next request is not due yet.
            if self._timer is None:
                self._send_due()
        elif now < self._end_us:
            self._begin(slot, now, now)

    def _send_due(self) -> None:
        """Send what is due in an open loop, each on the connection that is free longest.

        The schedule knows nothing of answers. With no connection free a request waits,
        and its latency runs.
        """
        self._timer = None
        while self._schedule and self._free and self._next < self._due and not self._over.done():
            intended = self._schedule.at_us(self._next)
            now = self._now_us()
            if intended > now:
                at = (self._origin_us + intended) / 1e6
                self._timer = self._loop.call_at(at, self._send_due)
                return
            slot = self._free.popleft()
            # Late is only what the generator itself is to blame for.
            self._lateness[now - max(intended, slot.free_us)] += 1
            self._begin(slot, intended, now)

    def _begin(self, slot: Slot, intended_us: int, now_us: int) -> None:
        self._advance(now_us)
        slot.request = self._requests[self._order[self._next % len(self._order)]]
        slot.sampled = slot.request.checks_more and self._judging.wants(now_us, self._window)
        self._next += 1
        slot.busy = True
        slot.intended_us = intended_us
        slot.sent_us = now_us
        self._sent += 1
        if slot.wire is not None:
            slot.wire.send(slot)
        else:
            slot.wire = Wire(self, slot)
            slot.task = self._loop.create_task(self._connect(slot, slot.wire))

    async def _connect(self, slot: Slot, wire: Wire) -> None:
        """Connect; the request is sent as soon as the connection stands."""
        try:
            await self._loop.create_connection(
                lambda: wire,
                self._address,
                self._port,
                ssl=self._tls,
                server_hostname=self._server_name if self._tls else None,
            )
        except ConnectionRefusedError:
            self.fail(slot, "connection refused")
        except OSError as error:
            self.fail(slot, f"no connection: {error.strerror or error}")

    def _look(self) -> None:
        """Now and then: has a request waited for too long?"""
        now = self._now_us()
        for slot in self._slots:
            if slot.busy and now - slot.sent_us > TIMEOUT_US:
                self.fail(slot, f"no answer within {TIMEOUT_US / 1e6:g} s")
        self._loop.call_later(_LOOK_SECONDS, self._look)

    def _told_to_stop(self) -> None:
        self._loop.remove_reader(sys.stdin.fileno())
        self._end_us = min(self._end_us, self._now_us())
        self._next = self._due
        self._stop()

    def _ended(self) -> None:
        self._loop.call_later(DRAIN_US / 1e6, self._stop)
        self._finish_when_drained()

    def _finish_when_drained(self) -> None:
        """After the end: stop as soon as nothing is owed any more."""
        if self._next >= self._due and not any(slot.busy for slot in self._slots):
            self._stop()

    def _stop(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _counts(self, now_us: int) -> bool:
        """A closed loop's windows end with the phase; an open loop owes what was due in it."""
        return bool(self._schedule) or now_us < self._end_us

    def _advance(self, now_us: int) -> None:
        """Close the windows that are over, but for the last one."""
        while self._window < len(self._edges) - 2 and now_us >= self._edges[self._window + 1]:
            self._close_window(self._edges[self._window + 1])

    def _close_windows(self) -> None:
        # What an open loop still owed at the end belongs to its last window,
        # which is that much wider.
        end = max(self._end_us, self._now_us()) if self._schedule else self._end_us
        self._advance(end)
        if end > self._edges[self._window]:
            self._close_window(end)

    def _close_window(self, end_us: int) -> None:
        start = self._edges[self._window]
        window = frames.Window(
            start_us=start,
            duration_us=end_us - start,
            sent=self._sent,
            incorrect=self._incorrect,
            failed=self._failed,
            received_bytes=self.received_bytes,
            latencies_us=self._latencies,
            offered=self._offered_between(start, self._edges[self._window + 1]),
            checkable=self._checkable,
            judged=self._judged,
            wrong=self._wrong,
            pause_us=max(self._pause_us, self._selector.late_us),
        )
        self._write(frames.WINDOW, window.pack())
        self._window += 1
        self._empty_window()

    def _offered_between(self, start_us: int, end_us: int) -> int:
        if not self._schedule:
            return 0
        # What is due at the very end is nobody else's.
        return self._schedule.due_until(end_us) - self._schedule.due_until(start_us)

    def _empty_window(self) -> None:
        self._sent = self._incorrect = self._failed = self.received_bytes = 0
        self._checkable = self._judged = self._wrong = 0
        self._pause_us = self._selector.late_us = 0
        self._latencies = array("I")

    def _remember(self, fault: str) -> None:
        self.first_fault = self.first_fault or fault

    def _stirred(self) -> int:
        """The time, when something arrived; a gap since the last stir or waking is a pause.

        Answers that wait for each other in one turn of the loop come one after another, and
        make no gap, however many they are.
        """
        now = self._now_us()
        since = max(self._woken_us, self._selector.returned_us - self._origin_us)
        self._pause_us = max(self._pause_us, now - since)
        self._woken_us = now
        return now

    def _now_us(self) -> int:
        return time.monotonic_ns() // 1000 - self._origin_us

    def _write(self, kind: bytes, payload: bytes = b"") -> None:
        data = memoryview(frames.frame(kind, payload))
        while data:
            data = data[os.write(self._out, data) :]


def _request(fields: dict[str, Any]) -> SimpleNamespace:
    check = SimpleNamespace(**fields["check"])
    check.headers = [SimpleNamespace(name=name, value=value) for name, value in check.headers]
    data = fields["data"].encode("latin-1")
    return SimpleNamespace(
        data=data,
        to_head=data.startswith(b"HEAD "),
        check=check,
        checks_more=bool(check.json_subset or check.body_pattern or check.headers),
    )


def _quantile(counts: Counter[int], share: float) -> int:
    """The smallest value that at least this share of the counted ones does not pass."""
    rank = share * counts.total()
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return 0


def main() -> None:
    """The process: read the task, say READY, wait for "go", apply the load."""
    task = json.loads(sys.stdin.buffer.readline())
    selector = PreciseSelector()
    loop = asyncio.SelectorEventLoop(selector)
    asyncio.set_event_loop(loop)
    generator = Generator(task, loop, selector, sys.stdout.fileno())
    # Nothing of the start is garbage. An answer leaves no cycle; a connection leaves some ten
    # objects in cycles, so that those of a load which opens many are collected often and a few
    # at a time: 1,000 objects take less than a millisecond.
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000, 20, 1_000)
    os.write(sys.stdout.fileno(), frames.frame(frames.READY))
    if sys.stdin.buffer.readline() == b"go\n":
        loop.run_until_complete(generator.run())
    # Sockets and tasks die with the process; closing them one by one serves nobody.
    os._exit(0)


if __name__ == "__main__":
    main()
