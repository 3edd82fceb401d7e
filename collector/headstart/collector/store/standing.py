"""Which records of a run count, and what is stored of it: asked and counted with each group.

What the store says of a run is kept from group to group, until a change that may be about runs:
to read it again, and to write the bytes of a run and its host down with each second of samples,
took more than half of the writer's time, and three quarters of what it wrote.
"""

import time
from collections.abc import Callable, Collection, Mapping
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
# How long bytes are counted in memory alone. A collector that is killed forgets so much of them.
_OWED_SECONDS = 10.0
_MOST_KNOWN = 10_000


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


class Standings:
    """For the thread that writes. `clock` gives seconds that never go back.

    A group asks (`of`) and counts (`write`); then it is `committed` or has `failed`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._through: object = None
        self._known: dict[str, Standing] = {}
        self._of_hosts: dict[str, Stored] = {}
        # Bytes that are durable and not yet counted in the tables: by host, by run.
        self._owed: dict[str, dict[str, int]] = {}
        self._since = 0.0
        # Of this group: what it asks of, what it adds, whether it pays, whether to ask again then.
        self._asked: dict[str, Standing] = {}
        self._added: list[tuple[str, str, int]] = []
        self._pays = self._forgets = False

    @property
    def owes(self) -> bool:
        """Whether the tables do not count all that is stored."""
        return bool(self._owed)

    def of(self, connection: Connection, run_ids: Collection[str]) -> Mapping[str, Standing]:
        """By run. An attempt whose lease ended, or that is LOST, may come back: its records count.

        A run that is not stored is absent.
        """
        through = connection.connection.dbapi_connection
        if through is not self._through or len(self._known) > _MOST_KNOWN:
            # Who is cut off from a database does not know who wrote there meanwhile.
            self._through = through
            self._forget()
        if unknown := [run_id for run_id in run_ids if run_id not in self._known]:
            self._read(connection, unknown)
        self._asked = {each: self._known[each] for each in run_ids if each in self._known}
        return self._asked

    def _read(self, connection: Connection, run_ids: Collection[str]) -> None:
        columns = [runs.c[name] for name in ("run_id", "attempt", "state", "host", "stream_id")]
        columns.append(runs.c.stored_bytes)
        rows = connection.execute(
            select(*columns, hosts.c.stored_bytes.label("of_host"))
            .join(hosts, hosts.c.host == runs.c.host)
            .where(runs.c.run_id.in_(run_ids))
        )
        for row in rows:
            owed = self._owed.get(row.host, {})
            if row.host not in self._of_hosts:
                self._of_hosts[row.host] = Stored(row.of_host + sum(owed.values()))
            self._known[row.run_id] = Standing(
                row.attempt,
                row.state in (QUEUED, LEASED, LOST),
                row.host,
                Stored(row.stored_bytes + owed.get(row.run_id, 0)),
                self._of_hosts[row.host],
                row.stream_id,
            )

    def write(self, connection: Connection, *, changes_runs: bool) -> None:
        """Count in the tables, at the latest in the group that may change what is counted."""
        self._forgets = changes_runs
        self._added = [
            (each.host, run_id, each.of_run.added)
            for run_id, each in self._asked.items()
            if each.of_run.added
        ]
        if not self._owed:
            self._since = self._clock()
        for host, run_id, size in self._added:
            of_runs = self._owed.setdefault(host, {})
            of_runs[run_id] = of_runs.get(run_id, 0) + size
        due = changes_runs or self._clock() - self._since >= _OWED_SECONDS
        if not due or not self._owed:
            return
        self._pays = True
        by_run = [
            {"which": run_id, "added": size}
            for of_runs in self._owed.values()
            for run_id, size in of_runs.items()
        ]
        by_host = [
            {"which": host, "added": sum(of_runs.values())} for host, of_runs in self._owed.items()
        ]
        connection.execute(_ADD_TO_RUN, by_run)
        connection.execute(_ADD_TO_HOST, by_host)

    def committed(self) -> None:
        """The group is durable."""
        if self._pays:
            self._owed.clear()
        for each in self._asked.values():
            for stored in (each.of_run, each.of_host):
                stored.bytes, stored.added = stored.bytes + stored.added, 0
        self._end_group()

    def failed(self) -> None:
        """Nothing of the group counts, and whatever changed the store meanwhile is not known."""
        for host, run_id, size in self._added:
            self._owed[host][run_id] -= size
        self._forgets = True
        self._end_group()

    def _end_group(self) -> None:
        self._asked, self._added, self._pays = {}, [], False
        if self._forgets:
            self._forget()
        self._forgets = False

    def _forget(self) -> None:
        """Ask the store again. What is owed stays owed."""
        self._known.clear()
        self._of_hosts.clear()
