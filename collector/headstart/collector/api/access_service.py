"""`AccessService` on the wire: revocation, identities and the audit, for operators."""

import re
from typing import Any

import grpc

from headstart.collector.api.answers import LARGEST_BYTES
from headstart.collector.api.status_codes import EXPECTED, Status, abort
from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.caller import WhoCalls
from headstart.collector.identity.open_calls import OpenCalls
from headstart.collector.identity.revoked_callers import RevokedCallers
from headstart.collector.identity.sightings import Sightings
from headstart.collector.store import audit_rows, revocations as store_revocations
from headstart.collector.store.revocations import Revocation, Seen
from headstart.collector.store.store import Store
from headstart.v1.access_pb2 import (
    AuditEntry,
    CallerIdentity,
    ListAuditRequest,
    ListAuditResponse,
    ListIdentitiesRequest,
    ListIdentitiesResponse,
    RevokeRequest,
    RevokeResponse,
)
from headstart.v1.access_pb2_grpc import AccessServiceServicer

_LONGEST_NAME = 253
_LONGEST_REASON = 300
_SERIAL = re.compile(r"[0-9a-f]{1,64}", re.ASCII)
_DEFAULT_ENTRIES = 100
_MOST_ENTRIES = 10_000
# Revocations in all: each is one person's decision.
_MOST_SERIALS = 1000


class AccessServer(AccessServiceServicer):
    """Contexts are Any: the generated types are of both kinds of server at once."""

    def __init__(
        self,
        store: Store,
        who_calls: WhoCalls,
        revoked: RevokedCallers,
        sightings: Sightings,
        open_calls: OpenCalls,
        trail: AuditTrail,
    ) -> None:
        self._trail = trail
        self._store = store
        self._who_calls = who_calls
        self._revoked = revoked
        self._sightings = sightings
        self._open_calls = open_calls

    async def Revoke(self, request: RevokeRequest, context: Any) -> RevokeResponse:
        """See access.proto."""
        try:
            name, serial = request.name, request.serial.lower().replace(":", "").lstrip("0")
            _check(name, serial)
            # Whoever called a moment ago is known by the store alone.
            await self._sightings.write()
            if request.take_back:
                return await self._take_back(name, serial)
            open_before = self._open_calls.ended_calls
            known = await self._store.read(
                lambda c: (
                    bool(store_revocations.name_of(c, serial))
                    if serial
                    else store_revocations.is_known(c, name)
                )
            )
            serials = await self._revoked.revoke(
                name, serial, request.reason[:_LONGEST_REASON], str(self._who_calls(context))
            )
            return RevokeResponse(
                serials=serials[:_MOST_SERIALS],
                ended_calls=self._open_calls.ended_calls - open_before,
                unknown=not known,
            )
        except EXPECTED as error:
            await abort(context, error)

    async def _take_back(self, name: str, serial: str) -> RevokeResponse:
        try:
            serials = await self._revoked.take_back(name, serial)
        except KeyError:
            raise Status(
                grpc.StatusCode.NOT_FOUND,
                f"{name or serial} is not revoked: `headstart identities` shows who is",
            ) from None
        return RevokeResponse(serials=serials[:_MOST_SERIALS])

    async def ListIdentities(
        self,
        request: ListIdentitiesRequest,  # noqa: ARG002  # empty
        context: Any,
    ) -> ListIdentitiesResponse:
        """Everybody by name; revoked names that nobody was seen with too."""
        try:
            await self._sightings.write()
            seen = await self._store.read(store_revocations.seen)
            found = ListIdentitiesResponse()
            count = self._open_calls.by_serial()
            known = {each.name for each in seen}
            identities = [
                _identity(each, self._revoked.of(each.serial, each.name, each.own)) for each in seen
            ]
            identities += [
                _identity(Seen("", each.name, "", False, 0.0, 0.0, 0.0), each)
                for each in self._revoked.names()
                if each.name not in known
            ]
            size = 0
            for identity in identities:
                identity.open_calls = count[identity.serial] if identity.serial else 0
                size += identity.ByteSize() + 4
                if size > LARGEST_BYTES:
                    break
                found.identities.append(identity)
            return found
        except EXPECTED as error:
            await abort(context, error)

    async def ListAudit(self, request: ListAuditRequest, context: Any) -> ListAuditResponse:
        """The newest first."""
        limit = min(request.limit or _DEFAULT_ENTRIES, _MOST_ENTRIES)
        try:
            await self._trail.written()
            entries = await self._store.read(
                lambda c: audit_rows.newest(c, request.since_time_seconds, request.who, limit + 1)
            )
            kept = _fitting(entries[:limit])
            return ListAuditResponse(entries=kept, more=len(kept) < len(entries))
        except EXPECTED as error:
            await abort(context, error)


def _check(name: str, serial: str) -> None:
    """Raises Status."""
    if bool(name) == bool(serial):
        raise Status(
            grpc.StatusCode.INVALID_ARGUMENT, "expected a name or a serial number, one of both"
        )
    if len(name) > _LONGEST_NAME or (serial and not _SERIAL.fullmatch(serial)):
        raise Status(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"a name has at most {_LONGEST_NAME} characters, and a serial number up to 64 "
            "hexadecimal digits",
        )


def _identity(seen: Seen, revocation: Revocation | None) -> CallerIdentity:
    return CallerIdentity(
        serial=seen.serial,
        name=seen.name,
        role=seen.role,
        own=seen.own,
        expires_time_seconds=seen.expires_seconds,
        first_seen_time_seconds=seen.first_seen_seconds,
        last_seen_time_seconds=seen.last_seen_seconds,
        revoked_time_seconds=revocation.revoked_seconds if revocation else 0.0,
        revoked_reason=revocation.reason if revocation else "",
        revoked_by=revocation.by if revocation else "",
    )


def _fitting(entries: list[AuditEntry]) -> list[AuditEntry]:
    size = 0
    for count, entry in enumerate(entries):
        size += entry.ByteSize() + 4
        if size > LARGEST_BYTES:
            return entries[:count]
    return entries
