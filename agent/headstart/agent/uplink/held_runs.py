"""The runs that an agent holds: started on a lease, in a thread each, cancelled by a flag.

One run at a time executes. A second one may be held, until the one before it has
cleaned up; whatever else a collector leases is not taken.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from headstart.agent.cancellation import ABANDON_SECONDS, Cancellation
from headstart.agent.deadline import Deadline
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt, BlockFinished, Progress
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from headstart.words.enums import word
from headstart.words.log_fields import with_fields

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
    cancelled: Cancellation = field(default_factory=Cancellation)
    # By CLOCK_MONOTONIC, when its lease was taken.
    since: float = field(default_factory=time.monotonic)
    cancel_reason: str = ""
    # Ends for this host's sake: the collector makes another attempt.
    given_back: bool = False
    # How it went so far; its thread fills it.
    outcome: RunOutcome = field(default_factory=RunOutcome)
    # How it ended, for the log; without what a host must not write there.
    ended_as: RunOutcome = field(default_factory=RunOutcome)
    # What could not be removed, by name.
    left_behind: list[str] = field(default_factory=list)
    # Set when nothing more comes of it.
    over: threading.Event = field(default_factory=threading.Event)
    _recording: threading.Lock = field(default_factory=threading.Lock)
    _recorded: bool = False
    progress: Progress = field(default_factory=Progress)
    _decided: threading.Event = field(default_factory=threading.Event)
    _asked: int = 0
    _decision: tuple[int, bool, str] = (0, True, "")

    def key(self) -> Attempt:
        """The fencing token as it stands on the wire."""
        return Attempt(run_id=self.run_id, attempt=self.attempt)

    def cancel(self, reason: str) -> None:
        """Raise the flag; the first reason stays. From any thread, without waiting."""
        self.cancel_reason = self.cancel_reason or reason
        self.cancelled.set()

    def give_back(self, reason: str) -> None:
        """End the attempt, so that the collector makes another; not when it ends already."""
        if not self.cancelled.is_set():
            self.given_back = True
            self.cancel(reason)

    def cut_short(self) -> RunStatus.ValueType:
        """How an attempt ends whose flag was raised."""
        if self.given_back:
            return RunStatus.RUN_STATUS_RETURNED
        return RunStatus.RUN_STATUS_CANCELLED

    def record(self, append: Callable[[], bool], last: bool = False) -> bool:
        """Append a record of it, unless the `last` one was: nothing follows that.

        False: `append` says that there is no room for more.
        """
        with self._recording:
            if self._recorded:
                return True
            self._recorded = last
            return append()

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

    def __init__(
        self,
        execute: Callable[[HeldRun], None],
        abandoned: Callable[[HeldRun], None] = lambda _held: None,
    ) -> None:
        """`abandoned` records the end of a cancelled run whose thread does not end."""
        self._abandoned = abandoned
        self._execute = execute
        self._hears_ends: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        # The runs of which one executes at a time, and which does.
        self._turn = threading.Condition(self._lock)
        self._executing: HeldRun | None = None
        self._held: dict[tuple[str, int], HeldRun] = {}

    def on_end(self, hear: Callable[[], None]) -> None:
        """Have `hear` called whenever a run has ended, in the run's thread."""
        self._hears_ends = hear

    def start(
        self, attempt: Attempt, experiment: Experiment, ask: Callable[[BlockFinished], None]
    ) -> bool:
        """Start the attempt unless it runs already (a lease may be repeated).

        False: as many runs as may be are held already.
        """
        held = HeldRun(attempt.run_id, attempt.attempt, experiment, ask)
        # A daemon: what hangs in the kernel must not keep the agent from ending.
        thread = threading.Thread(
            target=self._run, args=(held,), name=f"run-{attempt.run_id}", daemon=True
        )
        with self._lock:
            if (attempt.run_id, attempt.attempt) in self._held:
                return True
            if len(self._held) >= _MOST_HELD:
                return False
            self._held[(attempt.run_id, attempt.attempt)] = held
        log.info(
            "lease taken",
            extra=with_fields(
                run=attempt.run_id, attempt=attempt.attempt, experiment=experiment.name
            ),
        )
        thread.start()
        return True

    def _run(self, held: HeldRun) -> None:
        try:
            with held.cancelled.ending(lambda: self._watch_end(held)):
                self._await_turn(held)
                self._execute(held)
        except Exception:
            # `execute` records its own faults; what comes here kept it from recording.
            log.exception("run %s attempt %d broke", held.run_id, held.attempt)
        finally:
            self._end(held)

    def _await_turn(self, held: HeldRun) -> None:
        """Returns when no other run executes, or this one is cancelled: then it executes little."""
        with held.cancelled.ending(self._notify), self._lock:
            self._turn.wait_for(lambda: self._executing is None or held.cancelled.is_set())
            self._executing = self._executing or held

    def _notify(self) -> None:
        with self._lock:
            self._turn.notify_all()

    def _end(self, held: HeldRun) -> None:
        with self._lock:
            was_held = self._held.pop((held.run_id, held.attempt), None) is not None
            if self._executing is held:
                self._executing = None
                self._turn.notify_all()
        if was_held:
            _log_end(held)
        held.over.set()
        self._hears_ends()

    def _watch_end(self, held: HeldRun) -> None:
        threading.Thread(
            target=self._abandon, args=(held,), name=f"watch-{held.run_id}", daemon=True
        ).start()

    def _abandon(self, held: HeldRun) -> None:
        """End a cancelled run without its thread, if that does not end."""
        if held.over.wait(ABANDON_SECONDS):
            return
        log.error("run %s attempt %d hangs: ended without its thread", held.run_id, held.attempt)
        held.cancelled.abandon()
        try:
            self._abandoned(held)
        finally:
            self._end(held)

    def get(self, attempt: Attempt) -> HeldRun | None:
        """The run of an attempt, if it runs here."""
        with self._lock:
            return self._held.get((attempt.run_id, attempt.attempt))

    def running(self) -> list[HeldRun]:
        """What runs now."""
        with self._lock:
            return list(self._held.values())

    def cancel(self, attempt: Attempt, reason: str) -> None:
        """Cancel the run of an attempt, if it runs here. Without waiting."""
        if (held := self.get(attempt)) is not None:
            held.cancel(reason)

    def give_all_back(self, reason: str) -> None:
        """Give every attempt back and wait for the clean-up, which has 5 s."""
        held = self.running()
        for each in held:
            each.give_back(reason)
        deadline = Deadline(ABANDON_SECONDS + 1.0)
        for each in held:
            each.over.wait(deadline.left())


def _log_end(held: HeldRun) -> None:
    ended = held.ended_as
    log.info(
        "run ended",
        extra=with_fields(
            run=held.run_id,
            attempt=held.attempt,
            # Where it did not come to an outcome there is none.
            state=word(RunStatus, ended.status) or "broke",
            outcome=ended.reason,
            trials=ended.trials,
            trials_failed=ended.trials_failed,
            seconds=round(time.monotonic() - held.since, 3),
        ),
    )
