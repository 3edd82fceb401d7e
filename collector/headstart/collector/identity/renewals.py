"""A new certificate for whoever shows one of the collector's own authority."""

import logging
from typing import Any

import grpc
from sqlalchemy import Connection

from headstart.collector.config import IdentitySettings
from headstart.collector.identity.authority import Authority
from headstart.collector.identity.endings import NotGiven
from headstart.collector.identity.handed_over import issued_message, row_of
from headstart.collector.identity.own_identity import OwnIdentity
from headstart.collector.identity.presented import requested_key, serial_of
from headstart.collector.store import issued as store_issued, restores as store_restores
from headstart.collector.store.issued import Certificate
from headstart.collector.store.store import Store
from headstart.collector.transport.callers import certificate_of, names_of, who_is
from headstart.v1.identity_pb2 import RenewRequest, RenewResponse
from headstart.words.log_fields import with_fields
from headstart.words.roles import identity_in

log = logging.getLogger(__name__)

_ANEW = "have an operator make a token (headstart token create), and enroll again"
# A backup that was made while a certificate was given may have it or not.
_ABOUT_SECONDS = 600.0


async def renewed(
    store: Store,
    own: OwnIdentity,
    settings: IdentitySettings,
    request: RenewRequest,
    context: Any,
) -> tuple[RenewResponse, Certificate | None]:
    """The same role and name, never more; and the certificate shown, where it is taken up.

    Taken up is what was given after the backup of which this store was made, and so is not in
    it. Raises NotGiven, TooManyCertificates, StoreFault.
    """
    identity, shown = identity_in(names_of(context)), certificate_of(context)
    if identity is None or not shown:
        raise NotGiven(
            grpc.StatusCode.FAILED_PRECONDITION,
            "no certificate of this collector's own authority is shown",
        )
    serial = serial_of(shown)
    key = requested_key(request.certificate_signing_request_pem)
    made = own.authority.issue(key, identity, settings.client_seconds)
    row = row_of(made, key, renewed_from=serial)

    def keep(connection: Connection) -> Certificate | None:
        # Together: between the two, nobody revokes it.
        before = store_issued.of_serial(connection, serial)
        lost = _lost(connection, own.authority, shown) if before is None else None
        _check(before or lost, serial, store.now())
        if lost is not None:
            store_issued.add_certificate(connection, lost)
        store_issued.add_certificate(connection, row)
        return lost

    lost = await store.write(keep)
    fields = with_fields(
        role=row.role, name=row.name, serial=row.serial, renewed=serial, who=who_is(context)
    )
    if lost is not None:
        log.warning("certificate taken up: it was given after the backup", extra=fields)
    log.info("certificate renewed", extra=fields)
    return RenewResponse(issued=issued_message(row, own.authority.pem)), lost


def _lost(connection: Connection, authority: Authority, shown: bytes) -> Certificate | None:
    """A certificate that the store had until it was made of a backup; None: it is none."""
    issued = authority.gave(shown)
    if issued is None:
        return None
    made, key = issued
    for restore in store_restores.all_of(connection):
        earliest = restore.made_seconds - _ABOUT_SECONDS
        if earliest <= made.issued_seconds <= restore.restored_seconds + _ABOUT_SECONDS:
            return row_of(made, key)
    return None


def _check(before: Certificate | None, serial: str, now: float) -> None:
    why = ""
    if before is None:
        why = f"this collector has no record of certificate {serial}"
    elif before.revoked_at is not None:
        why = f"certificate {serial} was revoked"
    elif before.expires_seconds <= now:
        # A connection may outlive the certificate that it began with.
        why = f"certificate {serial} has expired"
    if why:
        raise NotGiven(grpc.StatusCode.FAILED_PRECONDITION, f"{why}: {_ANEW}")
