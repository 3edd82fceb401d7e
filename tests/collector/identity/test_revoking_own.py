"""Certificates of the collector's own authority that are revoked: by name, for those there are."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from headstart.agent.uplink.enrolled import Enrolled, keep
from headstart.agent.uplink.renewal import NotRenewed, renew
from headstart.cli.enrolling import new_key
from headstart.v1.access_pb2 import RevokeRequest, RevokeResponse
from headstart.v1.access_pb2_grpc import AccessServiceStub
from headstart.v1.experiments_pb2 import ListHostsRequest, SubmitRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import AttendRequest
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.roles import Identity, Role
from support.attending import hello, in_loop
from support.enrolling import Fleet, fleet
from support.roles import status

DENIED = grpc.StatusCode.PERMISSION_DENIED


async def revoked(door: Fleet, name: str) -> RevokeResponse:
    async with grpc.aio.insecure_channel(door.collector.addresses[0]) as channel:
        return await AccessServiceStub(channel).Revoke(RevokeRequest(name=name, reason="stolen"))


async def greeted(door: Fleet, who: Enrolled, host: str) -> grpc.StatusCode:
    async with door.channel(who) as channel:
        stream = FleetServiceStub(channel).Attend()
        # A refusal may come before it.
        with suppress(grpc.aio.AioRpcError):
            await stream.write(AttendRequest(hello=hello(host, f"stream-{time.monotonic_ns()}")))
        code, _ = await status(stream)
        stream.cancel()
    return code


@in_loop
async def test_a_role_is_that_of_the_token_and_nothing_else(tmp_path: Path) -> None:
    async with fleet(tmp_path) as door:
        allowed: dict[str, Any] = {}
        for role in Role:
            who = await door.enrolled(tmp_path / role, role, f"{role}-1")
            async with door.channel(who) as channel:
                stub = ExperimentsServiceStub(channel)
                allowed[role] = [
                    (await status(call))[0] is not DENIED
                    for call in (stub.ListHosts(ListHostsRequest()), stub.Submit(SubmitRequest()))
                ]
            allowed[role].append(await greeted(door, who, f"{role}-1") is not DENIED)

        assert allowed == {
            Role.AGENT: [False, False, True],
            Role.OPERATOR: [True, True, False],
            Role.READER: [True, False, False],
        }


@in_loop
async def test_a_revoked_host_renews_nothing_and_comes_back_by_a_new_token_alone(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path) as door:
        before = await door.token("agent", name="h1")
        who = await door.enrolled(tmp_path / "h1", "agent", "h1")
        assert await greeted(door, who, "h1") is grpc.StatusCode.OK

        done = await revoked(door, "h1")

        assert (len(done.serials), done.unknown) == (1, False)
        assert await greeted(door, who, "h1") is DENIED
        with pytest.raises(NotRenewed, match="was revoked: stolen"):
            await asyncio.to_thread(renew, who, who.collector)
        with pytest.raises(grpc.aio.AioRpcError, match="revoked"):
            await door.enroll(before, "h1")

        key = new_key()
        answer = await door.enroll(await door.token("agent", name="h1"), "h1", key)
        again = keep(
            tmp_path / "h1",
            answer.collector,
            answer.issued.authority_pem,
            key,
            answer.issued.certificate_pem,
            Identity(Role.AGENT, "h1"),
        )
        assert await greeted(door, again, "h1") is grpc.StatusCode.OK
