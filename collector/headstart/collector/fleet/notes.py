"""What agents say of themselves that nobody waits for: written once a tick, all of it together.

A thousand agents say two hundred times a second how far they are. Each by itself would be a
commit, and records that came beside it would wait for a disk that does little else.
"""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Connection

from headstart.collector.store import hosts as store_hosts, leasing
from headstart.collector.store.store import Store
from headstart.v1.fleet_pb2 import Progress
from headstart.v1.host_pb2 import Policy

T = TypeVar("T")


class Notes:
    """The latest word of each host on each subject. Use from one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._progress: dict[str, Sequence[Progress]] = {}
        # When it was here, in Unix seconds.
        self._seen: dict[str, float] = {}
        self._policies: dict[str, Policy] = {}

    def progress(self, host: str, said: Sequence[Progress]) -> None:
        """How far attempts are; whether they are the host's is seen when it is written."""
        self._progress[host] = said

    def seen(self, host: str, now: float) -> None:
        """The agent of a host was here."""
        self._seen[host] = now

    def policy(self, host: str, policy: Policy) -> None:
        """What may run on a host now."""
        self._policies[host] = policy

    async def write(self) -> list[str]:
        """Make it durable; the runs that progress was said of. Raises StoreFault: all waits."""
        progress, seen, policies = dict(self._progress), dict(self._seen), dict(self._policies)
        if not (progress or seen or policies):
            return []

        def write(connection: Connection) -> None:
            leasing.set_progress(connection, progress)
            store_hosts.seen(connection, seen)
            store_hosts.set_policies(connection, policies)

        await self._store.note(write)
        _leave_newer(self._progress, progress)
        _leave_newer(self._seen, seen)
        _leave_newer(self._policies, policies)
        return [each.attempt.run_id for said in progress.values() for each in said]


def _leave_newer(kept: dict[str, T], written: dict[str, T]) -> None:
    for host, what in written.items():
        if kept[host] is what:
            del kept[host]
