"""Which batches of a group are stored: those of attempts that count at that moment.

Decided in the transaction that stores them, so that nothing comes between an attempt's
end and its last record.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from headstart.collector.config import Quotas
from headstart.collector.own_metrics import Refusal
from headstart.collector.store.runs import Change
from headstart.collector.store.standing import Standing
from headstart.collector.store.tables import ROW_BYTES
from headstart.collector.tasks import Unavailable
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RecordKind, RunOutcome

_OUTCOME = RecordKind.RECORD_KIND_RUN_OUTCOME


class StoreFault(Unavailable):
    """The store could not make something durable; nothing of the group counts."""


class StoreClosed(StoreFault):
    """The collector stops: trying again changes nothing."""


class StoreDamaged(StoreFault):
    """What is stored is damaged where it was to be read or changed: trying again is of no use."""


@dataclass(frozen=True)
class Spoil:
    """A record that was refused at its place in the stream: its run ends there, FAILED."""

    sequence: int
    attempt: Attempt
    reason: str
    refusal: Refusal


@dataclass
class Appended:
    """A group became durable: what one `Append` of it led to."""

    # Batches that were stored.
    batches: int = 0
    # Runs that its terminal records, or what spoiled them, ended.
    ended: list[Change] = field(default_factory=list)
    spoiled: list[Spoil] = field(default_factory=list)
    # Batches that were dropped, by run and attempt: they do not count any more.
    fenced: Counter[tuple[str, int]] = field(default_factory=Counter)
    fault: StoreFault | None = None


@dataclass
class Append:
    """Batches of one stream in sequence, all or none durable.

    Nothing is stored of an attempt that is not its run's current one, whose run has ended, or
    that another stream writes.
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
    # Envelope.mark of the record `upto`; 0: not known.
    mark: int = 0


@dataclass
class Admitted:
    """What of an `Append` counts."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[tuple[Attempt, RunOutcome]] = field(default_factory=list)
    spoils: list[Spoil] = field(default_factory=list)
    fenced: Counter[tuple[str, int]] = field(default_factory=Counter)


def admit(append: Append, standings: Mapping[str, Standing], quotas: Quotas) -> Admitted:
    """Sort a stream's batches in their order; `standings` then say what ended on the way."""
    keys = {(row["run_id"], row["attempt"]) for row in append.rows}
    if len(keys) == 1 and not append.outcomes and not append.spoils:
        # Samples, nearly always: all or none of them count.
        ((run_id, attempt),) = keys
        standing = standings.get(run_id)
        size = append.payload_bytes + ROW_BYTES * len(append.rows)
        if (
            standing
            and standing.takes(attempt, append.stream_id)
            and not _excess(standing, size, quotas)
        ):
            standing.add(size)
            return Admitted(append.rows)
    return _sorted_out(append, standings, quotas)


def _sorted_out(append: Append, standings: Mapping[str, Standing], quotas: Quotas) -> Admitted:
    admitted = Admitted()
    outcomes = {(a.run_id, a.attempt): outcome for a, outcome in append.outcomes}
    entries: list[dict[str, Any]] = append.rows
    if append.spoils:
        entries = sorted([*entries, *map(_as_row, append.spoils)], key=itemgetter("sequence"))
    for row in entries:
        run_id, attempt = row["run_id"], row["attempt"]
        standing = standings.get(run_id)
        if standing is None or not standing.takes(attempt, append.stream_id):
            admitted.fenced[run_id, attempt] += 1
            continue
        spoil = row.get("spoil")
        outcome = outcomes.get((run_id, attempt)) if row.get("kind") == _OUTCOME else None
        if not spoil:
            size = len(row["payload"]) + ROW_BYTES
            # The end of a run is small, and says more than another sample.
            if outcome is None and (excess := _excess(standing, size, quotas)):
                key = Attempt(run_id=run_id, attempt=attempt)
                spoil = Spoil(row["sequence"], key, excess, Refusal.QUOTA)
            else:
                standing.add(size)
                admitted.rows.append(row)
        if spoil:
            admitted.spoils.append(spoil)
        if outcome is not None:
            admitted.outcomes.append((Attempt(run_id=run_id, attempt=attempt), outcome))
        standing.open = not spoil and outcome is None
    return admitted


def _excess(standing: Standing, size: int, quotas: Quotas) -> str:
    """Why so many bytes more are too many; empty: they are not."""
    if standing.of_run.room(quotas.run_bytes) < size:
        return (
            f"its records need more than the {quotas.run_bytes} bytes that a run may store here "
            "(--run-bytes of the collector)"
        )
    if standing.of_host.room(quotas.agent_bytes) < size:
        return (
            f"the raw records of host {standing.host} need more than the {quotas.agent_bytes} "
            "bytes that an agent may store here (--agent-bytes of the collector; "
            "--keep-samples-days and --store-bytes delete the oldest)"
        )
    return ""


def _as_row(spoil: Spoil) -> dict[str, Any]:
    return {
        "sequence": spoil.sequence,
        "run_id": spoil.attempt.run_id,
        "attempt": spoil.attempt.attempt,
        "spoil": spoil,
    }
