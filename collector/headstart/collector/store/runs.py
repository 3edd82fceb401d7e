"""Runs in the store: the queue, the leases' durable half, and how a run ends.

Every function works on the caller's connection and within its transaction, so
that what belongs together is committed together.
"""

import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from headstart.collector.store import (
    completeness,
    host_changes,
    records as store_records,
    stored_values,
)
from headstart.collector.store.end_order import NOT_ENDED, ended_at
from headstart.collector.store.queries import NoSuchRun, bounds_on
from headstart.collector.store.queue import (
    PLAIN,
    Wish,
    as_column,
    next_queued,
    of_column,
    require_free,
)
from headstart.collector.store.record_bounds import Bounds
from headstart.collector.store.tables import experiments, hosts, runs
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Attempt, Progress
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

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
_FACTS = select(hosts.c.facts).where(hosts.c.host == bindparam("of_host")).scalar_subquery()
_LEASE = (
    update(runs)
    .where(runs.c.run_id == bindparam("which"))
    .values(
        {name: bindparam(f"to_{name}") for name in ("attempt", "stream_id", "started_seconds")}
        | {"host": bindparam("of_host"), "facts": _FACTS, "state": RunState.RUN_STATE_LEASED}
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

QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
DONE = RunState.RUN_STATE_DONE
FAILED = RunState.RUN_STATE_FAILED
CANCELLED = RunState.RUN_STATE_CANCELLED
LOST = RunState.RUN_STATE_LOST
INCOMPLETE = RunState.RUN_STATE_INCOMPLETE
ENDED = (DONE, FAILED, CANCELLED, LOST, INCOMPLETE)

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
# Crockford's base 32 without the letters that are mistaken for digits, lower case
# so that a run id may be part of a container's name.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class Leased:
    """A run that was just leased, for the Lease message."""

    run_id: str
    attempt: int
    experiment: Experiment
    # What its records may say.
    bounds: Bounds


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


def new_run_id(now: float) -> str:
    """UTC time to the second and four random letters: short, and sorted by time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{''.join(secrets.choice(_ALPHABET) for _ in range(4))}"


def submit(
    connection: Connection,
    experiment: Experiment,
    on_hosts: Sequence[str],
    now: float,
    wish: Wish = PLAIN,
) -> list[str]:
    """Store the experiment and one queued run for every host; the run ids. Raises HostsBusy."""
    if wish.unless_busy:
        require_free(connection, on_hosts)
    experiment_id = connection.execute(
        insert(experiments).values(
            name=experiment.name,
            revision=experiment.revision,
            source_text=experiment.source_text,
            experiment=experiment.SerializeToString(),
            submitted_seconds=now,
        )
    ).inserted_primary_key[0]  # type: ignore[index]  # a single-row insert always has one
    made = _unused_run_ids(connection, now, len(on_hosts))
    connection.execute(
        insert(runs).values(
            run_id=bindparam("which"),
            experiment_id=experiment_id,
            host=bindparam("of_host"),
            facts=_FACTS,
            state=QUEUED,
            attempt=0,
            losses=0,
            cancel_requested=False,
            reason="",
            submitted_seconds=now,
            started_seconds=0.0,
            **NOT_ENDED,
            progress=b"",
            pruned_seconds=0.0,
            priority=wish.priority,
            expires_seconds=wish.expires_seconds,
            candidates=as_column(wish.candidates),
        ),
        [{"which": which, "of_host": host} for which, host in zip(made, on_hosts, strict=True)],
    )
    return made


def log_submitted(run_id: str, experiment: Experiment, host: str, who: str) -> None:
    """Once the run is durable."""
    fields = with_fields(
        run=run_id, experiment=experiment.name, revision=experiment.revision, host=host, who=who
    )
    log.info("run submitted", extra=fields)


def _unused_run_ids(connection: Connection, now: float, number: int) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < number:
        more = {new_run_id(now) for _ in range(number - len(made))}
        taken = connection.execute(select(runs.c.run_id).where(runs.c.run_id.in_(more))).scalars()
        made |= dict.fromkeys(more.difference(taken))
    return list(made)


def counts(connection: Connection) -> dict[RunState.ValueType, int]:
    """How many runs are in each state that has any."""
    rows = connection.execute(
        select(runs.c.state, func.count().label("number")).group_by(runs.c.state)
    )
    return {row.state: row.number for row in rows}


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
    matches = (
        (runs.c.run_id == attempt.run_id)
        & (runs.c.attempt == attempt.attempt)
        & (runs.c.attempt > 0)
        & (runs.c.host == host)
    )
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
        connection.execute(update(runs).where(matches).values(stream_id=stream_id))
    if row.state != LEASED:
        connection.execute(
            update(runs)
            .where(matches)
            .values(
                state=LEASED,
                losses=max(0, row.losses - 1),
                reason=row.reason if row.cancel_requested else "",
                **NOT_ENDED,
            )
        )
    return Change(row.run_id, row.host, row.attempt, LEASED)


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
