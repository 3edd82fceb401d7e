"""`EnrolmentService`: a token and a signing request for a certificate."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any

import grpc

from headstart.collector.config import IdentitySettings
from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.caller import NOBODY, Caller
from headstart.collector.identity.endings import EXPECTED, NotGiven, abort
from headstart.collector.identity.handed_over import issued_message, row_of
from headstart.collector.identity.own_identity import OwnIdentity
from headstart.collector.identity.presented import key_hash, requested_key
from headstart.collector.identity.wrong_secrets import WrongSecrets
from headstart.collector.store import issued as store_issued, tokens as store_tokens
from headstart.collector.store.store import Store
from headstart.collector.store.tokens import NoSuchToken
from headstart.v1.identity_pb2 import EnrollRequest, EnrollResponse
from headstart.v1.identity_pb2_grpc import EnrolmentServiceServicer
from headstart.words.roles import EXPECTED_NAME, Identity, Role, is_name

# A certificate begins a little earlier than it is made; beyond that it would not hold yet.
_CLOCKS_APART_SECONDS = 240.0
_CALL_SECONDS = 20.0

_Code = grpc.StatusCode


class EnrolmentServer(EnrolmentServiceServicer):
    """Contexts are Any: the generated types are of both kinds of server at once."""

    def __init__(
        self,
        store: Store,
        own: OwnIdentity,
        settings: IdentitySettings,
        attends: Callable[[str], bool],
        trail: AuditTrail,
        wrong: WrongSecrets | None = None,
    ) -> None:
        """`attends`: whether an agent of a host is here now."""
        self._store = store
        self._own = own
        self._settings = settings
        self._attends = attends
        self._trail = trail
        self._wrong = wrong or WrongSecrets()

    async def Enroll(self, request: EnrollRequest, context: Any) -> EnrollResponse:
        """See identity.proto."""
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                return await self._enrolled(request, context.peer())
        except EXPECTED as error:
            why: Exception = error
        except TimeoutError:
            why = NotGiven(_Code.UNAVAILABLE, "the store does not answer in time: try again")
        self._trail.denied(Caller(NOBODY, frozenset(), context.peer()), "enroll", str(why))
        return await abort(context, why)

    async def _enrolled(self, request: EnrollRequest, peer: str) -> EnrollResponse:
        if (seconds := self._wrong.wait_seconds(peer)) > 0:
            raise NotGiven(
                _Code.RESOURCE_EXHAUSTED,
                f"too many wrong tokens came from this address: again in {seconds:.0f} s",
            )
        secret_hash = hashlib.sha256(request.secret).digest()
        try:
            token = await self._store.read(
                lambda c: store_tokens.checked(c, request.token_id, secret_hash)
            )
        except NoSuchToken as error:
            self._wrong.wrong(peer)
            raise NotGiven(_Code.UNAUTHENTICATED, str(error)) from None
        self._check_clock(request.clock_time_seconds)
        identity = Identity(Role(token.role), _name(request.name, token.name))
        key = requested_key(request.certificate_signing_request_pem)
        if identity.role is Role.AGENT:
            await self._check_free(identity.name, bool(token.name), token.token_id, key_hash(key))
        made = self._own.authority.issue(key, identity, self._settings.client_seconds)
        row = row_of(made, key, token_id=token.token_id)
        given = await self._store.write(lambda c: store_tokens.use(c, row, self._store.now()))
        caller = Caller(given.name, frozenset({identity.role}), peer, given.serial, own=True)
        await self._trail.done(caller, "enroll", f"token {token.token_id}", "done", "")
        return EnrollResponse(
            issued=issued_message(given, self._own.authority.pem),
            role=given.role,
            name=given.name,
            collector=self._own.dialled(),
        )

    def _check_clock(self, theirs: float) -> None:
        apart = theirs - self._store.now()
        if abs(apart) <= _CLOCKS_APART_SECONDS:
            return
        raise NotGiven(
            _Code.FAILED_PRECONDITION,
            f"this host's clock is {_span(abs(apart))} {'ahead' if apart > 0 else 'behind'}: it "
            f"says {_clock(theirs)}, the collector's {_clock(self._store.now())}; set the wrong "
            "one right (timedatectl set-ntp true) and enroll again, the token was not used",
        )

    async def _check_free(self, host: str, named: bool, token_id: str, key: bytes) -> None:
        """Refuse a second host of one name. Raises NotGiven."""
        if self._attends(host):
            raise NotGiven(
                _Code.ALREADY_EXISTS,
                f"an agent of a host called '{host}' is connected now: if it is this host's, stop "
                "it first (headstart agent); if it is another's, give this one another name "
                "(headstart enroll --name NAME)",
            )
        if named:
            return
        now = self._store.now()
        until = await self._store.read(
            lambda c: (
                0.0
                if store_issued.given_for(c, token_id, key, 0.0)
                else store_issued.holds_until(c, Role.AGENT, host, now)
            )
        )
        if until:
            raise NotGiven(
                _Code.ALREADY_EXISTS,
                f"a host called '{host}' has a certificate until {_clock(until)}: if it is this "
                "host, which lost it, have an operator make a token for that name (headstart "
                f"token create --role agent --name {host}); if it is another, give this one "
                "another name (headstart enroll --name NAME)",
            )


def _name(asked: str, allowed: str) -> str:
    if allowed and asked and asked != allowed:
        raise NotGiven(
            _Code.PERMISSION_DENIED,
            f"the token is for '{allowed}', not for '{asked}': leave --name out, or have an "
            "operator make another",
        )
    name = asked or allowed
    if not is_name(name):
        raise NotGiven(
            _Code.INVALID_ARGUMENT, f"the name is {name[:300]!r}; expected {EXPECTED_NAME}"
        )
    return name


def _clock(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "no time"


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
