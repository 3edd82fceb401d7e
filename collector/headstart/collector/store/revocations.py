"""Whose certificates are refused, and whose were seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update

from headstart.collector.store.identity_tables import certificates, tokens
from headstart.collector.store.statements import insert_new, insert_or_update
from headstart.collector.store.tables import identities, revoked

# Who was seen longest ago makes room.
_MOST_IDENTITIES = 10_000


@dataclass(frozen=True)
class Revocation:
    """One of both is empty: a serial number, or a name that certificates have."""

    serial: str
    name: str
    reason: str
    by: str
    revoked_seconds: float


@dataclass(frozen=True)
class Seen:
    """A certificate that somebody showed."""

    serial: str
    name: str
    role: str
    own: bool
    expires_seconds: float
    first_seen_seconds: float
    last_seen_seconds: float


def revocations(connection: Connection) -> list[Revocation]:
    """All that hold, the oldest first."""
    rows = connection.execute(select(revoked).order_by(revoked.c.revoked_seconds))
    return [Revocation(**row._mapping) for row in rows]


def reason_of(connection: Connection, name: str) -> str:
    """Why a name, or a certificate of it, was revoked last; empty: nobody said."""
    found = select(revoked.c.reason).where(revoked.c.name == name, revoked.c.reason != "")
    latest = found.order_by(revoked.c.revoked_seconds.desc()).limit(1)
    return str(connection.execute(latest).scalar() or "")


def revoke(
    connection: Connection, entries: Sequence[Revocation], *, is_reason_new: bool = False
) -> None:
    """Store revocations; one that there is already stays as it is, but for a new reason."""
    for entry in entries:
        if is_reason_new:
            said = insert_or_update(connection, revoked, "by", "revoked_seconds")
            connection.execute(said, vars(entry))
        else:
            connection.execute(insert_new(connection, revoked).values(**vars(entry)))
        if not entry.serial:
            # Nor is anybody let in anew by what was made for the name before.
            connection.execute(
                update(tokens)
                .where(tokens.c.name == entry.name, tokens.c.revoked_seconds == 0.0)
                .values(revoked_seconds=entry.revoked_seconds)
            )
        else:
            of_serial = certificates.c.serial == entry.serial
            connection.execute(
                update(certificates)
                .where(of_serial, certificates.c.revoked_at.is_(None))
                .values(revoked_at=entry.revoked_seconds)
            )


def take_back(connection: Connection, name: str, serials: Iterable[str]) -> int:
    """Forget the revocations of a name and of these serial numbers; how many there were."""
    numbers = list(serials)
    of_serials = revoked.c.serial.in_(numbers) & (revoked.c.serial != "")
    gone = delete(revoked).where(of_serials | ((revoked.c.name == name) & (revoked.c.serial == "")))
    if not name:
        gone = delete(revoked).where(of_serials)
    connection.execute(
        update(certificates).where(certificates.c.serial.in_(numbers)).values(revoked_at=None)
    )
    return connection.execute(gone).rowcount


def serials_of(connection: Connection, name: str) -> list[str]:
    """Serial numbers of the own authority's certificates of a name, shown so far or not."""
    issued = select(certificates.c.serial).where(certificates.c.name == name)
    shown = select(identities.c.serial).where(identities.c.name == name, identities.c.own)
    return sorted({*connection.scalars(issued), *connection.scalars(shown)})


def name_of(connection: Connection, serial: str) -> str:
    """Whose certificate it is; empty: nobody was seen with it, or given it."""
    for table in (identities, certificates):
        of_serial = select(table.c.name).where(table.c.serial == serial).limit(1)
        if (found := connection.execute(of_serial).scalar()) is not None:
            return str(found)
    return ""


def is_known(connection: Connection, name: str) -> bool:
    """Whether somebody of this name was seen, or given a certificate."""
    return any(
        connection.execute(select(table.c.name).where(table.c.name == name).limit(1)).first()
        for table in (identities, certificates)
    )


def note_seen(connection: Connection, seen: Sequence[Seen]) -> None:
    """Store who was there; whoever was before keeps the first time."""
    if not seen:
        return
    later = insert_or_update(connection, identities, "first_seen_seconds")
    connection.execute(later, [vars(each) for each in seen])
    count = connection.execute(select(func.count()).select_from(identities)).scalar_one()
    if count > _MOST_IDENTITIES:
        oldest = (
            select(identities.c.serial)
            .order_by(identities.c.last_seen_seconds)
            .limit(count - _MOST_IDENTITIES)
        )
        connection.execute(delete(identities).where(identities.c.serial.in_(oldest)))


def seen(connection: Connection) -> list[Seen]:
    """Everybody by name, those who were given a certificate and never showed it too."""
    shown = [Seen(**row._mapping) for row in connection.execute(select(identities))]
    known = {each.serial for each in shown}
    issued = [
        Seen(row.serial, row.name, row.role, True, row.expires_seconds, 0.0, 0.0)
        for row in connection.execute(select(certificates))
        if row.serial not in known
    ]
    return sorted([*shown, *issued], key=lambda each: (each.name, each.expires_seconds))
