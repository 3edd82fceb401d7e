"""What a hello changes in the store, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from headstart.collector.store import (
    host_changes,
    hosts as store_hosts,
    records as store_records,
    runs as store_runs,
)
from headstart.collector.store.hosts import HostRoom
from headstart.collector.store.records import Watermark
from headstart.collector.store.runs import Change
from headstart.v1.fleet_pb2 import Attempt, Hello


@dataclass
class Greeted:
    """What the store and an agent agree on after its hello."""

    # None: the stream is new.
    acked: Watermark | None
    # Leases that the agent has, running or finished and still in its spool.
    kept: list[Change] = field(default_factory=list)
    # Leases that it does not have any more.
    lost: list[Change] = field(default_factory=list)
    # What it runs and should not.
    stale: list[Attempt] = field(default_factory=list)
    # Run id -> attempt and reason.
    cancels: dict[str, tuple[int, str]] = field(default_factory=dict)
    # Why the host is given no run; None: it is.
    drained: str | None = None


def greet(
    connection: Connection, hello: Hello, now: float, room: HostRoom | None = None
) -> Greeted:
    """Bring stored leases and what the agent says that it has into line.

    Raises ForeignStream and TooManyHosts. A run that neither runs nor waits in the spool was lost
    with the agent's process: it is queued again at once.
    """
    host = hello.host.host
    store_hosts.greet(connection, hello.host, hello.policy, now, room or HostRoom())
    greeted = Greeted(store_records.open_stream(connection, hello.stream_id, host))
    held: Sequence[Attempt] = [*hello.running, *hello.unacked]
    for attempt in held:
        if change := store_runs.adopt(
            connection, attempt, host, hello.stream_id, hello.replaces_stream_id
        ):
            greeted.kept.append(change)
        elif attempt in hello.running:
            greeted.stale.append(attempt)
    has = {(change.run_id, change.attempt) for change in greeted.kept}
    for lease in store_runs.leases_of(connection, host):
        if (lease.run_id, lease.attempt) not in has:
            lost = store_runs.lose(
                connection,
                Attempt(run_id=lease.run_id, attempt=lease.attempt),
                "the agent came back without it",
                now,
            )
            greeted.lost += [lost] if lost else []
    greeted.drained = host_changes.drained(connection, host)
    greeted.cancels = store_runs.cancels_of(connection, host)
    return greeted
