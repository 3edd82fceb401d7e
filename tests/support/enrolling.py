"""A collector with an authority of its own, and whoever enrolls there."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from headstart.agent.uplink.enrolled import Enrolled, keep
from headstart.cli.enrolling import new_key
from headstart.collector.config import IdentitySettings
from headstart.collector.server import Collector
from headstart.v1.identity_pb2 import CreateTokenRequest, EnrollRequest, EnrollResponse
from headstart.v1.identity_pb2_grpc import EnrolmentServiceStub, IdentityServiceStub
from headstart.words.enrolment_token import EnrolmentToken, token_of
from headstart.words.roles import Identity, Role
from support.attending import collecting


@dataclass
class Fleet:
    """A collector, the socket of its owner, and its folder."""

    collector: Collector
    data: Path

    @property
    def authority(self) -> bytes:
        return (self.data / "identity" / "authority.pem").read_bytes()

    async def token(self, role: str = "agent", **more: Any) -> EnrolmentToken:
        """Made by the collector's owner."""
        async with grpc.aio.insecure_channel(self.collector.addresses[0]) as channel:
            values: dict[str, Any] = {"role": role, "lifetime_seconds": 600, "uses": 1}
            request = CreateTokenRequest(**(values | more))
            answer = await IdentityServiceStub(channel).CreateToken(request)
        return token_of(answer.text)

    async def enroll(
        self, token: EnrolmentToken, name: str = "h1", key: bytes = b"", **more: Any
    ) -> EnrollResponse:
        """As `headstart enroll` does; raises what the collector says."""
        credentials = grpc.ssl_channel_credentials(self.authority)
        values: dict[str, Any] = {
            "token_id": token.token_id,
            "secret": token.secret,
            "certificate_signing_request_pem": request_of(key or new_key()),
            "name": name,
            "clock_time_seconds": time.time(),
        }
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{self.collector.enrolment_port}", credentials, options
        ) as channel:
            answer: EnrollResponse = await EnrolmentServiceStub(channel).Enroll(
                EnrollRequest(**(values | more)), timeout=20
            )
        return answer

    async def enrolled(self, folder: Path, role: str = "agent", name: str = "h1") -> Enrolled:
        """An identity in a folder."""
        key = new_key()
        answer = await self.enroll(await self.token(role), name, key)
        return keep(
            folder,
            answer.collector,
            answer.issued.authority_pem,
            key,
            answer.issued.certificate_pem,
            Identity(Role(role), name),
        )

    @asynccontextmanager
    async def channel(self, who: Enrolled) -> AsyncIterator[grpc.aio.Channel]:
        """To the collector's own port, by somebody's certificate."""
        credentials = await asyncio.to_thread(who.tls.credentials)
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(who.collector, credentials, options) as channel:
            yield channel


def request_of(key: bytes) -> bytes:
    """The signing request that follows a key."""
    return key[key.index(b"-----BEGIN CERTIFICATE REQUEST") :]


def secret_hash(token: EnrolmentToken) -> bytes:
    """What a collector keeps of a token's secret."""
    return hashlib.sha256(token.secret).digest()


@asynccontextmanager
async def fleet(tmp_path: Path, **given: Any) -> AsyncIterator[Fleet]:
    """Started on free ports and a socket; with settings of its identity, or others."""
    data = tmp_path / "data"
    known = {each.name for each in fields(IdentitySettings)}
    own = {name: value for name, value in given.items() if name in known}
    settings = IdentitySettings(**({"enroll_listen": "127.0.0.1:0"} | own))
    async with collecting(
        data,
        listen=(f"unix:{data / 'c.sock'}", "127.0.0.1:0"),
        plaintext=False,
        identity=settings,
        **{name: value for name, value in given.items() if name not in known},
    ) as collector:
        yield Fleet(collector, data)
