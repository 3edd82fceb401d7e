"""`IdentityService`: renewal for whoever has a certificate, tokens for operators.

The guard saw to the roles before.
"""

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import grpc

from headstart.collector.config import IdentitySettings
from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.caller import SOCKET, Caller
from headstart.collector.identity.endings import EXPECTED, NotGiven, abort
from headstart.collector.store import tokens as store_tokens
from headstart.collector.store.store import Store
from headstart.collector.store.tokens import NewToken
from headstart.collector.transport.callers import who_is
from headstart.v1.identity_pb2 import (
    CreateTokenRequest,
    CreateTokenResponse,
    ListTokensRequest,
    ListTokensResponse,
    RenewRequest,
    RenewResponse,
    RevokeTokenRequest,
    RevokeTokenResponse,
    Token,
)
from headstart.v1.identity_pb2_grpc import IdentityServiceServicer
from headstart.words.enrolment_token import SECRET_BYTES, EnrolmentToken
from headstart.words.foreign.addresses import is_host_and_port
from headstart.words.roles import EXPECTED_NAME, Role, is_name

if TYPE_CHECKING:
    from headstart.collector.identity.own_identity import OwnIdentity

_LONGEST_SECONDS = 30 * 86400.0
_MOST_USES = 1000
# No letters that are mistaken for digits.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LETTERS = 8

_Code = grpc.StatusCode


class IdentityServer(IdentityServiceServicer):
    """Contexts are Any: the generated types are of both kinds of server at once."""

    def __init__(
        self,
        store: Store,
        own: "OwnIdentity | None",
        settings: IdentitySettings,
        trail: AuditTrail,
    ) -> None:
        """`own`: None where certificates are of an authority of the operator's, or of none."""
        self._store = store
        self._own = own
        self._settings = settings
        self._trail = trail

    async def Renew(self, request: RenewRequest, context: Any) -> RenewResponse:
        """See identity.proto."""
        try:
            own = self._authority()
            # What signs and parses certificates is loaded with an authority alone.
            from headstart.collector.identity.renewals import renewed

            response, lost = await renewed(self._store, own, self._settings, request, context)
            if lost is not None:
                caller = Caller(
                    lost.name, frozenset({Role(lost.role)}), context.peer(), lost.serial, own=True
                )
                what = f"certificate {lost.serial}"
                await self._trail.done(caller, "take up", what, "done", "given after the backup")
            return response
        except EXPECTED as error:
            await abort(context, error)

    async def CreateToken(self, request: CreateTokenRequest, context: Any) -> CreateTokenResponse:
        """See identity.proto."""
        try:
            return await self._created(request, context)
        except EXPECTED as error:
            await abort(context, error)

    async def _created(self, request: CreateTokenRequest, context: Any) -> CreateTokenResponse:
        own = self._authority()
        _check(request, own.enrolled_at())
        address = request.address or own.enrolled_at()
        secret = secrets.token_bytes(SECRET_BYTES)
        now = self._store.now()
        token = NewToken(
            token_id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LETTERS)),
            secret_hash=hashlib.sha256(secret).digest(),
            role=request.role,
            name=request.name,
            uses=request.uses,
            made_by=SOCKET if context.peer().startswith("unix") else who_is(context),
            expires_seconds=now + request.lifetime_seconds,
        )
        await self._store.write(lambda c: store_tokens.add(c, token, now))
        text = EnrolmentToken(
            address, own.authority.der, token.token_id, secret, Role(token.role), token.name
        ).text()
        rows = await self._store.read(store_tokens.listed)
        row = next(each for each in rows if each.token_id == token.token_id)
        return CreateTokenResponse(text=text, token=_message(row))

    async def ListTokens(
        self,
        request: ListTokensRequest,  # noqa: ARG002
        context: Any,
    ) -> ListTokensResponse:
        """See identity.proto."""
        try:
            self._authority()
            rows = await self._store.read(store_tokens.listed)
            return ListTokensResponse(tokens=[_message(row) for row in rows])
        except EXPECTED as error:
            await abort(context, error)

    async def RevokeToken(self, request: RevokeTokenRequest, context: Any) -> RevokeTokenResponse:
        """See identity.proto."""
        try:
            self._authority()
            now = self._store.now()
            row = await self._store.write(lambda c: store_tokens.revoke(c, request.token_id, now))
        except EXPECTED as error:
            await abort(context, error)
        return RevokeTokenResponse(token=_message(row))

    def _authority(self) -> "OwnIdentity":
        if self._own is None:
            raise NotGiven(
                _Code.FAILED_PRECONDITION,
                "this collector has no authority of its own: start it with --listen HOST:PORT and "
                "--enroll-listen HOST:PORT, and without --tls-certificate, --tls-key and "
                "--tls-client-authority",
            )
        return self._own


def _check(request: CreateTokenRequest, enrolled_at: str) -> None:
    """All mistakes together. Raises NotGiven."""
    wrong = []
    if request.role not in set(Role):
        wrong.append(f"role is '{request.role}'; expected one of {', '.join(Role)}")
    if request.name and not is_name(request.name):
        wrong.append(f"name is {request.name[:300]!r}; expected {EXPECTED_NAME}")
    if not 1.0 <= request.lifetime_seconds <= _LONGEST_SECONDS:
        wrong.append("it expires after 1 s at the earliest and 30 days at the latest")
    if not 1 <= request.uses <= _MOST_USES:
        wrong.append(f"it can be used once to {_MOST_USES} times")
    if request.name and request.role == Role.AGENT and request.uses > 1:
        wrong.append("one host has one name: a token with a name is used once")
    if request.address and not is_host_and_port(request.address):
        wrong.append(f"address is {request.address[:300]!r}; expected HOST:PORT")
    if not enrolled_at:
        wrong.append("nobody could use it: start the collector with --enroll-listen HOST:PORT")
    if wrong:
        raise NotGiven(_Code.INVALID_ARGUMENT, "; ".join(wrong))


def _message(row: Any) -> Token:
    return Token(
        token_id=row.token_id,
        role=row.role,
        name=row.name,
        uses=row.uses,
        uses_left=row.uses_left,
        made_by=row.made_by,
        made_time_seconds=row.made_seconds,
        expires_time_seconds=row.expires_seconds,
        revoked_time_seconds=row.revoked_seconds,
    )
