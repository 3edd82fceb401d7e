"""`FleetService` on the wire: one reader and one writer for each stream."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from headstart.collector.config import Timing
from headstart.collector.fleet.context_requests import ContextRequests
from headstart.collector.fleet.fleet import Fleet
from headstart.collector.fleet.refused import Refused
from headstart.collector.fleet.session import Session
from headstart.collector.identity.caller import Caller, WhoCalls
from headstart.collector.own_metrics import Refusal, SelfMetrics
from headstart.collector.store.writer import StoreFault
from headstart.collector.transport.callers import who_is
from headstart.v1.fleet_pb2 import (
    AttendResponse,
    FetchContextRequest,
    FetchContextResponse,
    Hello,
)
from headstart.v1.fleet_pb2_grpc import FleetServiceServicer
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)


class FleetServer(FleetServiceServicer):
    """Turns streams into calls of `Fleet`, and a Refused into a stream's status.

    Contexts are Any: the generated types are of both kinds of server at once.
    """

    def __init__(
        self,
        fleet: Fleet,
        timing: Timing,
        metrics: SelfMetrics,
        contexts: ContextRequests,
        who_calls: WhoCalls,
    ) -> None:
        """`who_calls` tells whose call it is: an agent attends as its own host."""
        self._fleet = fleet
        self._timing = timing
        self._metrics = metrics
        self._contexts = contexts
        self._who_calls = who_calls

    async def Attend(  # type: ignore[override]  # generated as a method that returns an iterator
        self,
        request_iterator: object,  # noqa: ARG002  # grpc passes it; `context.read` is the same
        context: Any,
    ) -> None:
        """See fleet.proto."""
        try:
            await self._attend(context)
        except Refused as error:
            refused = error
        except StoreFault as error:
            refused = Refused(grpc.StatusCode.UNAVAILABLE, str(error))
        else:
            return
        if refused.reason is not None:
            self._metrics.refused(refused.reason)
        log.warning("%s: %s: %s", context.peer(), refused.code.name, refused.message)
        await context.abort(refused.code, refused.message)

    async def _attend(self, context: Any) -> None:
        caller = self._who_calls(context)
        hello = await self._hello(context, caller)
        session, welcome = await self._fleet.greet(hello, caller.serial)
        try:
            await context.write(AttendResponse(welcome=welcome))
            log.info("agent attends", extra=with_fields(host=session.host, who=who_is(context)))
            await self._fleet.dispatch.offer(session)
            await self._converse(session, context)
        finally:
            self._fleet.part(session)
            log.info("agent has left", extra=with_fields(host=session.host))

    async def _hello(self, context: Any, caller: Caller) -> Hello:
        seconds = self._timing.hello_seconds
        try:
            async with asyncio.timeout(seconds):
                first = await context.read()
        except TimeoutError:
            raise Refused(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"no hello within {seconds:g} s",
                Refusal.PROTOCOL,
            ) from None
        if first is grpc.aio.EOF or first.WhichOneof("message") != "hello":
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, "a stream begins with a hello", Refusal.PROTOCOL
            )
        _check_host(caller, first.hello.host.host)
        return Hello.FromString(first.hello.SerializeToString())

    async def _converse(self, session: Session, context: Any) -> None:
        closed = asyncio.create_task(session.until_closed())
        reader = asyncio.create_task(self._read(session, context))
        writer = asyncio.create_task(self._write(session, context))
        tasks = (closed, reader, writer)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _read(self, session: Session, context: Any) -> None:
        """Until the agent ends its side, which says nothing about its runs."""
        while True:
            request = await context.read()
            if request is grpc.aio.EOF:
                return
            session.last_message = time.monotonic()
            match request.WhichOneof("message"):
                case "batch":
                    await self._fleet.take(session, request.batch)
                case "heartbeat":
                    await self._fleet.beat(session, request.heartbeat)
                case "block_finished":
                    self._fleet.block_finished(session, request.block_finished)
                case other:
                    # A newer agent's message has no field here and counts as none.
                    raise Refused(
                        grpc.StatusCode.INVALID_ARGUMENT,
                        f"{other or 'an unknown message'} is not expected here",
                        Refusal.PROTOCOL,
                    )

    async def _write(self, session: Session, context: Any) -> None:
        while True:
            await context.write(await session.outbox.get())

    async def FetchContext(
        self, request: FetchContextRequest, context: Any
    ) -> AsyncIterator[FetchContextResponse]:
        """See fleet.proto."""
        try:
            host = await self._contexts.host_of(request)
            _check_host(self._who_calls(context), host)
            async with aclosing(self._contexts.pieces(request)) as pieces:
                async for piece in pieces:
                    yield FetchContextResponse(piece=piece)
            return
        except Refused as error:
            refused = error
        except StoreFault as error:
            refused = Refused(grpc.StatusCode.UNAVAILABLE, str(error))
        log.warning("%s: %s: %s", context.peer(), refused.code.name, refused.message)
        await context.abort(refused.code, refused.message)


def _check_host(caller: Caller, host: str) -> None:
    """Refuse an agent whose certificate does not name the host that it claims to be."""
    if caller.hosts is not None and host not in caller.hosts:
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            f"the agent calls itself '{host}', its certificate is for "
            f"{', '.join(sorted(caller.hosts)) or 'no host'}",
            Refusal.IDENTITY,
        )
