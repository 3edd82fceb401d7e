"""The deadlines of leases: who holds what until when, by a monotonic clock.

Deadlines are not stored. A collector that starts, or that stood still, gives
every lease a fresh one: it cannot tell the silence of an agent from its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from headstart.v1.fleet_pb2 import Attempt


@dataclass
class _Lease:
    attempt: int
    host: str
    deadline: float


class Leases:
    """`clock` gives seconds that never go back; `tick` is called every `tick_seconds`."""

    def __init__(
        self,
        lease_seconds: float,
        tick_seconds: float,
        clock: Callable[[], float],
        heartbeat_seconds: float,
    ) -> None:
        self._lease_seconds = lease_seconds
        # A tick that is later than a heartbeat means that heartbeats may wait unread.
        self._pause_seconds = tick_seconds + heartbeat_seconds
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        # Host -> its runs: each batch that comes asks for them.
        self._of_host: dict[str, set[str]] = {}
        self._last_tick = clock()

    def grant(self, run_id: str, attempt: int, host: str) -> None:
        """A lease begins, or a stored one is taken up again; its deadline is fresh."""
        self._forget(run_id)
        self._leases[run_id] = _Lease(attempt, host, self._clock() + self._lease_seconds)
        self._of_host.setdefault(host, set()).add(run_id)

    def renew(self, run_id: str, attempt: int, host: str) -> bool:
        """The agent showed that it has the attempt; false: it has no such lease."""
        lease = self._leases.get(run_id)
        if lease is None or (lease.attempt, lease.host) != (attempt, host):
            return False
        lease.deadline = self._clock() + self._lease_seconds
        return True

    def renew_all(self, host: str) -> None:
        """The agent delivers: what it has finished may wait behind older records."""
        for run_id in self._of_host.get(host, ()):
            self._leases[run_id].deadline = self._clock() + self._lease_seconds

    def end(self, run_id: str, attempt: int) -> None:
        """The lease is over, for whatever reason; another attempt's lease stays."""
        lease = self._leases.get(run_id)
        if lease is not None and lease.attempt == attempt:
            self._forget(run_id)

    def _forget(self, run_id: str) -> None:
        if (lease := self._leases.pop(run_id, None)) is not None:
            runs = self._of_host[lease.host]
            runs.discard(run_id)
            if not runs:
                del self._of_host[lease.host]

    def of_host(self, host: str) -> str:
        """The run that a host has; empty: none."""
        return next(iter(self._of_host.get(host, ())), "")

    def attempt_of(self, run_id: str) -> Attempt | None:
        """The attempt at a run that is leased; None: none is."""
        lease = self._leases.get(run_id)
        return Attempt(run_id=run_id, attempt=lease.attempt) if lease is not None else None

    def tick(self) -> list[Attempt] | None:
        """Leases whose deadline has passed; they stay until `end`.

        None: this call came late, so the process stood still or the machine slept.
        Then every lease got a fresh deadline and none has ended.
        """
        now = self._clock()
        late = now - self._last_tick > self._pause_seconds
        self._last_tick = now
        if late:
            for lease in self._leases.values():
                lease.deadline = now + self._lease_seconds
            return None
        return [
            Attempt(run_id=run, attempt=lease.attempt)
            for run, lease in self._leases.items()
            if lease.deadline < now
        ]
