"""The audit in the store: who did what, bounded by age and number."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from headstart.collector.store.tables import audit
from headstart.v1.access_pb2 import AuditEntry as AuditMessage

# What is cut where it is longer: a caller chooses some of it.
_LONGEST = {"who": 253, "role": 40, "serial": 64, "peer": 100, "action": 60, "object": 400}
_LONGEST_DETAIL = 1000
# The outcome of what was refused.
DENIED = "denied"


@dataclass(frozen=True)
class AuditBounds:
    """What is kept; the oldest goes first.

    Apart, or whoever is refused often enough would wash away what was done.
    """

    entries: int = 100_000
    denied: int = 20_000
    age_seconds: float = 400 * 86400.0


@dataclass(frozen=True)
class Entry:
    """One line: who, from where, what, on which object, how it ended."""

    time_seconds: float
    who: str
    role: str
    serial: str
    peer: str
    action: str
    object: str
    outcome: str
    detail: str = ""
    times: int = 1


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Store entries."""
    connection.execute(insert(audit), [_bounded(entry) for entry in entries])


def prune(connection: Connection, now: float | None, bounds: AuditBounds) -> None:
    """Delete what is too old or too many."""
    if now is not None:
        connection.execute(delete(audit).where(audit.c.time_seconds < now - bounds.age_seconds))
    is_denied = audit.c.outcome == DENIED
    for kind, most in ((~is_denied, bounds.entries), (is_denied, bounds.denied)):
        newest_gone = select(audit.c.id).where(kind).order_by(audit.c.id.desc())
        last = connection.execute(newest_gone.offset(most).limit(1)).scalar()
        if last is not None:
            connection.execute(delete(audit).where(kind, audit.c.id <= last))


def _bounded(entry: Entry) -> dict[str, object]:
    values = asdict(entry)
    for name, most in _LONGEST.items():
        values[name] = values[name][:most]
    values["detail"] = values["detail"][:_LONGEST_DETAIL]
    return values


def newest(connection: Connection, since: float, who: str, limit: int) -> list[AuditMessage]:
    """Entries since a time, of one caller or of all, the newest first."""
    query = select(audit).where(audit.c.time_seconds >= since)
    if who:
        query = query.where(audit.c.who == who)
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(limit))
    return [AuditMessage(**{k: v for k, v in row._mapping.items() if k != "id"}) for row in rows]
