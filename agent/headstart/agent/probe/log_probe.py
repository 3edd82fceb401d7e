"""Finds the moment at which a worker's log says that it is ready.

It is to a worker what the prober is to a service. It needs no process of its own: the thread
that reads the log stamps the piece that holds the line, and is woken when there is one.
"""

import time
from collections.abc import Sequence
from contextlib import suppress

from headstart.agent.probe.readings import ServerReader, Spent
from headstart.agent.probe.task import ProbeResult
from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.runtime import Instance

# What an app that ended has written is there by now; an engine has to hand it on.
_LAST_WORDS_SECONDS = 1.0


class LogProbe:
    """One start of one worker: `arm`, `go`, `poll` until it has a result, and always `cancel`."""

    def __init__(self, instance: Instance, patterns: Sequence[str], timeout_seconds: float) -> None:
        self._instance = instance
        self._timeout_seconds = timeout_seconds
        self._reader = ServerReader(instance.pid, instance.cgroup)
        self._watch = LineWatch(patterns, self._ready)
        self._spent: Spent | None = None
        self._deadline_ns = 0

    def arm(self) -> None:
        """Begin to read the log of an app that waits in its gate; RuntimeFault when it cannot."""
        # What must not be run for the first time when it counts.
        self._reader.begin()
        self._reader.since_begin()
        self._instance.follow(self._watch)

    def go(self) -> None:
        """Take the readings that later ones are held against. The time runs from here."""
        self._reader.begin()
        self._deadline_ns = time.monotonic_ns() + int(self._timeout_seconds * 1e9)

    def poll(self, timeout_seconds: float) -> ProbeResult | None:
        """The result, waited for; None: not yet."""
        if self._watch.over.wait(timeout_seconds):
            return self._result()
        if time.monotonic_ns() < self._deadline_ns:
            return None
        return self._result()

    def last_look(self) -> ProbeResult | None:
        """The result of an app that has ended, if it was ready before."""
        self._instance.read_on(_LAST_WORDS_SECONDS)
        return self._result() if self._watch.is_ready else None

    def cancel(self) -> None:
        """Look no further; idempotent."""
        self._watch.over.set()
        self._reader.close()

    def _ready(self) -> None:
        # Without it the start has its time and no CPU time; an app may do odd things to /proc.
        with suppress(OSError, ValueError, IndexError):
            self._spent = self._reader.since_begin()

    def _result(self) -> ProbeResult:
        watch = self._watch
        steps_ns = [at_ns for at_ns in watch.found_ns if at_ns <= self._deadline_ns]
        is_ready = watch.is_ready and len(steps_ns) == len(watch.found_ns)
        if is_ready:
            # What it has spent is read at this moment.
            watch.over.wait(_LAST_WORDS_SECONDS)
        return ProbeResult(
            outcome="ok" if is_ready else "timeout",
            steps_ns=steps_ns[:-1] if is_ready else steps_ns,
            first_correct_response_ns=steps_ns[-1] if is_ready else 0,
            error_ns=watch.late_ns,
            spent=self._spent if is_ready else None,
            prober_run_delay_ns=watch.run_delay_ns,
            log_lines=watch.lines,
            log_bytes=watch.size_bytes,
            log_backlog_bytes=watch.backlog_bytes,
        )
