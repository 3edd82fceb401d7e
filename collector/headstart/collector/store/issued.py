"""Certificates of the collector's own authority in the store: to whom, until when, for what."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, insert, select

from headstart.collector.store.identity_tables import certificates

# After its end nobody can show one; what it was given for is kept for so long.
_KEPT_SECONDS = 90 * 86400.0
_HOUR = 3600.0
# Certificates that somebody gets in an hour, beside those that renewals make of a short life:
# two in each, and as many again for a host that is set up anew or set back.
_MOST_IN_AN_HOUR = 30
_IN_A_LIFE = 4


class TooManyCertificates(Exception):
    """Somebody asks for certificates without end."""


@dataclass(frozen=True)
class Certificate:
    """A row; seconds since 1970."""

    serial: str
    role: str
    name: str
    issued_seconds: float
    expires_seconds: float
    key_hash: bytes
    # PEM.
    certificate: bytes
    token_id: str = ""
    renewed_from: str = ""
    revoked_at: float | None = None


def add_certificate(connection: Connection, certificate: Certificate) -> None:
    """Keep it, and forget what ended long ago. Raises TooManyCertificates."""
    now = certificate.issued_seconds
    connection.execute(
        delete(certificates).where(certificates.c.expires_seconds < now - _KEPT_SECONDS)
    )
    recent = (
        select(func.count())
        .select_from(certificates)
        .where(
            certificates.c.role == certificate.role,
            certificates.c.name == certificate.name,
            certificates.c.issued_seconds > now - _HOUR,
        )
    )
    life = max(certificate.expires_seconds - now, 1.0)
    most = _MOST_IN_AN_HOUR + int(_IN_A_LIFE * _HOUR / life)
    if connection.execute(recent).scalar_one() >= most:
        raise TooManyCertificates(
            f"{certificate.role} '{certificate.name}' got {most} certificates within an hour, "
            "and gets no other before that is over"
        )
    connection.execute(insert(certificates).values(asdict(certificate)))


def of_serial(connection: Connection, serial: str) -> Certificate | None:
    """The certificate with this serial."""
    row = connection.execute(select(certificates).where(certificates.c.serial == serial)).first()
    return Certificate(**row._mapping) if row is not None else None


def given_for(
    connection: Connection, token_id: str, key_hash: bytes, since: float
) -> Certificate | None:
    """What a token gave to a key since then, and still holds."""
    row = connection.execute(
        select(certificates)
        .where(
            certificates.c.token_id == token_id,
            certificates.c.key_hash == key_hash,
            certificates.c.issued_seconds > since,
            certificates.c.revoked_at.is_(None),
        )
        .limit(1)
    ).first()
    return Certificate(**row._mapping) if row is not None else None


def holds_until(connection: Connection, role: str, name: str, now: float) -> float:
    """Until when somebody has a certificate that holds now; 0: nobody of this name has one."""
    latest = select(func.coalesce(func.max(certificates.c.expires_seconds), 0.0)).where(
        certificates.c.role == role,
        certificates.c.name == name,
        certificates.c.expires_seconds > now,
        certificates.c.revoked_at.is_(None),
    )
    return float(connection.execute(latest).scalar_one())
