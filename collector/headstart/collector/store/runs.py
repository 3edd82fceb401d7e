"""Runs in the store: the states that one can be in, and what a transition makes of it."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from headstart.collector.store.tables import hosts, runs
from headstart.v1.experiments_pb2 import RunState

QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
DONE = RunState.RUN_STATE_DONE
FAILED = RunState.RUN_STATE_FAILED
CANCELLED = RunState.RUN_STATE_CANCELLED
LOST = RunState.RUN_STATE_LOST
INCOMPLETE = RunState.RUN_STATE_INCOMPLETE
ENDED = (DONE, FAILED, CANCELLED, LOST, INCOMPLETE)

# What a run keeps of its host, for the parameter `of_host`.
FACTS_OF_HOST = select(hosts.c.facts).where(hosts.c.host == bindparam("of_host")).scalar_subquery()


@dataclass(frozen=True)
class Change:
    """What a transition made of a run."""

    run_id: str
    host: str
    attempt: int
    state: RunState.ValueType
    reason: str = ""
    # Since the attempt was leased.
    seconds: float = 0.0


def counts(connection: Connection) -> dict[RunState.ValueType, int]:
    """How many runs are in each state that has any."""
    rows = connection.execute(
        select(runs.c.state, func.count().label("number")).group_by(runs.c.state)
    )
    return {row.state: row.number for row in rows}
