"""The order in which runs wait: who is next on a host, and who has waited too long."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text, union

from headstart.collector.store.statements import place_of
from headstart.collector.store.tables import experiments, hosts, runs
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import RunState

# RUN_STATE_QUEUED as the index says it, or it is not used.
_WAITS = text("runs.state = 1")
_ANY_MAY_HAVE = text("runs.candidates <> ''")
# Each half by an index of its own: a thousand hosts that come back do not read each other's runs.
_WAITS_FOR_IT = union(
    select(runs.c.run_id).where(_WAITS, runs.c.host == bindparam("of_host")),
    select(runs.c.run_id).where(
        _WAITS, _ANY_MAY_HAVE, place_of(runs.c.candidates, bindparam("within")) > 0
    ),
)
# Ids alone: a client of PostgreSQL has all rows before it sees the first, and there may be
# thousands, each with an experiment of hundreds of kilobytes.
_NEXT = (
    select(runs.c.run_id)
    .where(runs.c.run_id.in_(_WAITS_FOR_IT))
    .order_by(runs.c.priority.desc(), runs.c.experiment_id, runs.c.run_id)
)
_WITH_EXPERIMENT = (
    select(runs.c.run_id, runs.c.attempt, runs.c.candidates, experiments.c.experiment)
    .join(experiments)
    .where(runs.c.run_id == bindparam("which"))
)
_TAKE = (
    select(runs.c.run_id)
    .where(runs.c.run_id == bindparam("which"), _WAITS)
    .with_for_update(skip_locked=True)
)
_HAS_RUN = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)


@dataclass(frozen=True)
class Wish:
    """How a submission wants to wait."""

    # The highest goes first, then the oldest.
    priority: int = 0
    # By when an agent must have begun it, Unix time; 0: whenever.
    expires_seconds: float = 0.0
    # Hosts of which any may have it, with the one that it waits for first; empty: that one.
    candidates: Sequence[str] = ()
    # Only where no run waits or goes on.
    unless_busy: bool = False


# By age, on the host that matches, whatever it takes.
PLAIN = Wish()


class HostsBusy(Exception):
    """A submission was not to wait, and would have to."""

    def __init__(self, of_hosts: Sequence[tuple[str, str]]) -> None:
        named = [f"{host} has run {run_id}" for host, run_id in of_hosts[:10]]
        more = f" and {len(of_hosts) - 10} more" if len(of_hosts) > 10 else ""
        super().__init__(f"nothing is submitted: {', '.join(named)}{more}")


def require_free(connection: Connection, on_hosts: Collection[str]) -> None:
    """Raises HostsBusy where a run waits or goes on."""
    query = (
        select(runs.c.host, func.min(runs.c.run_id).label("run_id"))
        .where(runs.c.host.in_(on_hosts), runs.c.state.in_(_HAS_RUN))
        .group_by(runs.c.host)
        .order_by(runs.c.host)
    )
    if busy := [(row.host, row.run_id) for row in connection.execute(query)]:
        raise HostsBusy(busy)


def as_column(names: Sequence[str]) -> str:
    """Names of hosts as `runs.candidates` has them."""
    return "\n" + "\n".join(names) + "\n" if names else ""


def of_column(column: str) -> list[str]:
    """The other way."""
    return column.split("\n")[1:-1]


def next_queued(
    connection: Connection, host: str, fits: Callable[[Experiment], bool] = lambda _e: True
) -> Any:
    """The row of the run that a host is to have next: its own, or one that any may have. Or None.

    Of the latter only one that `fits`; of the former each, since nobody else will have it. It is
    locked where the database can; one that somebody else leases now is passed over.
    """
    values = {"of_host": host, "within": f"\n{host}\n"}
    for run_id in connection.execute(_NEXT, values).scalars():
        row = connection.execute(_WITH_EXPERIMENT, {"which": run_id}).one()
        if row.candidates and not fits(Experiment.FromString(row.experiment)):
            continue
        if connection.execute(_TAKE, {"which": run_id}).first():
            return row
    return None


def waiting_hosts(connection: Connection) -> set[str]:
    """Hosts that a queued run waits for."""
    query = select(runs.c.host, runs.c.candidates).where(_WAITS)
    found = set()
    for row in connection.execute(query.distinct()):
        found |= {row.host, *of_column(row.candidates)}
    return found


def expired(
    connection: Connection, now: float, gone_before: float, connected: Collection[str]
) -> list[tuple[str, str]]:
    """Queued runs that are not to wait any longer, and why.

    Those whose time is over, and those of hosts that were last here before `gone_before`.
    """
    query = (
        select(
            runs.c.run_id,
            runs.c.host,
            runs.c.candidates,
            runs.c.submitted_seconds,
            runs.c.expires_seconds,
        )
        .where(_WAITS)
        .where(
            ((runs.c.expires_seconds > 0) & (runs.c.expires_seconds <= now))
            | (runs.c.submitted_seconds < gone_before)
        )
    )
    rows = connection.execute(query).all()
    if not rows:
        return []
    seen = {
        row.host: row.last_seen_seconds
        for row in connection.execute(select(hosts.c.host, hosts.c.last_seen_seconds))
    }
    found = []
    for row in rows:
        names = of_column(row.candidates) or [row.host]
        away = [name for name in names if name not in connected]
        which = " and ".join(names[:3]) if len(names) <= 3 else f"{len(names)} hosts"
        if 0 < row.expires_seconds <= now:
            waited = _span(row.expires_seconds - row.submitted_seconds)
            why = f"{which} {'is' if len(names) == 1 else 'are'} not connected"
            here = f"; {why}" if away == names else ""
            found.append((row.run_id, f"expired: no agent had it within {waited}{here}"))
        elif away == names and all(seen.get(name, 0.0) < gone_before for name in names):
            gone = _span(now - gone_before)
            found.append((row.run_id, f"expired: {which} did not come back within {gone}"))
    return found


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
