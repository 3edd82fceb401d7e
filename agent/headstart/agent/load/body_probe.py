"""Bodies under load, for generators that look at the status alone: a slow second client."""

import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from headstart.agent.deadline import Deadline
from headstart.agent.http.app_client import RequestFault, Session
from headstart.agent.http.app_tls import client_context
from headstart.agent.http.checks import Evaluation, evaluate
from headstart.agent.load.driver import LoadTask
from headstart.agent.load.mix import order
from headstart.v1.experiment_pb2 import HttpCheck, Load
from headstart.v1.records_pb2 import LoadWindow

# Often enough for every window of a second; more often in a short load, but never so often that
# a server that saturates its CPU would feel it.
_PERIOD_SECONDS = 0.5
_SHORTEST_PERIOD_SECONDS = 0.01
# So many bodies find a fault of one answer in a hundred in 99 % of loads: 1 - 0.99 ** 459.
_ENOUGH = 500
# For those that are still missing when the load is over.
_TOP_UP_SECONDS = 5.0
# Unanswered requests in a row after which nobody asks on.
_SILENT = 3
TIMEOUT_SECONDS = 2.0

# Asks once and judges the answer; RequestFault when none came.
Ask = Callable[[HttpCheck], Evaluation]


@dataclass(frozen=True)
class Sample:
    """One body that was held against its check; `late`: after the load's end."""

    monotonic_ns: int
    evaluation: Evaluation
    late: bool = False


class BodyProbe:
    """Asks the load's requests in turn, in a thread, on an even grid until it is stopped.

    An answer that does not come is no sample: the generator counts failures.
    Asked is what says anything of its body or fields, or `every_check`. Not `often`: twice a
    second whatever the length of the load, for a client that is a process for each request.
    """

    def __init__(self, load: Load, ask: Ask, every_check: bool = False, often: bool = True) -> None:
        checks = [load.requests[index].check for index in order(load)]
        self._checks = [
            check
            for check in checks
            if every_check or check.json_subset or check.body_pattern or check.headers
        ]
        period = max(_SHORTEST_PERIOD_SECONDS, load.duration_seconds / _ENOUGH)
        self._period_seconds = min(_PERIOD_SECONDS, period) if often else _PERIOD_SECONDS
        self._ask = ask
        self._stopped = threading.Event()
        self._asked = 0
        self._samples: list[Sample] = []
        self._thread = threading.Thread(target=self._run, name="body-probe", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        if self._checks:
            self._thread.start()

    def stop(self, wait: bool = True) -> None:
        """End it. At most a request's time, or none: it ends by itself then."""
        self._stopped.set()
        if wait and self._thread.ident is not None:
            self._thread.join(TIMEOUT_SECONDS + 1.0)

    def samples(self) -> list[Sample]:
        """What it found so far."""
        return list(self._samples)

    def top_up(self, cancelled: Callable[[], bool]) -> None:
        """After `stop`: ask for what is missing, where no fault was seen, for some seconds at most.

        A fault that was seen under load needs no more to be found; answers without load would
        only make it look rarer.
        """
        found = any(not sample.evaluation.passed for sample in self._samples)
        if self._thread.is_alive() or not self._checks or found:
            return
        deadline, silent = Deadline(_TOP_UP_SECONDS), 0
        while len(self._samples) < _ENOUGH and silent < _SILENT and not cancelled():
            silent = 0 if self._ask_next(late=True) else silent + 1
            if deadline.passed():
                return

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopped.is_set():
            self._ask_next()
            # The next of the grid: what a slow answer covered is left out.
            since = time.monotonic() - began
            self._stopped.wait(self._period_seconds - since % self._period_seconds)

    def _ask_next(self, late: bool = False) -> bool:
        """False: no answer came, which the generator counts."""
        check = self._checks[self._asked % len(self._checks)]
        self._asked += 1
        try:
            evaluation = self._ask(check)
        except RequestFault:
            return False
        self._samples.append(Sample(time.monotonic_ns(), evaluation, late))
        return True


@contextmanager
def asking(task: LoadTask) -> Iterator[Ask]:
    """How an answer is fetched beside the load, over HTTP/1.1."""
    tls = client_context(verified=False) if task.load.tls else None
    where = (task.address, task.port)
    with Session(*where, TIMEOUT_SECONDS, tls, task.namespace) as session:

        def ask(check: HttpCheck) -> Evaluation:
            response = session.fetch(check.request)
            return evaluate(check, response.status, response.headers, response.body)

        yield ask


def mark_wrong_bodies(
    windows: Sequence[LoadWindow], origin_ns: int, samples: Sequence[Sample]
) -> str:
    """Count a window's answers as incorrect in the share of its samples that are; the first fault.

    Nobody saw the bodies of the others, so that some wrong ones stand for many. Of a window
    without a sample, and where faults were seen after the load alone, the share is that of all.
    What rounding leaves is carried on, so that the sum is right to one.
    """
    starts = [window.start_us for window in windows]
    asked: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    faults = [sample for sample in samples if not sample.evaluation.passed]
    if not faults:
        return ""
    under_load = [] if all(fault.late for fault in faults) else samples
    for sample in under_load:
        at = max(0, bisect_right(starts, (sample.monotonic_ns - origin_ns) // 1000) - 1)
        asked[at] += 1
        wrong[at] += not sample.evaluation.passed
    overall, carried = len(faults) / len(samples), 0.0
    for at, window in enumerate(windows):
        carried += window.completed * (wrong[at] / asked[at] if asked[at] else overall)
        estimate = min(window.completed, max(0, round(carried)))
        carried -= estimate
        window.incorrect = max(window.incorrect, estimate)
    answered = [window for window in windows if window.completed]
    if answered and not any(window.incorrect for window in windows):
        answered[-1].incorrect = 1  # one was seen
    return faults[0].evaluation.actual + _when(samples, faults)


def _when(samples: Sequence[Sample], faults: Sequence[Sample]) -> str:
    """That the load itself may have had none of it, where faults were seen after it alone."""
    if not all(fault.late for fault in faults):
        return ""
    judged = sum(not sample.late for sample in samples)
    return f" (asked when the load was over: under load none of {judged} bodies was wrong)"
