"""Forgets ended runs: their records, results, points and what was concluded of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from headstart.collector.store import queries, records, stored_values
from headstart.collector.store.tables import (
    batches,
    experiments,
    judged,
    points,
    results,
    runs,
    shifts,
)
from headstart.v1.experiments_pb2 import RunState

_OPEN = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)
_AT_ONCE = 100


class CannotForget(Exception):
    """What was named is not to be forgotten now, or nobody knows which it is."""


@dataclass(frozen=True)
class Lost:
    """What is gone, or would be."""

    run_ids: list[str] = field(default_factory=list)
    results: int = 0
    stored_bytes: int = 0
    experiments: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)


def named(connection: Connection, names: Sequence[str]) -> list[str]:
    """The runs that are meant: of an experiment all, else one by its id or the beginning of it.

    Raises NoSuchRun and CannotForget.
    """
    found: dict[str, None] = {}
    for name in names:
        of_experiment = list(
            connection.execute(
                select(runs.c.run_id)
                .join(experiments)
                .where(experiments.c.name == name)
                .order_by(runs.c.run_id)
            ).scalars()
        )
        if not of_experiment:
            found[queries.resolve(connection, name)] = None
            continue
        if connection.execute(select(runs.c.run_id).where(runs.c.run_id == name)).first():
            raise CannotForget(f"'{name}' is both an experiment and a run: name its runs")
        found |= dict.fromkeys(of_experiment)
    return list(found)


def of_host(connection: Connection, host: str) -> list[str]:
    """Every run of a host."""
    query = select(runs.c.run_id).where(runs.c.host == host).order_by(runs.c.run_id)
    return list(connection.execute(query).scalars())


def require_ended(connection: Connection, run_ids: Sequence[str]) -> None:
    """Raises CannotForget, with those that wait or go on."""
    goes_on = [
        row.run_id
        for part in _parts(run_ids)
        for row in connection.execute(
            select(runs.c.run_id).where(runs.c.run_id.in_(part), runs.c.state.in_(_OPEN))
        )
    ]
    if goes_on:
        more = f" and {len(goes_on) - 5} more" if len(goes_on) > 5 else ""
        raise CannotForget(
            f"{', '.join(goes_on[:5])}{more} {'has' if len(goes_on) == 1 else 'have'} not ended: "
            "`headstart cancel` first"
        )


def what_is_lost(connection: Connection, run_ids: Sequence[str]) -> Lost:
    """Of these runs."""
    of_results, stored = 0, 0
    names: set[str] = set()
    on: set[str] = set()
    for part in _parts(run_ids):
        query = select(func.count()).select_from(results).where(results.c.run_id.in_(part))
        of_results += connection.execute(query).scalar_one()
        rows = connection.execute(
            select(runs.c.host, runs.c.stored_bytes, experiments.c.name)
            .join(experiments)
            .where(runs.c.run_id.in_(part))
        )
        for row in rows:
            stored += row.stored_bytes
            names.add(row.name)
            on.add(row.host)
    return Lost(list(run_ids), of_results, stored, sorted(names), sorted(on))


def forget(connection: Connection, run_ids: Sequence[str]) -> None:
    """All of it, in the caller's transaction; their raw records were pruned before."""
    for part in _parts(run_ids):
        _forget(connection, part)
    # The write-ahead log still has it.
    connection.info[stored_values.FORGOTTEN] = True


def _forget(connection: Connection, part: Sequence[str]) -> None:
    which = select(runs.c.experiment_id).where(runs.c.run_id.in_(part)).distinct()
    of_experiments = list(connection.execute(which).scalars())
    connection.execute(
        delete(shifts).where(shifts.c.since_run_id.in_(part) | shifts.c.found_by_run_id.in_(part))
    )
    connection.execute(
        update(shifts).where(shifts.c.rerun_run_id.in_(part)).values(rerun_run_id="")
    )
    for run_id in part:
        # What came after the last of it was pruned.
        while records.prune(connection, run_id, 1.0):
            pass
    tables: tuple[Any, ...] = (judged, points, results, batches, runs)
    for table in tables:
        connection.execute(delete(table).where(table.c.run_id.in_(part)))
    left = select(runs.c.experiment_id)
    connection.execute(
        delete(experiments).where(
            experiments.c.id.in_(of_experiments), experiments.c.id.not_in(left)
        )
    )


def _parts(run_ids: Sequence[str]) -> list[Sequence[str]]:
    return [run_ids[start : start + _AT_ONCE] for start in range(0, len(run_ids), _AT_ONCE)]
