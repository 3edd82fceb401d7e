"""The leases' durable half: which agent has which run, and how far it is.

Every function works on the caller's connection and within its transaction, so
that what belongs together is committed together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, select, update

from headstart.collector.store import host_changes, records as store_records
from headstart.collector.store.end_order import NOT_ENDED
from headstart.collector.store.queries import bounds_on
from headstart.collector.store.queue import next_queued
from headstart.collector.store.record_bounds import Bounds
from headstart.collector.store.runs import FACTS_OF_HOST, LEASED, Change
from headstart.collector.store.tables import runs
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Attempt, Progress

# Made once, for what each of a thousand agents needs at once: making a statement costs as much as
# SQLite's work for it.
_OF_HOST = runs.c.host == bindparam("of_host")
_LEASES = select(runs.c.run_id, runs.c.host, runs.c.attempt).where(
    runs.c.state == RunState.RUN_STATE_LEASED
)
_LEASES_OF = _LEASES.where(_OF_HOST)
_CANCELS_OF = select(runs.c.run_id, runs.c.attempt, runs.c.reason).where(
    _OF_HOST, runs.c.state == RunState.RUN_STATE_LEASED, runs.c.cancel_requested.is_(True)
)
_LEASE = (
    update(runs)
    .where(runs.c.run_id == bindparam("which"))
    .values(
        {name: bindparam(f"to_{name}") for name in ("attempt", "stream_id", "started_seconds")}
        | {"host": bindparam("of_host"), "facts": FACTS_OF_HOST, "state": RunState.RUN_STATE_LEASED}
        | {"progress": b"", "reason": ""}
    )
)
_ADOPTED = (
    select(
        *(runs.c[name] for name in ("run_id", "host", "attempt", "stream_id", "state", "losses")),
        runs.c.cancel_requested,
        runs.c.reason,
    )
    .where(_OF_HOST, runs.c.run_id == bindparam("which"), runs.c.attempt == bindparam("number"))
    .where(
        runs.c.attempt > 0,
        runs.c.state.in_(
            (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LOST, RunState.RUN_STATE_LEASED)
        ),
    )
)
_SET_PROGRESS = update(runs).where(
    runs.c.run_id == bindparam("which"),
    runs.c.attempt == bindparam("of_attempt"),
    runs.c.host == bindparam("of_host"),
    runs.c.state == RunState.RUN_STATE_LEASED,
)


@dataclass(frozen=True)
class Leased:
    """A run that was just leased, for the Lease message."""

    run_id: str
    attempt: int
    experiment: Experiment
    # What its records may say.
    bounds: Bounds


def leases(connection: Connection) -> list[Change]:
    """Every lease that stands."""
    return _changes(connection.execute(_LEASES))


def leases_of(connection: Connection, host: str) -> list[Change]:
    """The leases of one host."""
    return _changes(connection.execute(_LEASES_OF, {"of_host": host}))


def _changes(rows: Iterable[Row[Any]]) -> list[Change]:
    return [Change(row.run_id, row.host, row.attempt, LEASED) for row in rows]


def lease_next(
    connection: Connection,
    host: str,
    now: float,
    stream_id: str = "",
    fits: Callable[[Experiment], bool] = lambda _experiment: True,
) -> Leased | None:
    """Lease the run that is next on a host as a new attempt, unless it has one or is drained.

    The attempt's records must come in this stream (empty: in any).
    """
    if connection.execute(_LEASES_OF, {"of_host": host}).first():
        return None
    if host_changes.drained(connection, host) is not None:
        return None
    row = next_queued(connection, host, fits)
    if row is None:
        return None
    attempt = row.attempt + 1
    connection.execute(
        _LEASE,
        {
            "which": row.run_id,
            "of_host": host,
            "to_attempt": attempt,
            "to_stream_id": stream_id,
            "to_started_seconds": now,
        },
    )
    asked = Experiment.FromString(row.experiment)
    return Leased(row.run_id, attempt, asked, bounds_on(connection, host, asked))


def adopt(
    connection: Connection,
    attempt: Attempt,
    host: str,
    stream_id: str = "",
    replaced: str = "",
) -> Change | None:
    """Lease the current attempt of a queued or lost run to the agent that still has it.

    An ended lease is a presumption; the agent that comes back with the attempt
    disproves it. None: the attempt is not the current one, or the run has ended, or the
    attempt is another stream's: an agent's that was copied or reset. Where nothing of it is
    stored, the stream that replaces the other one takes it over.
    """
    row = connection.execute(
        _ADOPTED, {"of_host": host, "which": attempt.run_id, "number": attempt.attempt}
    ).first()
    if row is None:
        return None
    if row.stream_id and stream_id not in ("", row.stream_id):
        if replaced != row.stream_id or store_records.any_of(
            connection, attempt.run_id, attempt.attempt
        ):
            return None
        connection.execute(_of(row.run_id).values(stream_id=stream_id))
    if row.state != LEASED:
        connection.execute(
            _of(row.run_id).values(
                state=LEASED,
                losses=max(0, row.losses - 1),
                reason=row.reason if row.cancel_requested else "",
                **NOT_ENDED,
            )
        )
    return Change(row.run_id, row.host, row.attempt, LEASED)


def _of(run_id: str) -> Update:
    """A change of the run that was just read, in the same transaction."""
    return update(runs).where(runs.c.run_id == run_id)


def cancels_of(connection: Connection, host: str) -> dict[str, tuple[int, str]]:
    """Leased runs of a host whose end was asked for: run id -> attempt and reason."""
    rows = connection.execute(_CANCELS_OF, {"of_host": host})
    return {row.run_id: (row.attempt, row.reason) for row in rows}


def set_progress(connection: Connection, said: Mapping[str, Sequence[Progress]]) -> None:
    """Keep the latest progress of attempts, by host; of what is no lease of it nothing is kept."""
    rows = [
        {
            "which": each.attempt.run_id,
            "of_attempt": each.attempt.attempt,
            "of_host": host,
            "progress": each.SerializeToString(),
        }
        for host, progress in said.items()
        for each in progress
    ]
    if rows:
        connection.execute(_SET_PROGRESS, rows)
