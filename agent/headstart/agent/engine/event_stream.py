"""The events of an order that an engine carries out while it is watched: a build, a pull.

They arrive in a thread, each stamped at once: whoever reads them may also watch something
else, or stop it. Stopping is closing the connection.
"""

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import urllib3
from docker.errors import APIError, DockerException

from headstart.agent.cancellation import Cancelled
from headstart.agent.deadline import Deadline
from headstart.agent.instances import RuntimeFault, was_cancelled
from headstart.v1.records_pb2 import FailureCode

# How long what was stopped may take to notice.
_STOP_SECONDS = 3.0

Event = dict[str, Any]


class OrderRefused(Exception):
    """The engine did not take the order: its words, such as of a mistake in a Dockerfile."""


class EventStream:
    """The events of one order, such as a build; `close` it, which stops what still runs."""

    def __init__(
        self, what: str, begin: Callable[[], Iterator[Event]], abort: Callable[[], None]
    ) -> None:
        """`abort` ends the calls that `begin` and its iterator make."""
        self._what = what
        self._begin = begin
        self._abort = abort
        self._arrived: SimpleQueue[tuple[float, Event] | None] = SimpleQueue()
        self._closing = False
        self._error: Exception | None = None
        # A daemon: an engine that hangs must not keep the agent from ending.
        self._thread = threading.Thread(target=self._read, name=what, daemon=True)
        self._thread.start()

    def next(self, timeout_seconds: float) -> tuple[float, Event] | None:
        """An event with its CLOCK_MONOTONIC second; None: none came in this time.

        EOFError after the last one. OrderRefused, or RuntimeFault when the engine was lost.
        """
        try:
            arrived = self._arrived.get(timeout=timeout_seconds)
        except Empty:
            return None
        if arrived is not None:
            return arrived
        if self._error is not None:
            raise self._error
        raise EOFError

    def close(self) -> None:
        """Idempotent; returns when nothing is read any more, or after 3 s."""
        self._closing = True
        deadline = Deadline(_STOP_SECONDS)
        while self._thread.is_alive() and not deadline.passed():
            self._abort()
            self._thread.join(0.1)

    def _read(self) -> None:
        try:
            for event in self._begin():
                self._arrived.put((time.monotonic(), event))
        except Cancelled:
            self._error = was_cancelled()
        except APIError as error:
            self._error = OrderRefused(error.explanation or str(error))
        except (
            DockerException,
            OSError,
            urllib3.exceptions.HTTPError,
            ValueError,
        ) as error:
            if not self._closing:
                self._error = RuntimeFault(
                    FailureCode.FAILURE_CODE_ENGINE,
                    f"the Docker Engine was lost during the {self._what}: {error}",
                )
        except Exception as error:  # the reader's to handle
            self._error = error
        self._arrived.put(None)
