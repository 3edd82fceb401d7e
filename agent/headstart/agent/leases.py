"""The runs that an agent holds: started on a lease, in a thread each, cancelled by a flag.

One run at a time executes. A second one may be held, until the one before it has
cleaned up; whatever else a collector leases is not taken.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt, BlockFinished, Progress

log = logging.getLogger(__name__)

# How long a run waits for the collector's word on another block before it goes on.
DECISION_SECONDS = 30.0
_MOST_HELD = 2


@dataclass
class HeldRun:
    """One attempt that runs here. Its thread reads `cancelled`; others set it."""

    run_id: str
    attempt: int
    experiment: Experiment
    ask: Callable[[BlockFinished], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    cancel_reason: str = ""
    progress: Progress = field(default_factory=Progress)
    _decided: threading.Event = field(default_factory=threading.Event)
    _asked: int = 0
    _decision: tuple[int, bool, str] = (0, True, "")

    def key(self) -> Attempt:
        """The fencing token as it stands on the wire."""
        return Attempt(run_id=self.run_id, attempt=self.attempt)

    def another_block(self, blocks_done: int) -> tuple[bool, str]:
        """Ask the collector; without its word within 30 s the run goes on."""
        self._asked = blocks_done
        self._decided.clear()
        self.ask(BlockFinished(attempt=self.key(), blocks_done=blocks_done))
        waited = 0.0
        while waited < DECISION_SECONDS and not self.cancelled.is_set():
            if self._decided.wait(0.25) and self._decision[0] == blocks_done:
                return self._decision[1:]
            waited += 0.25
        return True, "the collector did not answer, so the run goes on"

    def decide(self, blocks_done: int, another: bool, reason: str) -> None:
        """The collector's word; one that answers no question is not heard."""
        if blocks_done != self._asked:
            return
        self._decision = (blocks_done, another, reason)
        self._decided.set()


class HeldRuns:
    """Starts runs in threads; thread-safe."""

    def __init__(self, execute: Callable[[HeldRun], None], changed: Callable[[], None]) -> None:
        self._execute = execute
        self._changed = changed
        self._lock = threading.Lock()
        # Of the run that executes.
        self._turn = threading.Lock()
        self._held: dict[tuple[str, int], tuple[HeldRun, threading.Thread]] = {}

    def start(
        self, attempt: Attempt, experiment: Experiment, ask: Callable[[BlockFinished], None]
    ) -> bool:
        """Start the attempt unless it runs already (a lease may be repeated).

        False: as many runs as may be are held already.
        """
        held = HeldRun(attempt.run_id, attempt.attempt, experiment, ask)
        thread = threading.Thread(target=self._run, args=(held,), name=f"run-{attempt.run_id}")
        with self._lock:
            if (attempt.run_id, attempt.attempt) in self._held:
                return True
            if len(self._held) >= _MOST_HELD:
                return False
            self._held[(attempt.run_id, attempt.attempt)] = (held, thread)
        thread.start()
        return True

    def _run(self, held: HeldRun) -> None:
        try:
            with self._turn:
                self._execute(held)
        except Exception:
            # `execute` records its own faults; what comes here kept it from recording.
            log.exception("run %s attempt %d broke", held.run_id, held.attempt)
        finally:
            with self._lock:
                self._held.pop((held.run_id, held.attempt), None)
            self._changed()

    def get(self, attempt: Attempt) -> HeldRun | None:
        """The run of an attempt, if it runs here."""
        with self._lock:
            entry = self._held.get((attempt.run_id, attempt.attempt))
        return entry[0] if entry else None

    def running(self) -> list[HeldRun]:
        """What runs now."""
        with self._lock:
            return [held for held, _ in self._held.values()]

    def cancel_all(self, reason: str, timeout_seconds: float = 30.0) -> None:
        """Cancel everything and wait for the clean-up."""
        with self._lock:
            entries = list(self._held.values())
        for held, _ in entries:
            held.cancel_reason = held.cancel_reason or reason
            held.cancelled.set()
        for _, thread in entries:
            thread.join(timeout_seconds)
