"""How long a command that follows runs waits for a collector; they go on without it."""

import time
from collections.abc import Callable
from typing import TypeVar

import grpc

from headstart.cli.client import answered_words, explained
from headstart.cli.connection import Connection
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

# How long a collector that does not answer is waited for.
PATIENCE_SECONDS = 600.0
# A collector that is started anew takes a second or two.
_AGAIN_SECONDS = 1.0
# What a collector says, or its end looks like, as it stops.
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

T = TypeVar("T")


class Patience:
    """With the active one of a command's collectors, whichever that is by then."""

    def __init__(self, connection: Connection, seconds: float = PATIENCE_SECONDS) -> None:
        """`seconds`: at most, from the first call without an answer on."""
        self.connection = connection
        self._seconds = seconds
        self._away_since: float | None = None

    def answered(self) -> None:
        """It is there."""
        self._away_since = None

    def wait(self, error: grpc.RpcError) -> None:
        """Return where the call is worth another try. Raises CommandError, InputError."""
        if error.code() not in _AWAY:
            raise explained(error, self.connection) from error
        if self._away_since is None:
            self._away_since = time.monotonic()
            why = answered_words(error) or "does not answer"
            say(
                f"headstart: the collector at {self.connection.target} {why}; waiting for it, "
                f"{self._seconds:.0f} s at most. The runs go on without it",
                err=True,
            )
        if time.monotonic() - self._away_since > self._seconds:
            raise explained(error, self.connection) from error
        self.pause()

    def pause(self) -> None:
        """Before the next call; another collector may have taken over."""
        time.sleep(min(_AGAIN_SECONDS, self._seconds))
        if self.connection.others:
            self.connection = self.connection.reached()

    def asked(self, ask: Callable[[ExperimentsServiceStub], T]) -> T:
        """The answer to calls that change nothing, however long it takes to come by it.

        Raises what `ask` raises beside errors of calls, and as `wait`.
        """
        while True:
            try:
                with self.connection.channel() as channel:
                    found = ask(ExperimentsServiceStub(channel))
            except grpc.RpcError as error:
                self.wait(error)
            else:
                self.answered()
                return found
