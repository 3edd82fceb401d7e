"""What an operator does to a host in the store: no run for it, and runs again."""

import difflib

from sqlalchemy import Connection, bindparam, select, update

from headstart.collector.store.tables import former_names, hosts

_DRAINED = select(hosts.c.drain_reason).where(
    hosts.c.host == bindparam("of_host"), hosts.c.drained_seconds > 0
)


class NoSuchHost(Exception):
    """No host has this name."""

    def __init__(self, host: str, hint: str = "") -> None:
        super().__init__(f"there is no host '{host[:80]}'{hint}")


def require(connection: Connection, host: str) -> None:
    """Raises NoSuchHost, with the name that the host has now or the nearest that there is."""
    if connection.execute(select(hosts.c.host).where(hosts.c.host == host)).first():
        return
    query = select(former_names.c.host).where(former_names.c.former == host)
    if (now := connection.execute(query).scalar()) is not None:
        raise NoSuchHost(host, f": it is called '{now}' now")
    known = list(connection.execute(select(hosts.c.host).order_by(hosts.c.host)).scalars())
    near = difflib.get_close_matches(host, known, 1, 0.7)
    raise NoSuchHost(host, f": did you mean '{near[0]}'?" if near else "")


def drain(connection: Connection, host: str, reason: str, now: float) -> None:
    """Lease it nothing from now on; said again, the reason alone changes. Raises NoSuchHost."""
    require(connection, host)
    connection.execute(
        update(hosts)
        .where(hosts.c.host == host, hosts.c.drained_seconds == 0)
        .values(drained_seconds=now)
    )
    connection.execute(update(hosts).where(hosts.c.host == host).values(drain_reason=reason))


def resume(connection: Connection, host: str) -> None:
    """Lease it runs again. Raises NoSuchHost."""
    require(connection, host)
    connection.execute(
        update(hosts).where(hosts.c.host == host).values(drained_seconds=0.0, drain_reason="")
    )


def drained(connection: Connection, host: str) -> str | None:
    """Why a host gets no run, perhaps empty; None: it gets some."""
    return connection.execute(_DRAINED, {"of_host": host}).scalar()
