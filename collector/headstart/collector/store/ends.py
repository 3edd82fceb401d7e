"""How a run ends: by its terminal record, with its lease, or because that was asked for.

Every function works on the caller's connection and within its transaction, so
that what belongs together is committed together.
"""

import logging
from typing import Any

from sqlalchemy import Connection, Row, select, update

from headstart.collector.store import completeness, stored_values
from headstart.collector.store.end_order import NOT_ENDED, ended_at
from headstart.collector.store.queries import NoSuchRun
from headstart.collector.store.queue import as_column, of_column
from headstart.collector.store.runs import (
    CANCELLED,
    DONE,
    ENDED,
    FAILED,
    INCOMPLETE,
    LEASED,
    LOST,
    QUEUED,
    Change,
)
from headstart.collector.store.tables import runs
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RunOutcome, RunStatus

log = logging.getLogger(__name__)

# A run is tried three times in all, then it is LOST: what kills an agent twice
# more kills it again.
MAXIMUM_LOSSES = 2
# Nothing is wrong with a run that is given back, but an agent that is restarted all the time
# must not keep it for ever.
MAXIMUM_RETURNS = 10

_STATE_OF_OUTCOME = {
    RunStatus.RUN_STATUS_DONE: DONE,
    RunStatus.RUN_STATUS_FAILED: FAILED,
    RunStatus.RUN_STATUS_CANCELLED: CANCELLED,
}


def lose(
    connection: Connection, attempt: Attempt, reason: str, now: float, counted: bool = True
) -> Change | None:
    """End a lease without a terminal record; None when the attempt was not leased.

    The run is queued again, or CANCELLED if that was asked for, or LOST when it
    was lost too often. `counted` is false for a lease that never reached its agent.
    """
    row = connection.execute(
        select(runs).where(
            runs.c.run_id == attempt.run_id,
            runs.c.attempt == attempt.attempt,
            runs.c.state == LEASED,
        )
    ).first()
    if row is None:
        return None
    losses = row.losses + counted
    again = losses <= MAXIMUM_LOSSES and not _is_forgotten(connection, row)
    state = CANCELLED if row.cancel_requested else QUEUED if again else LOST
    words = {
        CANCELLED: row.reason,
        QUEUED: f"attempt {row.attempt} was lost: {reason}",
        LOST: f"lost {losses} times, last: {reason}",
    }
    connection.execute(
        update(runs)
        .where(runs.c.run_id == row.run_id)
        .values(
            state=state,
            losses=losses,
            reason=words[state],
            **(NOT_ENDED if state == QUEUED else ended_at(connection, now)),
            # Its agent may come back with records of it: nobody else can have it.
            candidates="" if counted else row.candidates,
        )
    )
    _forget_values(connection, row)
    return _ended(row, state, words[state], now)


def finish(
    connection: Connection, attempt: Attempt, outcome: RunOutcome, now: float
) -> Change | None:
    """End a run by its terminal record; None when it is not of the current attempt.

    Its records are stored before. One that is DONE and of which not all is there is INCOMPLETE.
    """
    row = connection.execute(
        select(runs).where(
            runs.c.run_id == attempt.run_id,
            runs.c.attempt == attempt.attempt,
            runs.c.attempt > 0,
            runs.c.state.in_((QUEUED, LEASED, LOST)),
        )
    ).first()
    if row is None:
        return None
    if outcome.status == RunStatus.RUN_STATUS_RETURNED:
        return _take_back(connection, row, outcome.reason, now)
    # An unknown status is a newer agent's; that it did not end well is all we know.
    state = _STATE_OF_OUTCOME.get(outcome.status, FAILED)
    reason = outcome.reason
    if state == CANCELLED and row.cancel_requested:
        reason = outcome.reason or row.reason
    if state == DONE and (missing := completeness.missing(connection, attempt, outcome)):
        state, reason = INCOMPLETE, missing
        log.error("run %s, attempt %d: %s", attempt.run_id, attempt.attempt, missing)
    connection.execute(
        update(runs)
        .where(runs.c.run_id == row.run_id)
        .values(state=state, reason=reason, **ended_at(connection, now))
    )
    _forget_values(connection, row)
    return _ended(row, state, reason, now)


def fail(connection: Connection, attempt: Attempt, reason: str, now: float) -> Change | None:
    """End a run for what its agent sent; None when the attempt is not current or it has ended."""
    return finish(
        connection, attempt, RunOutcome(status=RunStatus.RUN_STATUS_FAILED, reason=reason), now
    )


def cancel(
    connection: Connection, run_id: str, reason: str, now: float, *, only_queued: bool = False
) -> Change | None:
    """Ask for the end of a run; a queued one ends at once. None: it has ended already.

    `only_queued`: None also for a run that an agent has.
    """
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
    if row is None:
        raise NoSuchRun(run_id)
    if row.state == QUEUED:
        state = CANCELLED
        connection.execute(
            update(runs)
            .where(runs.c.run_id == run_id)
            .values(
                state=state,
                cancel_requested=True,
                reason=reason,
                **ended_at(connection, now),
            )
        )
        _forget_values(connection, row)
        return _ended(row, state, reason, now)
    if row.state == LEASED and not only_queued:
        connection.execute(
            update(runs).where(runs.c.run_id == run_id).values(cancel_requested=True, reason=reason)
        )
        return Change(run_id, row.host, row.attempt, LEASED)
    return None


def end_all(connection: Connection, host: str, reason: str, now: float) -> list[Change]:
    """End what waits for a host and what it has; what others may have as well goes to them."""
    changes: list[Change] = []
    query = select(runs).where(runs.c.host == host, runs.c.state.in_((QUEUED, LEASED)))
    for row in connection.execute(query).all():
        others = [name for name in of_column(row.candidates) if name != host]
        if row.state == QUEUED and others:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == row.run_id)
                .values(host=others[0], candidates=as_column(others))
            )
            changes.append(Change(row.run_id, others[0], row.attempt, QUEUED))
            continue
        change = cancel(connection, row.run_id, reason, now)
        if change is not None and change.state == LEASED:
            attempt = Attempt(run_id=row.run_id, attempt=row.attempt)
            change = lose(connection, attempt, reason, now, counted=False)
        changes += [change] if change else []
    return changes


def _ended(row: Row[Any], state: RunState.ValueType, reason: str, now: float) -> Change:
    seconds = now - row.started_seconds if row.started_seconds else 0.0
    return Change(row.run_id, row.host, row.attempt, state, reason, seconds)


def _forget_values(connection: Connection, row: Row[Any]) -> None:
    """Mask what secret values a run's file stated, once no run of it is to be made."""
    ours = runs.c.experiment_id == row.experiment_id
    if not connection.execute(
        select(runs.c.run_id).where(ours, runs.c.state.not_in(ENDED)).limit(1)
    ).first():
        stored_values.forget(connection, row.experiment_id)


def _is_forgotten(connection: Connection, row: Row[Any]) -> bool:
    """Whether another attempt would run with masked values."""
    return stored_values.is_forgotten(connection, row.experiment_id)


def _take_back(connection: Connection, row: Row[Any], reason: str, now: float) -> Change:
    """Queue a run again that its agent gave back: no loss, but not for ever."""
    returns = row.returns + 1
    again = returns <= MAXIMUM_RETURNS and not _is_forgotten(connection, row)
    state = CANCELLED if row.cancel_requested else QUEUED if again else LOST
    words = {
        CANCELLED: row.reason,
        QUEUED: f"attempt {row.attempt} was given back: {reason}",
        LOST: f"given back {returns} times, last: {reason}",
    }
    connection.execute(
        update(runs)
        .where(runs.c.run_id == row.run_id)
        .values(
            state=state,
            returns=returns,
            reason=words[state],
            **(NOT_ENDED if state == QUEUED else ended_at(connection, now)),
        )
    )
    _forget_values(connection, row)
    return _ended(row, state, words[state], now)
