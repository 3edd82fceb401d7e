"""A new certificate for whoever shows one of the collector's own authority."""

import logging
from typing import Any

import grpc
from sqlalchemy import Connection

from headstart.collector.config import IdentitySettings
from headstart.collector.identity.endings import NotGiven
from headstart.collector.identity.enrolment import issued_message
from headstart.collector.identity.own_identity import OwnIdentity
from headstart.collector.identity.presented import key_hash, requested_key, serial_of
from headstart.collector.store import issued as store_issued
from headstart.collector.store.issued import Certificate
from headstart.collector.store.store import Store
from headstart.collector.transport.callers import certificate_of, names_of, who_is
from headstart.v1.identity_pb2 import RenewRequest, RenewResponse
from headstart.words.log_fields import with_fields
from headstart.words.roles import identity_in

log = logging.getLogger(__name__)

_ANEW = "have an operator make a token (headstart token create), and enroll again"


async def renewed(
    store: Store,
    own: OwnIdentity,
    settings: IdentitySettings,
    request: RenewRequest,
    context: Any,
) -> RenewResponse:
    """The same role and name, never more. Raises NotGiven, TooManyCertificates, StoreFault."""
    identity, shown = identity_in(names_of(context)), certificate_of(context)
    if identity is None or not shown:
        raise NotGiven(
            grpc.StatusCode.FAILED_PRECONDITION,
            "no certificate of this collector's own authority is shown",
        )
    serial = serial_of(shown)
    key = requested_key(request.certificate_signing_request_pem)
    made = own.authority.issue(key, identity, settings.client_seconds)
    row = Certificate(
        serial=made.serial,
        role=identity.role,
        name=identity.name,
        issued_seconds=made.issued_seconds,
        expires_seconds=made.expires_seconds,
        key_hash=key_hash(key),
        certificate=made.pem,
        renewed_from=serial,
    )

    def keep(connection: Connection) -> None:
        # Together: between the two, nobody revokes it.
        _check(store_issued.of_serial(connection, serial), serial, store.now())
        store_issued.add_certificate(connection, row)

    await store.write(keep)
    fields = with_fields(
        role=row.role, name=row.name, serial=row.serial, renewed=serial, who=who_is(context)
    )
    log.info("certificate renewed", extra=fields)
    return RenewResponse(issued=issued_message(row, own.authority.pem))


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
