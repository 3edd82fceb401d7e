"""Who got through the TLS handshake: gRPC counts nothing of those who did not.

It asks for the certificate before each handshake, so those are counted as they begin; and
here each connection on which a call arrives. What is between the two was refused, spoke
no TLS, or never asked for anything.
"""

import inspect
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from headstart.collector.own_metrics import SelfMetrics

# A connection that calls again after so many others have is counted twice.
_REMEMBERED = 10_000


# Of a certificate, in gRPC's words.
_NAMES = "x509_subject_alternative_name"
_COMMON_NAME = "x509_common_name"


def names_of(context: Any) -> list[str]:
    """The subject alternative names of a caller's certificate; none without one."""
    return _words(context, _NAMES)


def certificate_of(context: Any) -> bytes:
    """A caller's certificate, PEM; empty without one."""
    return next(iter(context.auth_context().get("x509_pem_cert", ())), b"")


def who_is(context: Any) -> str:
    """A caller for the log: by the certificate, and where it calls from."""
    names = names_of(context) or _words(context, _COMMON_NAME)
    peer = context.peer().rstrip(":")
    return f"{', '.join(names)} ({peer})" if names else peer


def _words(context: Any, key: str) -> list[str]:
    return [word.decode(errors="replace") for word in context.auth_context().get(key, ())]


class Callers(grpc.aio.ServerInterceptor):
    """Counts connections by their first call."""

    def __init__(self, metrics: SelfMetrics) -> None:
        self._metrics = metrics
        self._known: OrderedDict[str, None] = OrderedDict()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The same handler, noted when it is called: only then is the peer known."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            if (behaviour := getattr(handler, kind)) is not None:
                make = getattr(grpc, f"{kind}_rpc_method_handler")
                return make(
                    self._noting(behaviour),
                    handler.request_deserializer,
                    handler.response_serializer,
                )
        return handler

    def _noting(self, behaviour: Any) -> Any:
        # gRPC looks at the kind of function to know how to call it.
        if inspect.isasyncgenfunction(behaviour):

            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                self._note(context.peer())
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        yield response

            return stream

        async def call(request: Any, context: Any) -> Any:
            self._note(context.peer())
            return await behaviour(request, context)

        return call

    def _note(self, peer: str) -> None:
        if peer.startswith("unix:"):
            return
        if peer not in self._known:
            self._metrics.caller()
            if len(self._known) >= _REMEMBERED:
                self._known.popitem(last=False)
        self._known[peer] = None
        self._known.move_to_end(peer)
