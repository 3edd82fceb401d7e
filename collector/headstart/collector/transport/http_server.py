"""The collector's HTTP server: aiohttp's, behind a door that strangers cannot hold shut.

aiohttp bounds what a request may be, and nothing bounds how long somebody may keep quiet:
it waits for a first request, a handshake or the reading of an answer for ever. So
connections are accepted here, counted, and closed when no request began on them in time;
when there are too many, the longest silent one makes room for the new one.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from headstart.collector.config import TlsFiles
from headstart.collector.own_metrics import Dropped, SelfMetrics
from headstart.collector.tasks import Tasks
from headstart.collector.transport.places import fault_of, one_port, places_of
from headstart.collector.transport.tls import Following, server_context
from headstart.words.foreign.resolved import Resolved

log = logging.getLogger(__name__)

_BACKLOG = 128
# When the process has no descriptor left for a connection.
_FULL_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class HttpBounds:
    """Bounds on all connections together, and on each."""

    # A Prometheus pair, people with browsers and a health check need few.
    connections: int = 256
    # From accepting, or from the beginning of the last request, to the beginning of the next or
    # the end: so long may a handshake, a request's head, its answer, the client's reading of
    # it and a pause take together. Prometheus itself gives up after 10 s.
    seconds: float = 10.0


@dataclass(eq=False)
class _Connection:
    socket: socket.socket
    peer: str
    since: float
    # Whether a request ever began.
    asked: bool = False
    transport: asyncio.Transport | None = None
    task: "asyncio.Task[None] | None" = None

    @property
    def closed(self) -> bool:
        # A transport that is closing may still wait for the client to read.
        return self.socket.fileno() == -1

    def begun(self, task: "asyncio.Task[None]") -> None:
        self.task = None
        if task.cancelled():
            self.socket.close()

    def end(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        elif self.task is not None:
            self.task.cancel()


@dataclass(eq=False)
class HttpServer:
    """Serves an application from `start` to `close`, in one event loop."""

    port: int
    _listeners: list[socket.socket]
    _runner: web.AppRunner
    _tls: Callable[[], ssl.SSLContext] | None
    _metrics: SelfMetrics
    _bounds: HttpBounds
    _open: set[_Connection] = field(default_factory=set)
    _by_handler: dict[asyncio.BaseProtocol, _Connection] = field(default_factory=dict)
    _tasks: Tasks = field(default_factory=Tasks)

    @classmethod
    async def start(
        cls,
        address: str,
        application: web.Application,
        metrics: SelfMetrics,
        tls: TlsFiles | None = None,
        bounds: HttpBounds = HttpBounds(),  # frozen
    ) -> Self:
        """Listen on "host:port", an IPv6 host in brackets; port 0 takes a free one.

        With `tls` only clients with a certificate of its authority are served. Raises
        StartFault when the address cannot be had, ConfigurationError when a file is wrong.
        """
        context = Following(tls, server_context, metrics) if tls is not None else None
        listeners = _listen(address)
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            # Ours comes first, and counts.
            keepalive_timeout=2 * bounds.seconds,
            shutdown_timeout=0.5,
        )
        port = listeners[0].getsockname()[1]
        server = cls(port, listeners, runner, context, metrics, bounds)
        application.middlewares.append(server._noted)
        await runner.setup()
        for listener in listeners:
            server._tasks.start(server._accept(listener), "the accepting of HTTP connections")
        server._tasks.start(server._sweep(), "the closing of silent HTTP connections")
        return server

    async def close(self) -> None:
        """Stop listening and end every connection."""
        await self._tasks.stop()
        for listener in self._listeners:
            listener.close()
        await self._runner.cleanup()
        opening = [connection.task for connection in self._open if connection.task]
        for connection in self._open:
            connection.end()
        await asyncio.gather(*opening, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("HTTP: a connection could not be accepted: %s", error)
                await asyncio.sleep(_FULL_PAUSE_SECONDS)
                continue
            connection = _Connection(accepted, str(peer[0]), loop.time())
            self._forget_closed()
            if len(self._open) >= self._bounds.connections:
                # Those that never asked for anything first.
                longest = min(self._open, key=lambda one: (one.asked, one.since))
                self._drop(longest, Dropped.CROWDED)
            self._open.add(connection)
            connection.task = asyncio.create_task(self._begin(connection))
            # A task that is cancelled before its first step closes nothing itself.
            connection.task.add_done_callback(connection.begun)

    async def _begin(self, connection: _Connection) -> None:
        """Shake hands, and leave the connection to aiohttp."""
        factory = self._runner.server
        assert factory is not None  # noqa: S101  # since `start`

        def handler() -> asyncio.BaseProtocol:
            made: asyncio.BaseProtocol = factory()
            self._by_handler[made] = connection
            return made

        try:
            connection.transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                handler,
                connection.socket,
                ssl=self._tls() if self._tls is not None else None,
                ssl_handshake_timeout=self._bounds.seconds if self._tls is not None else None,
            )
        except (OSError, TimeoutError) as error:
            # The client's own affair, and its operator's to read.
            log.warning("HTTP: no handshake with %s: %s", connection.peer, error)
            self._metrics.dropped("http", Dropped.HANDSHAKE)
            connection.socket.close()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._bounds.seconds / 10)
            self._forget_closed()
            before = loop.time() - self._bounds.seconds
            for connection in [one for one in self._open if one.since < before]:
                self._drop(connection, Dropped.IDLE if connection.asked else Dropped.SILENT)

    def _drop(self, connection: _Connection, reason: Dropped) -> None:
        # A client that asked, was answered and paused does what clients do.
        if reason is not Dropped.IDLE:
            self._metrics.dropped("http", reason)
        log.debug("HTTP: closed a connection from %s: %s", connection.peer, reason.value)
        self._open.discard(connection)
        connection.end()

    def _forget_closed(self) -> None:
        self._open = {one for one in self._open if not one.closed}
        self._by_handler = {
            handler: one for handler, one in self._by_handler.items() if not one.closed
        }

    @web.middleware
    async def _noted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = self._by_handler.get(request.protocol)
        if connection is not None:
            connection.asked, connection.since = True, asyncio.get_running_loop().time()
        return await handler(request)


def _listen(address: str) -> list[socket.socket]:
    """A socket for each address of the name."""
    places = places_of(address)
    listeners: list[socket.socket] = []
    with one_port(address, places) as port, ExitStack() as failing:
        for each in places:
            listener = _listening(address, each.at(port))
            failing.callback(listener.close)
            listeners.append(listener)
        failing.pop_all()
    return listeners


def _listening(address: str, each: Resolved) -> socket.socket:
    try:
        listener = socket.create_server(each.place, family=each.family, backlog=_BACKLOG)
    except OSError as error:
        raise fault_of(address, each, error) from error
    listener.setblocking(False)
    return listener
