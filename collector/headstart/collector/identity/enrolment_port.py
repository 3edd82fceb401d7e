"""The port where those come that have no certificate yet.

It is a server of its own: gRPC asks all clients of a port for certificates, or none. Nothing
but `EnrolmentService` is served there.
"""

from collections.abc import Callable
from functools import partial

import grpc.aio

from headstart.collector.config import CollectorConfig, TlsFiles
from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.enrolment import EnrolmentServer
from headstart.collector.identity.own_identity import OwnIdentity
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store.store import Store
from headstart.collector.transport.listening import bind_secure
from headstart.collector.transport.tls import open_credentials
from headstart.v1.identity_pb2_grpc import add_EnrolmentServiceServicer_to_server

_LARGEST_MESSAGE_BYTES = 16 << 10
_CONNECTIONS = 100
_CALLS = 50
# Strangers hold a connection no longer than a call takes.
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 4096),
    ("grpc.max_concurrent_streams", 1),
    ("grpc.server_handshake_timeout_ms", 2_000),
    ("grpc.max_connection_idle_ms", 2_000),
    ("grpc.max_connection_age_ms", 10_000),
    ("grpc.max_connection_age_grace_ms", 20_000),
    ("grpc.max_allowed_incoming_connections", _CONNECTIONS),
]


async def open_enrolment(
    config: CollectorConfig,
    own: OwnIdentity,
    store: Store,
    attends: Callable[[str], bool],
    trail: AuditTrail,
    metrics: SelfMetrics,
) -> "EnrolmentPort | None":
    """The port that `config` names; None: it names none. Raises StartFault."""
    address = config.identity.enroll_listen
    if address is None:
        return None
    service = EnrolmentServer(store, own, config.identity, attends, trail)
    opened = await EnrolmentPort.open(address, config.own_tls, service, metrics)
    own.enrolment_port = opened.port
    return opened


class EnrolmentPort:
    """Made by `open`."""

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        """For `open` alone."""
        self._server = server
        self.port = port

    @classmethod
    async def open(
        cls, address: str, files: TlsFiles, service: EnrolmentServer, metrics: SelfMetrics
    ) -> "EnrolmentPort":
        """Listen at "host:port". Raises StartFault."""
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=_CALLS)
        add_EnrolmentServiceServicer_to_server(service, server)
        port = bind_secure(server, address, partial(open_credentials, files, metrics))
        await server.start()
        return cls(server, port)

    async def close(self) -> None:
        """End what goes on."""
        await self._server.stop(0.5)
