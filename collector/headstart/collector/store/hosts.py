"""Hosts in the store: what an agent said of its machine at its last hello."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from headstart.collector.store.tables import former_names, hosts, runs, streams
from headstart.v1.experiments_pb2 import HostState, RunState
from headstart.v1.host_pb2 import HostFacts, Policy

log = logging.getLogger(__name__)

# Statements that a thousand agents at once need are made once: making one costs as much as SQLite's
# work for it.
_SAID = (
    update(hosts)
    .where(hosts.c.host == bindparam("which"))
    .values({name: bindparam(name) for name in ("facts", "policy", "last_seen_seconds")})
)


@dataclass(frozen=True)
class HostRoom:
    """How many hosts are kept, and after how many seconds one may be forgotten."""

    hosts: int = 2000
    forgotten_seconds: float = 7 * 86400.0


class TooManyHosts(Exception):
    """There is no room for another host."""

    def __init__(self, hosts: int) -> None:
        super().__init__(
            f"this collector keeps {hosts} hosts and has no room for another; a host that has no "
            "run makes room a week after it was last here"
        )


class RenamedHost(Exception):
    """An agent attends under a name that its host no longer has."""

    def __init__(self, former: str, name: str) -> None:
        super().__init__(renamed_words(former, name))


def renamed_words(former: str, name: str) -> str:
    """For whoever looks at the agent."""
    return (
        f"host '{former}' is called '{name}' now: start the agent with --host {name}. Where it was "
        f"enrolled, without --host and after `headstart enroll` with a token for that name "
        f"(`headstart token create --role agent --name {name}`). If this is another machine that "
        f"is to be called '{former}': `headstart host remove {former}` frees the name"
    )


def greet(
    connection: Connection,
    facts: HostFacts,
    policy: Policy,
    now: float,
    room: HostRoom = HostRoom(),  # it is frozen
) -> None:
    """Store what a hello says. Raises RenamedHost and TooManyHosts."""
    values = {
        "facts": facts.SerializeToString(),
        "policy": policy.SerializeToString(),
        "last_seen_seconds": now,
    }
    if not connection.execute(_SAID, values | {"which": facts.host}).rowcount:
        former = select(former_names.c.host).where(former_names.c.former == facts.host)
        if (name := connection.execute(former).scalar()) is not None:
            raise RenamedHost(facts.host, name)
        _make_room(connection, now, room)
        connection.execute(insert(hosts).values(host=facts.host, first_seen_seconds=now, **values))


def set_policies(connection: Connection, policies: Mapping[str, Policy]) -> None:
    """Store the policies that agents have now, by host."""
    if policies:
        connection.execute(
            update(hosts).where(hosts.c.host == bindparam("which")),
            [
                {"which": host, "policy": each.SerializeToString()}
                for host, each in policies.items()
            ],
        )


def _make_room(connection: Connection, now: float, room: HostRoom) -> None:
    if _count(connection) < room.hosts:
        return
    gone = (
        select(hosts.c.host)
        .where(hosts.c.last_seen_seconds < now - room.forgotten_seconds)
        .where(hosts.c.host.not_in(select(runs.c.host)))
    )
    connection.execute(delete(former_names).where(former_names.c.host.in_(gone)))
    connection.execute(delete(streams).where(streams.c.host.in_(gone)))
    connection.execute(delete(hosts).where(hosts.c.host.in_(gone)))
    if _count(connection) >= room.hosts:
        raise TooManyHosts(room.hosts)


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(hosts)).scalar_one())


def seen(connection: Connection, times: Mapping[str, float]) -> None:
    """Note when the agents of hosts were there."""
    if times:
        connection.execute(
            update(hosts).where(hosts.c.host == bindparam("which")),
            [{"which": host, "last_seen_seconds": now} for host, now in times.items()],
        )


def seen_by(connection: Connection, now: float) -> None:
    """No host was seen later than now: where the clock was ahead, it would be kept for ever."""
    ahead = update(hosts).where(hosts.c.last_seen_seconds > now).values(last_seen_seconds=now)
    if number := connection.execute(ahead).rowcount:
        log.warning("%d hosts were last seen in the future: the clock here was ahead", number)


def states(connection: Connection) -> list[HostState]:
    """Every host by name, as of its last hello."""
    counted = select(
        runs.c.host,
        func.count().label("stored"),
        func.count().filter(runs.c.state == RunState.RUN_STATE_QUEUED).label("queued"),
    ).group_by(runs.c.host)
    of_host = {row.host: row for row in connection.execute(counted)}
    return [
        HostState(
            host=HostFacts.FromString(row.facts),
            last_seen_time_seconds=row.last_seen_seconds,
            drained_time_seconds=row.drained_seconds,
            drain_reason=row.drain_reason,
            queued_runs=of_host[row.host].queued if row.host in of_host else 0,
            stored_runs=of_host[row.host].stored if row.host in of_host else 0,
        )
        for row in connection.execute(select(hosts).order_by(hosts.c.host))
    ]


def matching(known: list[HostState], labels: Mapping[str, str], seen_after: float) -> list[str]:
    """Hosts that have every label and are here, or were after a time, by name."""
    return [
        state.host.host
        for state in known
        if (state.connected or state.last_seen_time_seconds >= seen_after)
        and all(state.host.labels.get(name) == value for name, value in labels.items())
    ]
