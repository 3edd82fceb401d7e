"""Bodies under load, for generators that look at the status alone: a slow second client."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from headstart.agent.checks import Evaluation
from headstart.agent.http_client import RequestFault
from headstart.agent.load.mix import order
from headstart.v1.experiment_pb2 import HttpCheck, Load

# Too slow to be felt by the server, often enough for every window of a second.
_PERIOD_SECONDS = 0.5
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
    Nothing is asked when no request of the load says anything of its body.
    """

    def __init__(self, load: Load, ask: Ask) -> None:
        checks = [load.requests[index].check for index in order(load)]
        self._checks = [check for check in checks if check.json_subset or check.body_pattern]
        self._ask = ask
        self._stopped = threading.Event()
        self._samples: list[Sample] = []
        self._thread = threading.Thread(target=self._run, name="body-probe", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        if self._checks:
            self._thread.start()

    def stop(self) -> list[Sample]:
        """End it; what it found. At most a request's time."""
        self._stopped.set()
        if self._thread.ident is not None:
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
            self._stopped.wait(_PERIOD_SECONDS)
