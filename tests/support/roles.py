"""A collector with certificates and roles, and whoever calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from headstart.collector.config import TlsFiles
from headstart.collector.server import Collector
from headstart.v1.access_pb2 import AuditEntry, ListAuditRequest, RevokeRequest, RevokeResponse
from headstart.v1.access_pb2_grpc import AccessServiceStub
from headstart.v1.experiments_pb2 import SubmitRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import AttendRequest, AttendResponse
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from support.attending import EXPERIMENT, Attending, collecting, hello
from support.certificates import Authority, Certificate, roles_file

OPERATOR, READER, BENCH = "alice@example.com", "bob@example.com", "bench-1"


@dataclass
class Guarded:
    """Made by `guarded`; `socket` is the collector's own."""

    collector: Collector
    authority: Authority
    socket: str
    roles: Path
    _issued: dict[str, Certificate] = field(default_factory=dict)

    def issue(self, name: str) -> Certificate:
        """The certificate of a name, the same each time."""
        if name not in self._issued:
            kind = "email" if "@" in name else "DNS"
            self._issued[name] = self.authority.issue(name, kind=kind)
        return self._issued[name]

    @asynccontextmanager
    async def channel(self, name: str) -> AsyncIterator[grpc.aio.Channel]:
        """A connection of its own, by the certificate of a name."""
        own = self.issue(name)
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate.read_bytes(),
            own.key.read_bytes(),
            own.certificate.read_bytes(),
        )
        options = [("grpc.use_local_subchannel_pool", 1)]
        address = f"localhost:{self.collector.port}"
        async with grpc.aio.secure_channel(address, credentials, options) as channel:
            yield channel

    async def revoke(self, name: str, **more: Any) -> RevokeResponse:
        """By the socket."""
        async with grpc.aio.insecure_channel(self.socket) as channel:
            return await AccessServiceStub(channel).Revoke(RevokeRequest(name=name, **more))

    async def audit(self, **asked: Any) -> list[AuditEntry]:
        """By the socket, the newest first."""
        async with grpc.aio.insecure_channel(self.socket) as channel:
            found = await AccessServiceStub(channel).ListAudit(ListAuditRequest(**asked))
        return list(found.entries)


@asynccontextmanager
async def guarded(folder: Path, **settings: Any) -> AsyncIterator[Guarded]:
    """alice is an operator, bob a reader; whoever else has a certificate is an agent."""
    authority = Authority(folder / "authority")
    own = authority.issue("localhost")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    socket = f"unix:{folder / 'c.sock'}"
    roles = roles_file(folder, operator=[OPERATOR], reader=[READER])
    given = {"listen": (socket, "localhost:0"), "tls": tls, "roles": roles, "plaintext": False}
    async with collecting(folder / "data", **(given | settings)) as collector:
        yield Guarded(collector, authority, socket, roles)


async def status(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a call ends that is refused; OK of one that is not, once it has answered."""
    try:
        if hasattr(call, "read"):
            await call.read()
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


async def attending(channel: grpc.aio.Channel, host: str = BENCH) -> Attending:
    """An agent on a connection."""
    stream = FleetServiceStub(channel).Attend()
    await stream.write(AttendRequest(hello=hello(host)))
    first = await stream.read()
    assert isinstance(first, AttendResponse)
    return Attending(stream, first.welcome)


async def submitted(door: Guarded) -> str:
    """A run of the operator's, by its id."""
    async with door.channel(OPERATOR) as channel:
        stub = ExperimentsServiceStub(channel)
        made = await stub.Submit(
            SubmitRequest(source_text=EXPERIMENT, base_directory="/srv", file_name="players.yaml")
        )
    return str(made.runs[0].run_id)
