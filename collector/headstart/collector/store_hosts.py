"""Hosts in the store: what an agent said of its machine at its last hello."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from headstart.collector.store_schema import hosts
from headstart.v1.experiments_pb2 import HostState
from headstart.v1.host_pb2 import HostFacts, Policy


def greet(connection: Connection, facts: HostFacts, policy: Policy, now: float) -> None:
    """Store what a hello says."""
    values = {
        "facts": facts.SerializeToString(),
        "policy": policy.SerializeToString(),
        "last_seen_seconds": now,
    }
    known = connection.execute(
        update(hosts).where(hosts.c.host == facts.host).values(**values)
    ).rowcount
    if not known:
        connection.execute(insert(hosts).values(host=facts.host, first_seen_seconds=now, **values))


def set_policy(connection: Connection, host: str, policy: Policy) -> None:
    """Store the policy that an agent has now."""
    values = {"policy": policy.SerializeToString()}
    connection.execute(update(hosts).where(hosts.c.host == host).values(**values))


def seen(connection: Connection, host: str, now: float) -> None:
    """Note that the agent was there."""
    connection.execute(update(hosts).where(hosts.c.host == host).values(last_seen_seconds=now))


def states(connection: Connection) -> list[HostState]:
    """Every host by name, as of its last hello."""
    return [
        HostState(
            host=HostFacts.FromString(row.facts), last_seen_time_seconds=row.last_seen_seconds
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
