"""What the store says of runs, for people, reports and analysis; nothing here writes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, tuple_

from headstart.collector.findings.run_info import RunInfo
from headstart.collector.store.queue import of_column
from headstart.collector.store.record_bounds import Bounds, bounds_of
from headstart.collector.store.tables import experiments, former_names, results, runs
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import RunState, RunSummary
from headstart.v1.fleet_pb2 import Progress
from headstart.v1.host_pb2 import HostFacts

LONGEST_RUN_ID = 40

# Made once: a thousand agents that come back ask a thousand times.
_OF_RUN = (
    select(runs.c.host, experiments.c.experiment)
    .join(experiments)
    .where(runs.c.run_id == bindparam("of_run"))
)
_FORMER = select(former_names.c.former).where(former_names.c.host == bindparam("of_host"))


class NoSuchRun(Exception):
    """No run, or more than one, has this id or begins with it."""

    def __init__(self, run_id: str, candidates: Sequence[str] = ()) -> None:
        super().__init__(
            f"'{run_id}' is the beginning of {len(candidates)} runs: {', '.join(candidates)}"
            if candidates
            else f"there is no run '{run_id}'"
        )
        self.candidates = tuple(candidates)


def _runs() -> Select[Any]:
    return (
        select(
            runs,
            experiments.c.name,
            experiments.c.revision,
            func.coalesce(results.c.fault, "").label("fault"),
        )
        .join(experiments)
        .outerjoin(results, results.c.run_id == runs.c.run_id)
    )


def _summary(row: Row[Any]) -> RunSummary:
    facts = HostFacts.FromString(row.facts)
    fault = f"analysis failed: {row.fault}" if row.fault else ""
    return RunSummary(
        run_id=row.run_id,
        experiment=row.name,
        host=row.host,
        fingerprint=facts.fingerprint,
        revision=row.revision,
        state=row.state,
        attempt=row.attempt,
        submitted_time_seconds=row.submitted_seconds,
        started_time_seconds=row.started_seconds,
        ended_time_seconds=row.ended_seconds,
        reason="; ".join(part for part in (row.reason, fault) if part),
        progress=Progress.FromString(row.progress),
        priority=row.priority,
        expires_time_seconds=row.expires_seconds,
        candidates=of_column(row.candidates) if row.state == RunState.RUN_STATE_QUEUED else (),
    )


def resolve(connection: Connection, prefix: str) -> str:
    """The full id of a run; raises NoSuchRun."""
    if not 0 < len(prefix) <= LONGEST_RUN_ID:
        raise NoSuchRun(prefix[:LONGEST_RUN_ID])
    found = connection.execute(
        select(runs.c.run_id)
        .where(runs.c.run_id.startswith(prefix, autoescape=True))
        .order_by(runs.c.run_id)
        .limit(11)
    ).scalars()
    ids = list(found)
    if prefix in ids:
        return prefix
    if len(ids) != 1:
        raise NoSuchRun(prefix, ids)
    return str(ids[0])


def summary(connection: Connection, run_id: str) -> RunSummary:
    """One run by its full id; raises NoSuchRun."""
    row = connection.execute(_runs().where(runs.c.run_id == run_id)).first()
    if row is None:
        raise NoSuchRun(run_id)
    return _summary(row)


def summaries_of(connection: Connection, run_ids: Sequence[str]) -> list[RunSummary]:
    """These runs by id; one that is gone raises NoSuchRun."""
    rows = connection.execute(_runs().where(runs.c.run_id.in_(run_ids)).order_by(runs.c.run_id))
    found = [_summary(row) for row in rows]
    if gone := set(run_ids) - {run.run_id for run in found}:
        raise NoSuchRun(min(gone))
    return found


def summaries(
    connection: Connection,
    experiment: str = "",
    host: str = "",
    states: Sequence[int] = (),
    limit: int = 100,
    before: str = "",
) -> tuple[list[RunSummary], int]:
    """The newest runs first, and how many are older than these; empty arguments select all.

    `before`: only those older than this run, by its full id. Raises NoSuchRun.
    """
    wanted = []
    if experiment:
        wanted.append(experiments.c.name == experiment)
    if host:
        wanted.append(runs.c.host == host)
    if states:
        wanted.append(runs.c.state.in_(states))
    if before:
        place = select(runs.c.experiment_id, runs.c.run_id).where(runs.c.run_id == before)
        if (row := connection.execute(place).first()) is None:
            raise NoSuchRun(before)
        wanted.append(tuple_(runs.c.experiment_id, runs.c.run_id) < tuple_(*row))
    query = _runs().where(*wanted).order_by(runs.c.experiment_id.desc(), runs.c.run_id.desc())
    found = [_summary(row) for row in connection.execute(query.limit(limit))]
    if len(found) < limit:
        return found, 0
    count = select(func.count()).select_from(runs.join(experiments)).where(*wanted)
    return found, int(connection.execute(count).scalar_one()) - len(found)


def info(connection: Connection, run_id: str) -> RunInfo:
    """All that analysis needs besides the records; raises NoSuchRun."""
    row = connection.execute(
        select(runs, experiments.c.experiment).join(experiments).where(runs.c.run_id == run_id)
    ).first()
    if row is None:
        raise NoSuchRun(run_id)
    return RunInfo(
        run_id=row.run_id,
        attempt=row.attempt,
        experiment=Experiment.FromString(row.experiment),
        host=HostFacts.FromString(row.facts),
        state=row.state,
        reason=row.reason,
        started_time_seconds=row.started_seconds,
        ended_time_seconds=row.ended_seconds,
    )


def pruned_seconds(connection: Connection, run_id: str) -> float:
    """When the last raw batches of a run were deleted, in Unix time; 0: they were not."""
    query = select(runs.c.pruned_seconds).where(runs.c.run_id == run_id)
    return float(connection.execute(query).scalar() or 0.0)


def bounds(connection: Connection, run_id: str) -> Bounds | None:
    """What the records of a run may say; None when the store does not know the run."""
    row = connection.execute(_OF_RUN, {"of_run": run_id}).first()
    if row is None:
        return None
    return bounds_on(connection, row.host, Experiment.FromString(row.experiment))


def bounds_on(connection: Connection, host: str, experiment: Experiment) -> Bounds:
    """The bounds of an experiment's run on a host, which may have had other names."""
    return bounds_of(host, experiment, connection.execute(_FORMER, {"of_host": host}).scalars())
