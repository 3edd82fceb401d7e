"""Bodies under load, for generators that look at the status alone: a slow second client."""

import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from headstart.agent.http.app_client import RequestFault, Session
from headstart.agent.http.app_tls import client_context
from headstart.agent.http.checks import Evaluation, evaluate
from headstart.agent.load.driver import LoadTask
from headstart.agent.load.mix import order
from headstart.v1.experiment_pb2 import HttpCheck, Load
from headstart.v1.records_pb2 import LoadWindow

# Often enough for every window of a second; more often in a short load, where a fault of one
# answer in a hundred is to be found too (99 % of loads: 459 answers), but never so often that
# a server that saturates its CPU would feel it.
_PERIOD_SECONDS = 0.5
_IN_A_LOAD = 500
_SHORTEST_PERIOD_SECONDS = 0.01
TIMEOUT_SECONDS = 2.0

# Asks once and judges the answer; RequestFault when none came.
Ask = Callable[[HttpCheck], Evaluation]


@dataclass(frozen=True)
class Sample:
    """One body that was held against its check."""

    monotonic_ns: int
    evaluation: Evaluation


class BodyProbe:
    """Asks the load's requests in turn, in a thread, until it is stopped.

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
        period = max(_SHORTEST_PERIOD_SECONDS, load.duration_seconds / _IN_A_LOAD)
        self._period_seconds = min(_PERIOD_SECONDS, period) if often else _PERIOD_SECONDS
        self._ask = ask
        self._stopped = threading.Event()
        self._samples: list[Sample] = []
        self._thread = threading.Thread(target=self._run, name="body-probe", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        if self._checks:
            self._thread.start()

    def stop(self, wait: bool = True) -> list[Sample]:
        """End it; what it found. At most a request's time, or none: it ends by itself then."""
        self._stopped.set()
        if wait and self._thread.ident is not None:
            self._thread.join(TIMEOUT_SECONDS + 1.0)
        return list(self._samples)

    def _run(self) -> None:
        asked = 0
        while not self._stopped.is_set():
            try:
                evaluation = self._ask(self._checks[asked % len(self._checks)])
            except RequestFault:
                pass  # the generator counts it
            else:
                self._samples.append(Sample(time.monotonic_ns(), evaluation))
            asked += 1
            self._stopped.wait(self._period_seconds)


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

    Nobody saw the bodies of the others, so that some wrong ones stand for many.
    """
    starts = [window.start_us for window in windows]
    asked: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    for sample in samples:
        at = max(0, bisect_right(starts, (sample.monotonic_ns - origin_ns) // 1000) - 1)
        asked[at] += 1
        wrong[at] += not sample.evaluation.passed
    for at in wrong:
        window = windows[at]
        estimate = -(-window.completed * wrong[at] // asked[at])
        window.incorrect = max(window.incorrect, estimate)
    faults = (sample.evaluation.actual for sample in samples if not sample.evaluation.passed)
    return next(faults, "")
