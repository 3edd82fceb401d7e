"""Attempts that are told from those of a later state of the store, which is no more.

A store that is set back to an earlier state gave out attempts that it does not know of, and
agents may still have records of them. The next attempt at a run gets a number that none of them
can have: they would be taken for records of it. It is drawn by lot, since the same state may come
back more than once, and nothing in it tells one time from another.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, or_, select, update

from headstart.collector.store.tables import runs
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Attempt

# More than a run has attempts within the life of a store.
_STEP = 1000
# Of two stores that were set back to the same state, one in so many gives out what the other did.
_STEPS = 10_000
# Agents and stores hold numbers of 31 bits.
_LARGEST = 1 << 30

_QUEUED = RunState.RUN_STATE_QUEUED


def _may_be_given_to(host: str) -> ColumnElement[bool]:
    """Runs that are a host's, or wait for any of several of which it is one."""
    return or_(runs.c.host == host, runs.c.candidates.contains(f"\n{host}\n", autoescape=True))


def after_restore(path: Path) -> None:
    """In a store of any version that no collector has: for all runs that wait. sqlite3.Error."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(
                f"UPDATE runs SET attempt = (attempt / {_STEP} + ?) * {_STEP} "  # noqa: S608
                "WHERE state = ? AND attempt < ?",
                (_steps(), int(_QUEUED), _LARGEST),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def after_hello(connection: Connection, host: str, held: Sequence[Attempt]) -> None:
    """For the runs that wait for a host, or for one of several of which it is one.

    `held`: what its agent has, above which the next attempts are.
    """
    for run_id, attempt in _unheard_of(connection, host, held).items():
        if attempt < _LARGEST:
            again = (attempt // _STEP + _steps()) * _STEP
            waits = (runs.c.run_id == run_id) & (runs.c.state == _QUEUED)
            connection.execute(update(runs).where(waits).values(attempt=again))
    connection.execute(
        update(runs)
        .where(
            runs.c.state == _QUEUED,
            runs.c.attempt < _LARGEST,
            # Else none was given out since the last time.
            or_(runs.c.attempt == 0, runs.c.attempt % _STEP != 0),
            _may_be_given_to(host),
        )
        .values(attempt=(runs.c.attempt.op("/")(_STEP) + _steps()) * _STEP)
    )


def _steps() -> int:
    return 1 + secrets.randbelow(_STEPS)


def unheard_of(connection: Connection, host: str, held: Sequence[Attempt]) -> bool:
    """Whether an agent has an attempt that was not given out yet, by what is stored."""
    return bool(_unheard_of(connection, host, held))


def _unheard_of(connection: Connection, host: str, held: Sequence[Attempt]) -> dict[str, int]:
    """The newest of each run that has some."""
    newest = {each.run_id: each.attempt for each in sorted(held, key=lambda each: each.attempt)}
    if not newest:
        return {}
    rows = connection.execute(
        select(runs.c.run_id, runs.c.attempt).where(
            runs.c.run_id.in_(newest), _may_be_given_to(host)
        )
    )
    return {row.run_id: newest[row.run_id] for row in rows if newest[row.run_id] > row.attempt}
