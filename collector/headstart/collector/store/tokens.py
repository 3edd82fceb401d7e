"""Tokens in the store: who may get a certificate, how often, until when."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from headstart.collector.store.identity_tables import tokens
from headstart.collector.store.issued import Certificate, add_certificate, given_for

# Those that are over are shown for so long.
_SHOWN_SECONDS = 7 * 86400.0
_MOST_TOKENS = 1000
# For so long the same key gets what it got, if the answer was lost.
_AGAIN_SECONDS = 600.0
# Clocks are set back by less to be kept right.
_SET_BACK_SECONDS = 240.0


class TokenRefused(Exception):
    """A token gives no certificate; the message says why and what to do."""


class NoSuchToken(Exception):
    """No token has this id and this secret, or none or several begin so."""


@dataclass(frozen=True)
class NewToken:
    """What a token is made of."""

    token_id: str
    secret_hash: bytes
    role: str
    name: str
    uses: int
    made_by: str
    expires_seconds: float


def add(connection: Connection, token: NewToken, now: float) -> None:
    """Keep a token. Raises TokenRefused when too many are kept."""
    over = tokens.c.expires_seconds < now - _SHOWN_SECONDS
    connection.execute(delete(tokens).where(over))
    if connection.execute(select(func.count()).select_from(tokens)).scalar_one() >= _MOST_TOKENS:
        raise TokenRefused(
            f"{_MOST_TOKENS} tokens are kept, and there is no room for another: one goes a week "
            "after it expired"
        )
    connection.execute(
        insert(tokens).values(
            token_id=token.token_id,
            secret_hash=token.secret_hash,
            role=token.role,
            name=token.name,
            uses=token.uses,
            uses_left=token.uses,
            made_by=token.made_by,
            made_seconds=now,
            expires_seconds=token.expires_seconds,
            revoked_seconds=0.0,
        )
    )


def listed(connection: Connection) -> Sequence[Row[Any]]:
    """All that are kept, newest first."""
    return connection.execute(select(tokens).order_by(tokens.c.made_seconds.desc())).all()


def revoke(connection: Connection, beginning: str, now: float) -> Row[Any]:
    """Make a token worth nothing, by the beginning of its id. Raises NoSuchToken."""
    begins = tokens.c.token_id.startswith(beginning, autoescape=True)
    found = connection.execute(select(tokens.c.token_id).where(begins)).scalars().all()
    if len(found) != 1:
        many = f"{len(found)} tokens begin" if found else "no token begins"
        raise NoSuchToken(f"{many} with '{beginning}'; `headstart token list` shows all")
    itself = tokens.c.token_id == found[0]
    connection.execute(
        update(tokens).where(itself, tokens.c.revoked_seconds == 0).values(revoked_seconds=now)
    )
    return connection.execute(select(tokens).where(itself)).one()


def checked(connection: Connection, token_id: str, secret_hash: bytes) -> Row[Any]:
    """The token of a secret, whatever it is worth. Raises NoSuchToken."""
    row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).first()
    # Compared in the same time, whether there is one or not.
    kept = row.secret_hash if row is not None else bytes(len(secret_hash))
    if not hmac.compare_digest(kept, secret_hash) or row is None:
        raise NoSuchToken(
            "the collector knows no such token: it was made by another collector, mistyped, or "
            "expired more than a week ago; have an operator make one (headstart token create)"
        )
    return row


def use(connection: Connection, certificate: Certificate, now: float) -> Certificate:
    """Give a certificate for one use of its token; what is given. Raises TokenRefused.

    The use is taken by one statement, in the transaction that keeps the certificate: of two
    that come at once for the last one, one gets it. The same key gets what it got before.
    """
    token_id = certificate.token_id
    row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).one()
    given = given_for(connection, token_id, certificate.key_hash, now - _AGAIN_SECONDS)
    if given is not None and not row.revoked_seconds:
        return given
    taken = connection.execute(
        update(tokens)
        .where(
            tokens.c.token_id == token_id,
            tokens.c.uses_left > 0,
            tokens.c.revoked_seconds == 0,
            tokens.c.expires_seconds > now,
            # Else it was made while the clock was ahead, and would hold until then.
            tokens.c.made_seconds <= now + _SET_BACK_SECONDS,
        )
        .values(uses_left=tokens.c.uses_left - 1)
    ).rowcount
    if not taken:
        raise TokenRefused(_worthless(row, now))
    add_certificate(connection, certificate)
    return certificate


def _worthless(token: Row[Any], now: float) -> str:
    anew = "have an operator make another (headstart token create)"
    if token.revoked_seconds:
        return f"the token was revoked: {anew}"
    if token.expires_seconds <= now:
        ago = round((now - token.expires_seconds) / 60)
        return f"the token expired {ago} min ago: {anew}"
    if token.made_seconds > now + _SET_BACK_SECONDS:
        return f"the token was made while the collector's clock was ahead: {anew}"
    times = "once" if token.uses == 1 else f"{token.uses} times"
    return f"the token was used {times}, which is as often as it may be: {anew}"
