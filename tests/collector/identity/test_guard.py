"""Who may call what: by certificates, and by the doors that need none."""

import asyncio
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import headstart.v1
from headstart.collector.identity.call_roles import ROLES
from headstart.v1.access_pb2 import ListAuditRequest
from headstart.v1.access_pb2_grpc import AccessServiceStub
from headstart.v1.experiments_pb2 import ListHostsRequest, SubmitRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import AttendRequest
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.roles import Role
from support.attending import (
    Attending,
    channel_to,
    collecting,
    envelope,
    hello,
    in_loop,
    starting,
)
from support.certificates import Authority
from support.roles import BENCH, OPERATOR, READER, attending, guarded, status, submitted

DENIED = grpc.StatusCode.PERMISSION_DENIED


def calls() -> dict[str, tuple[type[Message], type[Message], bool]]:
    """Every method of ours: its messages, and whether it takes a stream."""
    found = {}
    for module in pkgutil.iter_modules(headstart.v1.__path__):
        if not module.name.endswith("_pb2"):
            continue
        file: Any = importlib.import_module(f"headstart.v1.{module.name}").DESCRIPTOR
        for service in file.services_by_name.values():
            for method in service.methods:
                found[f"/{service.full_name}/{method.name}"] = (
                    GetMessageClass(method.input_type),
                    GetMessageClass(method.output_type),
                    bool(method.client_streaming),
                )
    return found


async def called(channel: grpc.aio.Channel, method: str) -> tuple[grpc.StatusCode, str]:
    """How a call with an empty request ends; what it takes and gives besides does not matter."""
    given, answer, streams = calls()[method]
    make = channel.stream_stream if streams else channel.unary_stream
    stub: Any = make(method, given.SerializeToString, answer.FromString)
    call = stub(iter([given()]) if streams else given(), timeout=20)
    code, words = await status(call)
    call.cancel()
    return code, words


async def refused_to(channel: grpc.aio.Channel) -> set[str]:
    """The methods that whoever has this connection may not call."""
    return {
        method
        for method in ROLES
        if method in calls() and (await called(channel, method))[0] is DENIED
    }


@in_loop
async def test_an_agents_certificate_has_its_own_calls_and_no_other(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(BENCH) as channel:
        assert await refused_to(channel) == {
            method for method, roles in ROLES.items() if Role.AGENT not in roles
        }


@in_loop
async def test_a_reader_changes_nothing_and_is_no_agent(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(READER) as channel:
        assert await refused_to(channel) == {
            method for method, roles in ROLES.items() if Role.READER not in roles
        }


@in_loop
async def test_an_operator_does_all_but_what_agents_do(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(OPERATOR) as channel:
        assert await refused_to(channel) == {
            method for method, roles in ROLES.items() if Role.OPERATOR not in roles
        }


@in_loop
async def test_whoever_opens_the_socket_may_do_everything(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, grpc.aio.insecure_channel(door.socket) as channel:
        assert await refused_to(channel) == set()
    async with collecting(tmp_path / "open") as collector, channel_to(collector.port) as channel:
        assert await refused_to(channel) == set()


@in_loop
async def test_without_a_file_of_roles_each_certificate_is_an_agents(tmp_path: Path) -> None:
    async with guarded(tmp_path, roles=None) as door, door.channel(OPERATOR) as channel:
        code, words = await status(ExperimentsServiceStub(channel).Submit(SubmitRequest()))
        assert code is DENIED
        assert words == (
            "'alice@example.com' has the role 'agent' and may not call Submit, which takes the "
            "role 'operator'. Whoever keeps the collector writes operator = "
            '["alice@example.com"] into a file, such as /etc/headstart/roles.toml, and starts it '
            "with --roles FILE"
        )


@in_loop
async def test_a_refusal_says_what_to_write_where_and_that_holds_at_once(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel("carol@example.com") as channel:
        stub = ExperimentsServiceStub(channel)
        _, words = await status(stub.ListHosts(ListHostsRequest()))
        assert f'writes reader = ["carol@example.com"] into {door.roles}, which holds at once' in (
            words
        )
        door.roles.write_text('reader = ["carol@example.com"]')
        async with asyncio.timeout(20):
            while (await status(stub.ListHosts(ListHostsRequest())))[0] is not grpc.StatusCode.OK:
                await asyncio.sleep(0.05)


@in_loop
async def test_a_certificate_that_expired_or_is_another_authoritys_reaches_no_call(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path) as door:
        foreign = Authority(tmp_path / "foreign").issue(OPERATOR, kind="email")
        expired = door.authority.issue(OPERATOR, days=0, kind="email")
        for own in (foreign, expired):
            door._issued[OPERATOR] = own
            async with door.channel(OPERATOR) as channel:
                code, _ = await status(
                    ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())
                )
                assert code is grpc.StatusCode.UNAVAILABLE
        assert await door.audit() == []


@in_loop
async def test_a_name_of_our_own_scheme_by_another_authority_is_nobodys_role(
    tmp_path: Path,
) -> None:
    name = "headstart://operator/eve"
    async with guarded(tmp_path) as door:
        door._issued[name] = door.authority.issue("eve", kind="URI", value=name)
        async with door.channel(name) as channel:
            code, _ = await status(ExperimentsServiceStub(channel).Submit(SubmitRequest()))
            assert code is DENIED


@in_loop
async def test_an_agent_attends_as_the_host_of_its_certificate_alone(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(BENCH) as channel:
        for host, wanted in ((BENCH, grpc.StatusCode.OK), ("bench-2", DENIED)):
            stream = FleetServiceStub(channel).Attend()
            await stream.write(AttendRequest(hello=hello(host, f"stream-of-{host}")))
            assert (await status(stream))[0] is wanted
            stream.cancel()
        (denied,) = await door.audit()
        assert (denied.who, denied.action, denied.outcome) == (BENCH, "Attend", "denied")


@pytest.mark.alone
@in_loop
async def test_a_flood_of_refused_calls_leaves_an_agent_its_acks(tmp_path: Path) -> None:
    async def seconds(agent: Attending, run_id: str, first: int) -> float:
        """From a record to its ack, the median of some."""
        loop = asyncio.get_running_loop()
        times = []
        for sequence in range(first, first + 20):
            before = loop.time()
            await agent.send(envelope(sequence, run_id))
            await agent.acked(sequence)
            times.append(loop.time() - before)
        return sorted(times)[len(times) // 2]

    async def flood(channel: grpc.aio.Channel) -> None:
        stub = AccessServiceStub(channel)
        while True:
            await status(stub.ListAudit(ListAuditRequest()))

    async with guarded(tmp_path) as door, door.channel(BENCH) as honest:
        agent = await attending(honest)
        run_id = await submitted(door)
        await agent.until("lease")
        await agent.send(starting(1, run_id))
        alone = await seconds(agent, run_id, 2)
        async with door.channel(READER) as one, door.channel("bench-2") as other:
            floods = [asyncio.create_task(flood(c)) for c in (one, other) for _ in range(8)]
            beside = await seconds(agent, run_id, 22)
            for task in floods:
                task.cancel()
            await asyncio.gather(*floods, return_exceptions=True)
        denied = [entry for entry in await door.audit() if entry.outcome == "denied"]
        agent.stream.cancel()
    # An ack waits for its group of 50 ms by itself.
    assert beside < 20 * alone
    # Who floods us does not flood the audit.
    assert {entry.who for entry in denied} == {READER, "bench-2"}
    assert len(denied) <= 4
