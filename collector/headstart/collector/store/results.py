"""Results of ended runs: a RunResult as JSON, or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from headstart.collector.store.tables import experiments, results, runs
from headstart.v1.experiments_pb2 import RunState
from headstart.words.experiment_names import AA_SUFFIX

# Of A/A runs in a row that were too short to tell anything, more are not looked through.
_AA_RUNS = 3


@dataclass(frozen=True)
class StoredResult:
    """`fault` set: the analysis failed, and `result_json` is empty."""

    run_id: str
    attempt: int
    result_json: str
    fault: str


def put(connection: Connection, result: StoredResult, now: float) -> None:
    """Store a result; an earlier one of the run is replaced."""
    connection.execute(delete(results).where(results.c.run_id == result.run_id))
    connection.execute(
        insert(results).values(
            run_id=result.run_id,
            attempt=result.attempt,
            result_json=result.result_json,
            fault=result.fault,
            analysed_seconds=now,
        )
    )


def get(connection: Connection, run_id: str) -> StoredResult | None:
    """The result of a run, if its analysis is over."""
    row = connection.execute(select(results).where(results.c.run_id == run_id)).first()
    if row is None:
        return None
    return StoredResult(row.run_id, row.attempt, row.result_json, row.fault)


def missing(connection: Connection) -> list[str]:
    """Runs that ended with records and were not analysed: the collector stopped before."""
    query = (
        select(runs.c.run_id)
        .outerjoin(results, results.c.run_id == runs.c.run_id)
        .where(
            runs.c.ended_seconds > 0,
            runs.c.attempt > 0,
            runs.c.pruned_seconds == 0,
            (results.c.run_id.is_(None)) | (results.c.attempt != runs.c.attempt),
        )
        .order_by(runs.c.end_order)
    )
    return list(connection.execute(query).scalars())


def latest_aa(connection: Connection, run_id: str) -> list[str]:
    """The results of A/A runs that went to their end on the host of a run, as JSON.

    The newest first, and no more than a few: what tells nothing is passed over.
    """
    host = select(runs.c.host).where(runs.c.run_id == run_id).scalar_subquery()
    query = (
        select(results.c.result_json)
        .join(runs, runs.c.run_id == results.c.run_id)
        .join(experiments, experiments.c.id == runs.c.experiment_id)
        .where(
            runs.c.host == host,
            runs.c.state == RunState.RUN_STATE_DONE,
            results.c.fault == "",
            experiments.c.name.endswith(AA_SUFFIX, autoescape=True),
        )
        .order_by(runs.c.end_order.desc())
        .limit(_AA_RUNS)
    )
    return list(connection.execute(query).scalars())


def places(connection: Connection, run_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The experiment and the host of each of these runs that there is."""
    query = select(runs.c.run_id, runs.c.host, experiments.c.name).join(experiments)
    found = {}
    for start in range(0, len(run_ids), 500):
        part = run_ids[start : start + 500]
        for row in connection.execute(query.where(runs.c.run_id.in_(part))):
            found[row.run_id] = (row.name, row.host)
    return found


def newest(connection: Connection) -> list[tuple[str, str, str]]:
    """Experiment, host and run of every good result, the newest first."""
    query = (
        select(experiments.c.name, runs.c.host, results.c.run_id)
        .select_from(results)
        .join(runs, runs.c.run_id == results.c.run_id)
        .join(experiments, experiments.c.id == runs.c.experiment_id)
        .where(results.c.fault == "", runs.c.state != RunState.RUN_STATE_INCOMPLETE)
        .order_by(runs.c.end_order.desc())
    )
    return [(row.name, row.host, row.run_id) for row in connection.execute(query)]


def latest(connection: Connection) -> list[str]:
    """The runs with the newest good result of every experiment on every host, newest first."""
    of_each: dict[tuple[str, str], str] = {}
    for name, host, run_id in newest(connection):
        of_each.setdefault((name, host), run_id)
    return list(of_each.values())
