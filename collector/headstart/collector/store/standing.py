"""Which records of a run count, and what is stored of it: asked and written with each group."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from headstart.collector.store.runs import LEASED, LOST, QUEUED
from headstart.collector.store.tables import hosts, runs

_ADD_TO_RUN = (
    update(runs)
    .where(runs.c.run_id == bindparam("which"))
    .values(stored_bytes=runs.c.stored_bytes + bindparam("added"))
)
_ADD_TO_HOST = (
    update(hosts)
    .where(hosts.c.host == bindparam("which"))
    .values(stored_bytes=hosts.c.stored_bytes + bindparam("added"))
)


@dataclass
class Stored:
    """Bytes that the raw batches of a run or a host take, and what a group adds to them."""

    bytes: int
    added: int = 0

    def room(self, quota: int) -> int:
        """What may still be added."""
        return quota - self.bytes - self.added


@dataclass
class Standing:
    """Which records of a run count: those of `attempt`, while it is open."""

    attempt: int
    open: bool
    host: str
    of_run: Stored
    # One object for all runs of a host.
    of_host: Stored
    # Empty: any.
    stream_id: str = ""

    def takes(self, attempt: int, stream_id: str) -> bool:
        """Whether a record of an attempt counts now, coming in this stream."""
        return self.open and 0 < attempt == self.attempt and self.stream_id in ("", stream_id)

    def add(self, size: int) -> None:
        """So many bytes are stored of the run."""
        self.of_run.added += size
        self.of_host.added += size


def standings(connection: Connection, run_ids: Collection[str]) -> dict[str, Standing]:
    """By run. An attempt whose lease ended, or that is LOST, may come back: its records count."""
    if not run_ids:
        return {}
    columns = [runs.c[name] for name in ("run_id", "attempt", "state", "host", "stream_id")]
    columns.append(runs.c.stored_bytes)
    rows = connection.execute(
        select(*columns, hosts.c.stored_bytes.label("of_host"))
        .join(hosts, hosts.c.host == runs.c.host)
        .where(runs.c.run_id.in_(run_ids))
    )
    found: dict[str, Standing] = {}
    of_hosts: dict[str, Stored] = {}
    for row in rows:
        open_ = row.state in (QUEUED, LEASED, LOST)
        of_host = of_hosts.setdefault(row.host, Stored(row.of_host))
        found[row.run_id] = Standing(
            row.attempt, open_, row.host, Stored(row.stored_bytes), of_host, row.stream_id
        )
    return found


def count_bytes(connection: Connection, stood: Mapping[str, Standing]) -> None:
    """Write down what a group added to runs and hosts."""
    of_runs = [
        {"which": run_id, "added": each.of_run.added}
        for run_id, each in stood.items()
        if each.of_run.added
    ]
    of_hosts = {each.host: each.of_host.added for each in stood.values() if each.of_host.added}
    if of_runs:
        connection.execute(_ADD_TO_RUN, of_runs)
        connection.execute(
            _ADD_TO_HOST, [{"which": host, "added": added} for host, added in of_hosts.items()]
        )
