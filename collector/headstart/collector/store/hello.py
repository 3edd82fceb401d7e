"""What a hello changes in the store, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from headstart.collector.store import (
    ends,
    host_changes,
    hosts as store_hosts,
    later_attempts,
    leasing,
    queries,
    records as store_records,
    renaming,
)
from headstart.collector.store.hosts import HostRoom
from headstart.collector.store.record_bounds import Bounds
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
    # What the records of the leases that it has may say, by run id.
    bounds: dict[str, Bounds] = field(default_factory=dict)
    # Why the host is given no run; None: it is.
    drained: str | None = None
    # Records of the stream that were acked and are not here: the store was set back.
    gone: int = 0
    # The agent has attempts that this store never gave out: it was set back, too.
    set_back: bool = False
    # Whether what the agent recorded under another name is the host's; None: it did not ask.
    takes_recorded: bool | None = None


def greet(
    connection: Connection, hello: Hello, now: float, room: HostRoom | None = None
) -> Greeted:
    """Bring stored leases and what the agent says that it has into line.

    Raises ForeignStream and TooManyHosts. A run that neither runs nor waits in the spool was lost
    with the agent's process: it is queued again at once.
    """
    host = hello.host.host
    store_hosts.greet(connection, hello.host, hello.policy, now, room or HostRoom())
    # Who asks delivers nothing: a stream for each question would push out its own.
    asks = bool(hello.recorded_stream_id)
    opened = None if asks else store_records.open_stream(connection, hello.stream_id, host)
    greeted = Greeted(opened)
    if asks:
        greeted.takes_recorded = renaming.is_of(
            connection, host, hello.recorded_stream_id, hello.recorded_as
        )
    held: Sequence[Attempt] = [*hello.running, *hello.unacked]
    here = greeted.acked.sequence if greeted.acked is not None else 0
    greeted.gone = max(0, hello.acked_sequence - here)
    greeted.set_back = bool(greeted.gone) or later_attempts.unheard_of(connection, host, held)
    if greeted.gone:
        _lose_what_is_gone(connection, hello, greeted, now)
    for attempt in [] if greeted.gone else held:
        if change := leasing.adopt(
            connection, attempt, host, hello.stream_id, hello.replaces_stream_id
        ):
            greeted.kept.append(change)
            if bounds := queries.bounds(connection, change.run_id):
                greeted.bounds[change.run_id] = bounds
        elif attempt in hello.running:
            greeted.stale.append(attempt)
    if greeted.gone:
        # The agent comes again with a stream of its own, by which it goes on with what is whole.
        later_attempts.after_hello(connection, host, held)
        greeted.drained = host_changes.drained(connection, host)
        return greeted
    has = {(change.run_id, change.attempt) for change in greeted.kept}
    for lease in leasing.leases_of(connection, host):
        if (lease.run_id, lease.attempt) not in has:
            lost = ends.lose(
                connection,
                Attempt(run_id=lease.run_id, attempt=lease.attempt),
                "the agent came back without it",
                now,
            )
            greeted.lost += [lost] if lost else []
    if greeted.set_back:
        later_attempts.after_hello(connection, host, held)
    greeted.drained = host_changes.drained(connection, host)
    greeted.cancels = leasing.cancels_of(connection, host)
    return greeted


def _lose_what_is_gone(connection: Connection, hello: Hello, greeted: Greeted, now: float) -> None:
    """End the leases of attempts whose records are partly gone: they are made again, uncounted."""
    held = {(each.run_id, each.attempt): each for each in (*hello.running, *hello.unacked)}
    partly = {(each.run_id, each.attempt) for each in hello.partly_acked}
    reason = (
        f"{greeted.gone} records of its host were acknowledged and are not here: this store was "
        "set back to an earlier state"
    )
    kept = set()
    for lease in leasing.leases_of(connection, hello.host.host):
        key = (lease.run_id, lease.attempt)
        if key in held and key not in partly and not store_records.any_of(connection, *key):
            kept.add(key)
            greeted.kept.append(lease)
            continue
        attempt = Attempt(run_id=lease.run_id, attempt=lease.attempt)
        lost = ends.lose(connection, attempt, reason, now, counted=False)
        greeted.lost += [lost] if lost else []
    greeted.stale = [each for each in hello.running if (each.run_id, each.attempt) not in kept]
