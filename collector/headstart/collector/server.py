"""The collector as a whole: started, stopped, and embedded by `headstart run`.

collector = await Collector.start(CollectorConfig(data=Path("data")))
print(collector.addresses)
await collector.stop()
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from headstart.collector.api.access_service import AccessServer
from headstart.collector.api.service import ExperimentsServer
from headstart.collector.config import CollectorConfig
from headstart.collector.faults import FolderInUse, StartFault
from headstart.collector.fleet.context_requests import ContextRequests
from headstart.collector.fleet.decisions import Decide
from headstart.collector.fleet.fleet import Fleet
from headstart.collector.fleet.service import FleetServer
from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.caller import WhoCalls
from headstart.collector.identity.guard import Guard
from headstart.collector.identity.late import own_identity, serve_enrolment
from headstart.collector.identity.revoked_callers import RevokedCallers
from headstart.collector.identity.roles_file import RolesFile
from headstart.collector.identity.service import IdentityServer
from headstart.collector.identity.sightings import Sightings
from headstart.collector.identity.standby_guard import StandingBy
from headstart.collector.judge.analyst import Analyst
from headstart.collector.judge.exporter import Exporter
from headstart.collector.judge.regressions import Regressions
from headstart.collector.metrics.page import Exposition
from headstart.collector.metrics.publisher import Publisher
from headstart.collector.metrics.scrape_secrets import ScrapeSecrets
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import restores as store_restores
from headstart.collector.store.clock import ClockWatch
from headstart.collector.store.contexts import Contexts
from headstart.collector.store.database import Database, database_of, kind_of, words_of
from headstart.collector.store.fault_kinds import FaultKind
from headstart.collector.store.migrations import prepare, require_known
from headstart.collector.store.retention import keep_within
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.turn import Turn
from headstart.collector.store.writer import StoreFault
from headstart.collector.tasks import Tasks, traceback_of
from headstart.collector.transport.callers import Callers
from headstart.collector.transport.free_addresses import check_free
from headstart.collector.transport.listening import check_exposure, listen, server_options
from headstart.collector.transport.tls import ConfigurationError
from headstart.v1.access_pb2_grpc import add_AccessServiceServicer_to_server
from headstart.v1.experiments_pb2_grpc import add_ExperimentsServiceServicer_to_server
from headstart.v1.fleet_pb2_grpc import add_FleetServiceServicer_to_server
from headstart.v1.identity_pb2_grpc import add_IdentityServiceServicer_to_server
from headstart.words.foreign.addresses import socket_path
from headstart.words.standing_by import ACTIVE_SERVICE

if TYPE_CHECKING:
    from headstart.collector.identity.own_identity import OwnIdentity

__all__ = ["Collector", "ConfigurationError", "FolderInUse", "StartFault"]

log = logging.getLogger(__name__)

# For calls under way when the collector stops; streams of agents are closed at once.
_GRACE_SECONDS = 0.5
_HOSTS_SECONDS = 5.0
# Of a thousand hosts it takes half a second, which records would wait for.
_HOSTS_REST = 30.0
# How soon whoever stands by sees what was revoked, and what watched runs have become.
_FOLLOW_SECONDS = 2.0
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVICES = (
    "",
    ACTIVE_SERVICE,
    "headstart.v1.ExperimentsService",
    "headstart.v1.AccessService",
    "headstart.v1.IdentityService",
)


class Collector:
    """Made by `start`; lives in one event loop."""

    def __init__(
        self,
        config: CollectorConfig,
        store: Store,
        contexts: Contexts,
        who_calls: WhoCalls,
        identity: "OwnIdentity | None",
        decide: Decide | None = None,
        standing_by: StandingBy | None = None,
    ) -> None:
        """For `start` alone. `standing_by`: another collector has the agents, this one reads."""
        # What it listens on, as it can be dialled.
        self.addresses: tuple[str, ...] = ()
        self.metrics_port: int | None = None
        self.enrolment_port: int | None = None
        self._config = config
        self._store = store
        self._contexts = contexts
        self._own = SelfMetrics(version("headstart"))
        self._own.watch_store(lambda: store.problem, lambda: store.commit_seconds)
        self._exposition = Exposition(
            self._own, store.id, config.metrics_series, detailed=config.metrics_detailed
        )
        self._publisher = Publisher(store, self._exposition)
        self._clock = ClockWatch(store)
        self._analyst = Analyst(
            store,
            self._own,
            on_result=self._publisher.ended,
            limits=config.jobs,
            keeps=standing_by is None,
        )
        self._exporter = Exporter(store, self._analyst.pool)
        self._fleet = Fleet(
            config,
            store,
            self._own,
            decide=decide or self._analyst.decide,
            on_ended=self._analyst.ended,
        )
        self._regressions = Regressions(
            store,
            self._analyst.pool,
            self._fleet.dispatch.queued,
            confirm=config.confirm_regressions,
            on_shifts=lambda shifts: self._exposition.update(shifts=shifts),
            after=self._publisher.is_whole,
        )
        self._analyst.on_stored(self._regressions.stored)
        self._fleet.orders.on_changed(self._publisher.changed)
        self._fleet.orders.on_changed(self._regressions.show)
        self._who_calls = who_calls
        self._revoked = RevokedCallers(store)
        self._trail = AuditTrail(store)
        self._sightings = Sightings(store)
        self._guard = Guard(who_calls, self._revoked, self._trail, self._sightings, self._own)
        self._guard.open_calls.on_ended(
            lambda call: self._fleet.expel(call.caller.serial, call.ended)
        )
        self._fleet.refused_host = self._revoked.of_host
        self._identity = identity
        self._standing_by = standing_by
        if standing_by is not None:
            self._own.stands_by()
        self._tasks = Tasks()
        self._parts = AsyncExitStack()

    @classmethod
    async def start(
        cls,
        config: CollectorConfig,
        decide: Decide | None = None,
        turn: Turn | None = None,
    ) -> Self:
        """Listen, and take up what the data folder holds. Raises StartFault.

        `decide` says whether a run does another block; by default the verdicts do. `turn`: of a
        collector that shares its database with others; by default nobody else may use the store.
        """
        check_exposure(config)
        _scrape_secrets(config)
        roles = RolesFile(config.roles) if config.roles is not None else None
        database = _database(config, turn)
        try:
            store = await Store.open(
                config.data,
                database,
                group_seconds=config.timing.group_seconds,
                quotas=config.quotas,
                # A start that fails changes no store: the release before can go on with it.
                before_change=lambda: check_free(config),
                prepared=_prepared(turn),
            )
        except StoreFault as fault:
            # Such as another collector that took over meanwhile.
            raise StartFault(f"{database.shown} cannot hold the store: {fault}") from fault
        except (OSError, DBAPIError) as error:
            what = words_of(error) if isinstance(error, DBAPIError) else str(error)
            if config.store and isinstance(error, DBAPIError):
                raise StartFault(f"{database.shown} cannot hold the store: {what}") from None
            if isinstance(error, DBAPIError) and kind_of(error) is FaultKind.DAMAGED:
                raise StartFault(
                    f"the store in {config.data} is damaged ({what}): move the folder away and "
                    "restore a backup (headstart restore)"
                ) from None
            raise StartFault(f"{config.data} cannot hold the store: {what}") from error
        try:
            contexts = Contexts(config.data / "contexts", config.quotas)
        except OSError as error:
            await store.close()
            raise StartFault(f"{config.data} cannot hold contexts of builds: {error}") from error
        try:
            identity = own_identity(config, store)
        except StartFault:
            await store.close()
            raise
        own = [identity.authority.pem] if identity is not None else []
        who_calls = WhoCalls(roles, config.plaintext, lambda: own)
        standing_by = None
        if turn is not None and turn.term is None:
            standing_by = StandingBy(turn.active_address)
        collector = cls(config, store, contexts, who_calls, identity, decide, standing_by)
        try:
            await collector._start()
        except StoreFault as fault:
            # The disk or the database went away meanwhile.
            await collector.stop()
            raise StartFault(str(fault)) from fault
        except BaseException:
            await collector.stop()
            raise
        return collector

    async def _start(self) -> None:
        # Stopped in the opposite order.
        self._parts.push_async_callback(self._store.close)
        self._parts.push_async_callback(self._tasks.stop)
        await self._revoked.load()
        if self._standing_by is not None:
            await self._start_reading()
            return
        await self._clock.begin()
        self._tasks.start(self._store.keep_looking(), "the looking after the disk")
        store_restores.remind(await self._store.read(store_restores.all_of), self._store.now())
        self._tasks.start(self._trail.keep(), "the audit")
        self._parts.push_async_callback(self._trail.finish)
        self._tasks.start(self._sightings.keep(), "the noting of callers")
        self._tasks.start(self._guard.keep_roles(), "the following of the roles file")
        self._exporter.clear()
        self._parts.push_async_callback(self._analyst.stop)
        await self._analyst.start()
        self._parts.push_async_callback(self._fleet.stop)
        await self._fleet.start()
        self._parts.push_async_callback(self._regressions.stop)
        await self._regressions.start()
        await self._serve()
        if self._identity is not None:
            self._identity.port = self.port
            self._tasks.start(self._identity.keep_fresh(), "the renewal of the certificate")
            self.enrolment_port = await serve_enrolment(
                self._config,
                self._identity,
                self._store,
                self._fleet.attends,
                self._trail,
                self._own,
                self._parts,
            )
        await self._serve_metrics()
        self._tasks.start(
            self._clock.keep(self._publisher.clock_set_back), "the watch over the clock"
        )
        self._tasks.start(keep_within(self._store, self._config.retention), "retention")
        self._tasks.start(self._contexts.keep_needed(self._store), "the removal of contexts")

    async def _start_reading(self) -> None:
        """What a collector that stands by has: what changes nothing, and follows the active one."""
        self._tasks.start(self._guard.keep_roles(), "the following of the roles file")
        self._tasks.start(self._follow_store(), "the following of the active collector")
        self._parts.push_async_callback(self._analyst.stop)
        self._publisher.is_whole.set()
        await self._serve()
        if self._identity is not None:
            self._identity.port = self.port
            self._tasks.start(self._identity.keep_fresh(), "the renewal of the certificate")
        await self._serve_metrics()

    async def _follow_store(self) -> None:
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            try:
                await self._revoked.load()
                self._guard.recheck()
                self._fleet.dispatch.changes.publish_all()
            except Exception as error:
                why = traceback_of(error)
                log.warning("what the active collector does is not seen: %s", error, exc_info=why)

    async def _serve(self) -> None:
        config = self._config
        standing_by = self._standing_by
        server = grpc.aio.server(
            options=server_options(config),
            # Counted before they are refused.
            interceptors=[
                *([standing_by] if standing_by is not None else []),
                *([Callers(self._own)] if config.port_tls else []),
                self._guard,
            ],
        )
        add_FleetServiceServicer_to_server(
            FleetServer(
                self._fleet,
                config.timing,
                self._own,
                ContextRequests(self._store, self._contexts),
                self._who_calls,
            ),
            server,
        )
        add_ExperimentsServiceServicer_to_server(
            ExperimentsServer(
                config,
                self._store,
                self._contexts,
                self._fleet,
                self._analyst,
                self._exporter,
                self._regressions,
            ),
            server,
        )
        add_AccessServiceServicer_to_server(
            AccessServer(
                self._store,
                self._who_calls,
                self._revoked,
                self._sightings,
                self._guard.open_calls,
                self._trail,
            ),
            server,
        )
        if config.tls is not None and config.roles is None:
            log.warning(
                "each certificate of %s is an agent's, for the host that it names, and may do "
                "nothing else: to have operators and readers, write operator = "
                '["NAME-IN-CERTIFICATE"] into a file and start with --roles FILE. Whoever may open '
                "the collector's socket is an operator",
                config.tls.client_authority,
            )
        add_IdentityServiceServicer_to_server(
            IdentityServer(self._store, self._identity, config.identity, self._trail), server
        )
        health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        sockets = ExitStack()
        self._parts.callback(sockets.close)
        self.addresses = listen(server, config, sockets, self._own)
        for service in _SERVICES:
            serves = standing_by is None or service != ACTIVE_SERVICE
            await health.set(service, _SERVING if serves else _NOT_SERVING)
        await server.start()

        async def stop() -> None:
            await health.enter_graceful_shutdown()
            self._fleet.close_streams()
            await server.stop(_GRACE_SECONDS)

        self._parts.push_async_callback(stop)

    async def _serve_metrics(self) -> None:
        config = self._config
        if config.metrics_listen is None:
            self._publisher.is_whole.set()
            return
        # aiohttp takes half a second to import, which a collector without metrics saves.
        from headstart.collector.metrics.application import metrics_application
        from headstart.collector.transport.http_server import HttpServer

        application = metrics_application(
            self._exposition,
            lambda: self._store.problem or self._store.slowness,
            self._publisher.is_whole,
            _scrape_secrets(config),
            self._standing_by.words() if self._standing_by is not None else "",
        )
        server = await HttpServer.start(
            config.metrics_listen, application, self._own, config.metrics_tls
        )
        self.metrics_port = server.port
        self._parts.push_async_callback(server.close)
        if self._standing_by is not None:
            # What is exposed twice counts twice.
            return
        self._tasks.start(self._publisher.take_up(), "the exposition of stored results")
        self._tasks.start(self._expose_hosts(), "the exposition of hosts")

    async def _expose_hosts(self) -> None:
        while True:
            began = time.monotonic()
            try:
                hosts = await self._fleet.hosts()
                await asyncio.to_thread(self._exposition.update, hosts=hosts)
            except Exception as error:
                words = "the exposition of hosts stays as it was: %s"
                log.error(words, error, exc_info=traceback_of(error))
            took = time.monotonic() - began
            await asyncio.sleep(max(_HOSTS_SECONDS, _HOSTS_REST * took))

    @property
    def port(self) -> int:
        """The port of its first TCP address."""
        return next(int(a.rpartition(":")[2]) for a in self.addresses if socket_path(a) is None)

    async def stop(self) -> None:
        """Close every stream, finish what was taken, release the folder's lock. Idempotent."""
        await self._parts.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()


def _database(config: CollectorConfig, turn: Turn | None) -> Database:
    """Raises StartFault."""
    if turn is None:
        return database_of(config.store, config.data.absolute() / FILE_NAME)
    from headstart.collector.store.postgresql import PostgresDatabase

    term = turn.term.number if turn.term is not None else 0
    return PostgresDatabase(config.store, alone=False, fence=turn.fence, term=term)


def _prepared(turn: Turn | None) -> Callable[[Connection], object]:
    if turn is None:
        return prepare
    if (term := turn.term) is None:
        return require_known
    from headstart.collector.store.postgresql import begin_term

    def prepared(connection: Connection) -> None:
        turn.fence(connection)
        prepare(connection)
        begin_term(connection, term.number)

    return prepared


def _scrape_secrets(config: CollectorConfig) -> ScrapeSecrets | None:
    """Raises StartFault where a file cannot be used."""
    if not config.metrics_have_secrets:
        return None
    return ScrapeSecrets(config.metrics_tokens, config.metrics_passwords)
