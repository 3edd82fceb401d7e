"""Which batches of a group are stored: those of attempts that count at that moment.

Decided in the transaction that stores them, so that nothing comes between an attempt's
end and its last record.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from headstart.collector.store_runs import Change, Standing
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RecordKind, RunOutcome

_OUTCOME = RecordKind.RECORD_KIND_RUN_OUTCOME


class StoreFault(Exception):
    """The store could not make something durable; nothing of the group counts."""


class StoreClosed(StoreFault):
    """The collector stops: trying again changes nothing."""


@dataclass
class Appended:
    """A group became durable: what one `Append` of it led to."""

    # Batches that were stored.
    batches: int = 0
    # Runs that its terminal records, or what spoiled them, ended.
    ended: list[Change] = field(default_factory=list)
    spoiled: list[tuple[Attempt, str]] = field(default_factory=list)
    # Batches that were dropped, by run and attempt: they do not count any more.
    fenced: Counter[tuple[str, int]] = field(default_factory=Counter)
    fault: StoreFault | None = None


@dataclass(frozen=True)
class Spoil:
    """A record that was refused at its place in the stream: its run ends there, FAILED."""

    sequence: int
    attempt: Attempt
    reason: str


@dataclass
class Append:
    """Batches of one stream in sequence, all or none durable.

    Of an attempt that is not its run's current one, or whose run has ended, nothing is stored.
    """

    stream_id: str
    rows: list[dict[str, Any]]
    # The stream's watermark once these are durable.
    upto: int
    # Terminal records among the rows: they change a run's state in the same transaction.
    outcomes: list[tuple[Attempt, RunOutcome]]
    # Called in the event loop.
    done: Callable[[Appended], None]
    payload_bytes: int = 0
    spoils: list[Spoil] = field(default_factory=list)


@dataclass
class Admitted:
    """What of an `Append` counts."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[tuple[Attempt, RunOutcome]] = field(default_factory=list)
    spoils: list[Spoil] = field(default_factory=list)
    fenced: Counter[tuple[str, int]] = field(default_factory=Counter)


def admit(append: Append, standings: Mapping[str, Standing]) -> Admitted:
    """Sort a stream's batches in their order; `standings` then say what ended on the way."""
    admitted = Admitted()
    outcomes = {(a.run_id, a.attempt): outcome for a, outcome in append.outcomes}
    entries: list[dict[str, Any]] = append.rows
    if append.spoils:
        entries = sorted([*entries, *map(_as_row, append.spoils)], key=itemgetter("sequence"))
    for row in entries:
        run_id, attempt = row["run_id"], row["attempt"]
        standing = standings.get(run_id)
        if standing is None or not standing.takes(attempt):
            admitted.fenced[run_id, attempt] += 1
        elif spoil := row.get("spoil"):
            admitted.spoils.append(spoil)
            standing.open = False
        else:
            admitted.rows.append(row)
            if row["kind"] == _OUTCOME and (outcome := outcomes.get((run_id, attempt))):
                admitted.outcomes.append((Attempt(run_id=run_id, attempt=attempt), outcome))
                standing.open = False
    return admitted


def _as_row(spoil: Spoil) -> dict[str, Any]:
    return {
        "sequence": spoil.sequence,
        "run_id": spoil.attempt.run_id,
        "attempt": spoil.attempt.attempt,
        "spoil": spoil,
    }
