"""A certificate that is revoked: what is open ends, what is new is refused, a restart included."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from headstart.collector.api.service import ExperimentsServer
from headstart.collector.config import CollectorConfig, TlsFiles
from headstart.collector.server import Collector
from headstart.v1.access_pb2 import ListIdentitiesRequest, RevokeRequest
from headstart.v1.access_pb2_grpc import AccessServiceStub
from headstart.v1.experiments_pb2 import (
    CancelRequest,
    GetRequest,
    ListHostsRequest,
    ReportRequest,
    ReportResponse,
    RunState,
    WatchRequest,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.denied import DENIED_KEY, REVOKED
from support.attending import in_loop
from support.roles import (
    BENCH,
    OPERATOR,
    READER,
    Guarded,
    attending,
    guarded,
    status,
    submitted,
)

DENIED = grpc.StatusCode.PERMISSION_DENIED


async def identities(door: Guarded) -> dict[str, str]:
    """Name -> why it was revoked, of everybody who was seen."""
    async with grpc.aio.insecure_channel(door.socket) as channel:
        found = await AccessServiceStub(channel).ListIdentities(ListIdentitiesRequest())
    return {each.name: each.revoked_reason for each in found.identities}


@in_loop
async def test_an_agents_stream_ends_with_the_reason_and_its_run_is_queued_again(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path) as door, door.channel(BENCH) as channel:
        agent = await attending(channel)
        run_id = await submitted(door)
        await agent.until("lease")

        done = await door.revoke(BENCH, reason="stolen")

        assert done.ended_calls == 1
        code, words = await agent.ended()
        assert (code, words) == (DENIED, "the certificate of 'bench-1' was revoked: stolen")
        assert (DENIED_KEY, REVOKED) in list(await agent.stream.trailing_metadata())
        async with grpc.aio.insecure_channel(door.socket) as own:
            stub = ExperimentsServiceStub(own)
            async with asyncio.timeout(20):
                while True:
                    run = (await stub.Get(GetRequest(run_id=run_id))).run
                    if run.state == RunState.RUN_STATE_QUEUED:
                        break
                    await asyncio.sleep(0.02)
            assert run.reason == (
                "attempt 1 was lost: the certificate of 'bench-1' was revoked: stolen"
            )
            (host,) = (await stub.ListHosts(ListHostsRequest())).hosts
            assert not host.connected
            assert host.not_ready == "its certificate was revoked: stolen"

        again = FleetServiceStub(channel).Attend()
        assert await status(again) == (DENIED, words)


@in_loop
async def test_whoever_watches_is_cut_off_and_others_go_on(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(BENCH) as bench:
        agent = await attending(bench)
        run_id = await submitted(door)
        async with door.channel(READER) as one, door.channel(OPERATOR) as other:
            watching = [
                ExperimentsServiceStub(c).Watch(WatchRequest(run_id=run_id)) for c in (one, other)
            ]
            for watch in watching:
                await watch.read()
            await door.revoke(READER, reason="left us")

            async with asyncio.timeout(20):
                assert await watching[0].code() is DENIED
            assert not watching[1].done()
            code, words = await status(ExperimentsServiceStub(one).ListHosts(ListHostsRequest()))
            assert (code, words) == (
                DENIED,
                "the certificate of 'bob@example.com' was revoked: left us",
            )
            watching[1].cancel()
        agent.stream.cancel()


@in_loop
async def test_a_revocation_outlives_a_restart_until_it_is_taken_back(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        async with door.channel(READER) as channel:
            await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())
        await door.revoke(READER, reason="left us")
        assert (await identities(door))[READER] == "left us"
        await door.collector.stop()
        own = door.issue("localhost")
        config = CollectorConfig(
            data=tmp_path / "data",
            listen=(door.socket, "localhost:0"),
            tls=TlsFiles(own.certificate, own.key, door.authority.certificate),
            roles=door.roles,
        )
        door.collector = await Collector.start(config)
        async with door.channel(READER) as channel:
            stub = ExperimentsServiceStub(channel)
            assert (await status(stub.ListHosts(ListHostsRequest())))[0] is DENIED
            await door.revoke(READER, take_back=True)
            await stub.ListHosts(ListHostsRequest())
        await door.collector.stop()


@in_loop
async def test_whoever_revokes_itself_is_answered_that_it_is_done(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(OPERATOR) as channel:
        done = await AccessServiceStub(channel).Revoke(RevokeRequest(name=OPERATOR))
        listing = ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())

        assert done.ended_calls == 0
        assert (await status(listing))[0] is DENIED


@in_loop
async def test_a_second_revocation_keeps_the_reason_unless_it_has_another(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        async with door.channel(READER) as channel:
            await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())
        said = []
        for reason in ("left us", "", "stolen"):
            await door.revoke(READER, reason=reason)
            said.append((await identities(door))[READER])

    assert said == ["left us", "left us", "stolen"]


@in_loop
async def test_one_certificate_is_revoked_by_its_serial_number(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        async with door.channel(READER) as channel:
            await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())
        async with grpc.aio.insecure_channel(door.socket) as own:
            stub = AccessServiceStub(own)
            found = (await stub.ListIdentities(ListIdentitiesRequest())).identities
            (serial,) = (each.serial for each in found if each.name == READER)
            colons = ":".join(serial.zfill(40).upper()[i : i + 2] for i in range(0, 40, 2))
            await stub.Revoke(RevokeRequest(serial=colons))
        async with door.channel(READER) as channel:
            listed = ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())
            assert (await status(listed))[0] is DENIED
        del door._issued[READER]
        async with door.channel(READER) as channel:
            await ExperimentsServiceStub(channel).ListHosts(ListHostsRequest())


@in_loop
async def test_whoever_loses_a_role_in_the_file_is_cut_off(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(BENCH) as bench:
        agent = await attending(bench)
        run_id = await submitted(door)
        async with door.channel(READER) as channel:
            watch = ExperimentsServiceStub(channel).Watch(WatchRequest(run_id=run_id))
            await watch.read()
            door.roles.write_text(f'operator = ["{OPERATOR}"]')
            async with asyncio.timeout(20):
                assert await watch.code() is DENIED
            assert "may not call Watch" in (await watch.details() or "")
        agent.stream.cancel()


@in_loop
async def test_a_call_whose_client_reads_nothing_is_ended_too(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        behaviour = ExperimentsServer.Report

        async def endless(_self: Any, _request: Any, _context: Any) -> Any:
            while True:
                yield ReportResponse(chunk=b"x" * 500_000)

        ExperimentsServer.Report = endless  # type: ignore[assignment,method-assign]
        try:
            await door.collector.stop()
            door.collector = await Collector.start(door.collector._config)
        finally:
            ExperimentsServer.Report = behaviour  # type: ignore[method-assign]
        async with door.channel(READER) as channel:
            report = ExperimentsServiceStub(channel).Report(ReportRequest(run_id="1"))
            await report.read()
            async with asyncio.timeout(20):
                done = await door.revoke(READER)
                assert done.ended_calls == 1
                while door.collector._guard.open_calls.by_serial().total() > 1:
                    await asyncio.sleep(0.02)
                with suppress(grpc.aio.AioRpcError):
                    while (await report.read()) is not grpc.aio.EOF:
                        pass
                assert await report.code() is DENIED
        await door.collector.stop()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"name": "a", "serial": "1"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"serial": "xyz"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"name": "a" * 300}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"name": "nobody", "take_back": True}, grpc.StatusCode.NOT_FOUND),
    ],
)
def test_what_cannot_be_revoked_is_said(
    tmp_path: Path, asked: dict[str, str], code: grpc.StatusCode
) -> None:
    @in_loop
    async def ask() -> None:
        async with guarded(tmp_path) as door, grpc.aio.insecure_channel(door.socket) as channel:
            request = RevokeRequest(**asked)  # type: ignore[arg-type]
            assert (await status(AccessServiceStub(channel).Revoke(request)))[0] is code

    ask()


@in_loop
async def test_the_audit_has_commands_and_refusals_with_who_and_what(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door, door.channel(BENCH) as bench:
        agent = await attending(bench)
        run_id = await submitted(door)
        async with door.channel(OPERATOR) as channel:
            stub = ExperimentsServiceStub(channel)
            await stub.Cancel(CancelRequest(run_id=run_id, reason="a typo"))
            assert (await status(stub.Cancel(CancelRequest(run_id="zz"))))[0] is (
                grpc.StatusCode.NOT_FOUND
            )
        assert (await status(ExperimentsServiceStub(bench).Cancel(CancelRequest(run_id=run_id))))[
            0
        ] is DENIED
        await door.revoke("carol", reason="never came")

        entries = [
            (each.who, each.role, each.action, each.object, each.outcome)
            for each in reversed(await door.audit())
        ]
        assert entries == [
            (OPERATOR, "operator", "submit", f"players: run {run_id} on bench-1", "done"),
            (OPERATOR, "operator", "cancel", f"run {run_id}", "done"),
            (OPERATOR, "operator", "cancel", "run zz", "not_found"),
            (BENCH, "agent", "Cancel", "", "denied"),
            ("the socket", "agent+operator+reader", "revoke", "carol", "done"),
        ]
        assert [each.detail for each in await door.audit(who="the socket")] == ["never came"]
        first, *_ = await door.audit(who=OPERATOR)
        assert first.serial
        assert first.peer.startswith("ipv")
        assert await door.audit(since_time_seconds=first.time_seconds + 3600) == []
        agent.stream.cancel()
