"""Before each call: who calls, whether they may, and what the audit keeps of it."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, NoReturn

import grpc
import grpc.aio

from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.audited_calls import AUDITED, Audited
from headstart.collector.identity.call_refusals import Refusal, refusal_of
from headstart.collector.identity.call_roles import is_open
from headstart.collector.identity.caller import Caller, WhoCalls
from headstart.collector.identity.open_calls import OpenCall, OpenCalls
from headstart.collector.identity.revoked_callers import RevokedCallers
from headstart.collector.identity.sightings import Sightings
from headstart.collector.own_metrics import Denial, SelfMetrics
from headstart.words.denied import DENIED_KEY

log = logging.getLogger(__name__)

# How long a call that is ended may take to say so.
_END_SECONDS = 2.0
# Whoever is refused again and again waits so long for each answer.
_PATIENT_DENIALS = 20
_SLOW_SECONDS = 0.25
_RECHECK_SECONDS = 1.0
_LONGEST_MESSAGE = 800


class Guard(grpc.aio.ServerInterceptor):
    """Denies by default; knows the open calls, and ends those that are allowed no more."""

    def __init__(
        self,
        who_calls: WhoCalls,
        revoked: RevokedCallers,
        trail: AuditTrail,
        sightings: Sightings,
        metrics: SelfMetrics,
    ) -> None:
        self.open_calls = OpenCalls()
        self._who_calls = who_calls
        self._revoked = revoked
        self._trail = trail
        self._sightings = sightings
        self._metrics = metrics
        revoked.on_change(self.recheck)

    def recheck(self) -> None:
        """End the open calls that would be refused now; the one that asks for it is answered."""
        asking = asyncio.current_task()
        self.open_calls.end(lambda call: self._refused_now(call) if call.task is not asking else "")

    async def keep_roles(self) -> None:
        """Follow the roles file, for as long as the collector lives."""
        file = self._who_calls.roles_file
        while file is not None:
            await asyncio.sleep(_RECHECK_SECONDS)
            # A disk that hangs holds up nobody.
            if await asyncio.to_thread(file.changed):
                self.recheck()

    def _refused_now(self, call: OpenCall) -> str:
        refusal = self._refusal(self._who_calls.again(call.caller), call.method)
        return refusal.message if refusal is not None else ""

    def _refusal(self, caller: Caller, method: str) -> Refusal | None:
        file = self._who_calls.roles_file
        return refusal_of(caller, method, self._revoked.reason, str(file.path) if file else "")

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The same handler behind this guard; what there is no handler for is not known."""
        handler = await continuation(handler_call_details)
        if handler is None or is_open(handler_call_details.method):
            return handler
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            if (behaviour := getattr(handler, kind)) is not None:
                make = getattr(grpc, f"{kind}_rpc_method_handler")
                return make(
                    self._guarded(behaviour, handler_call_details.method),
                    handler.request_deserializer,
                    handler.response_serializer,
                )
        return handler

    def _guarded(self, behaviour: Any, method: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            caller = self._who_calls(context)
            if refusal := self._refusal(caller, method):
                await self._deny(context, caller, method, refusal)
            self._sightings.note(caller)
            with self.open_calls.entered(caller, method) as opened:
                try:
                    return await self._followed(behaviour, method, caller, request, context)
                except asyncio.CancelledError:
                    if not opened.ended:
                        raise
                    # It was cancelled by us, and has an answer yet to give.
                    opened.task.uncancel()
                revoked = Denial.REVOKED if self._revoked.reason(caller) else Denial.ROLE
                refusal = Refusal(revoked, opened.ended, f"ended: {opened.ended}")
            return await self._deny(context, caller, method, refusal)

        return call

    async def _followed(
        self, behaviour: Any, method: str, caller: Caller, request: Any, context: Any
    ) -> Any:
        """Run it, and tell the audit how it went where it changes something."""
        audited = AUDITED.get(method)
        first = _First(request)
        response = None
        try:
            response = await _run(behaviour, first.passed_on, context)
        except asyncio.CancelledError:
            if audited is not None:
                what, _ = audited.described(first.message, None)
                self._trail.left(caller, audited.action, what)
            raise
        except BaseException:
            code = context.code()
            if code == grpc.StatusCode.PERMISSION_DENIED:
                # Of the service itself: an agent that is another host.
                self._metrics.denied(Denial.HOST)
                self._trail.denied(caller, _word(method), context.details() or "")
            elif audited is not None:
                outcome = code.name.lower() if isinstance(code, grpc.StatusCode) else "fault"
                await self._audit(audited, caller, first.message, None, outcome)
            raise
        if audited is not None:
            await self._audit(audited, caller, first.message, response, "done")
        return response

    async def _audit(
        self, audited: Audited, caller: Caller, request: Any, response: Any, outcome: str
    ) -> None:
        what, detail = audited.described(request, response)
        await self._trail.done(caller, audited.action, what, outcome, detail)

    async def _deny(self, context: Any, caller: Caller, method: str, refusal: Refusal) -> NoReturn:
        self._metrics.denied(refusal.reason)
        again = self._trail.denied(caller, _word(method), refusal.detail)
        if again > _PATIENT_DENIALS:
            await asyncio.sleep(_SLOW_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await context.abort(
                    grpc.StatusCode.PERMISSION_DENIED,
                    refusal.message[:_LONGEST_MESSAGE],
                    ((DENIED_KEY, refusal.reason.value),),
                )
        raise asyncio.CancelledError


class _First:
    """The first message of a request, kept while the request passes on."""

    def __init__(self, request: Any) -> None:
        self.message: Any = None
        if hasattr(request, "__aiter__"):
            self.passed_on: Any = self._noted(request)
        else:
            self.message = self.passed_on = request

    async def _noted(self, requests: Any) -> AsyncIterator[Any]:
        async for request in requests:
            if self.message is None:
                self.message = request
            yield request


async def _run(behaviour: Any, request: Any, context: Any) -> Any:
    """One kind of function for all, so that ending it ends also a write that waits."""
    if not inspect.isasyncgenfunction(behaviour):
        return await behaviour(request, context)
    async with aclosing(behaviour(request, context)) as responses:
        async for response in responses:
            await context.write(response)
    return None


def _word(method: str) -> str:
    return method.rpartition("/")[2]
