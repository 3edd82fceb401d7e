"""Renewal: the same role and name for whoever has a certificate that holds, never more."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import Connection

from headstart.agent.uplink.enrolled import enrolled_in
from headstart.agent.uplink.renewal import NotRenewed, _look, keep_renewed, renew
from headstart.cli.connection import enrolled_connection
from headstart.cli.enrolling import new_key
from headstart.collector.identity.revoked_callers import RevokedCallers
from headstart.collector.store.issued import (
    Certificate,
    TooManyCertificates,
    add_certificate,
    holds_until,
    of_serial,
)
from headstart.collector.store.store import Store
from headstart.v1.identity_pb2 import RenewRequest
from headstart.v1.identity_pb2_grpc import IdentityServiceStub
from headstart.words.foreign.certificates import CertificateProblem
from headstart.words.roles import Identity, Role
from support.attending import in_loop
from support.enrolling import fleet, request_of


@in_loop
async def test_it_gives_the_same_role_and_name_and_a_later_end(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        before = await here.enrolled(tmp_path / "bench", name="bench-1")
        key = before.file.read_bytes().split(b"-----END PRIVATE KEY")[0]
        after = await asyncio.to_thread(renew, before, before.collector)
        rows = await here.collector._store.read(
            lambda c: c.exec_driver_sql(
                "SELECT serial, role, name, token_id, renewed_from FROM certificates "
                "ORDER BY issued_seconds"
            ).all()
        )

    assert after.identity == before.identity == Identity(Role.AGENT, "bench-1")
    assert after.holds.names == ("headstart://agent/bench-1", "bench-1")
    assert after.holds.ends >= before.holds.ends
    assert after.file.read_bytes().startswith(key)
    assert [(row.role, row.name) for row in rows] == [("agent", "bench-1")] * 2
    assert rows[0].token_id
    assert rows[0].renewed_from == rows[1].token_id == ""
    assert rows[1].renewed_from == rows[0].serial


@in_loop
async def test_a_request_for_more_gets_the_same(tmp_path: Path) -> None:
    """What a request says of names is passed over; another key of the same host is not."""
    async with fleet(tmp_path) as here:
        who = await here.enrolled(tmp_path / "r", "reader", "eve")
        async with here.channel(who) as channel:
            request = RenewRequest(certificate_signing_request_pem=request_of(new_key()))
            answer = await IdentityServiceStub(channel).Renew(request)
        # Of another key than the one there: the file stays.
        kept = who.file.read_bytes()
        with pytest.raises(CertificateProblem, match="is not the key of"):
            who.renewed(answer.issued.certificate_pem)

    assert who.file.read_bytes() == kept
    assert sorted(each.name for each in who.folder.iterdir()) == sorted(
        ["identity.pem", "lock", who.authority.name]
    )


@in_loop
async def test_a_hosts_certificate_is_no_collectors(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        host = await here.enrolled(tmp_path / "bench", name="localhost")
        pair = (host.file.read_bytes(), host.file.read_bytes())
        server = grpc.aio.server()
        port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([pair]))
        await server.start()
        credentials = grpc.ssl_channel_credentials(here.authority)
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await IdentityServiceStub(channel).Renew(RenewRequest(), timeout=20)
        await server.stop(0)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.details())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE certificates SET revoked_at = 1.0", "was revoked"),
        ("DELETE FROM certificates", "has no record of certificate"),
        ("UPDATE certificates SET expires_seconds = 1.0", "has expired"),
    ],
)
@in_loop
async def test_what_was_revoked_forgotten_or_is_over_is_not_renewed(
    tmp_path: Path, change: str, why: str
) -> None:
    async with fleet(tmp_path) as here:
        who = await here.enrolled(tmp_path / "bench")
        await here.collector._store.write(lambda c: c.exec_driver_sql(change))
        with pytest.raises(NotRenewed, match=why):
            await asyncio.to_thread(renew, who, who.collector)


@in_loop
async def test_a_name_that_is_revoked_keeps_no_certificate_that_was_renewed_meanwhile(
    tmp_path: Path,
) -> None:
    def certificate(serial: str, renewed_from: str = "") -> Certificate:
        return Certificate(
            serial, "agent", "h1", 1.0, 2e9, b"key", b"pem", renewed_from=renewed_from
        )

    def renew_unless_revoked(connection: Connection) -> None:
        before = of_serial(connection, "1")
        assert before is not None
        if before.revoked_at is None and of_serial(connection, "2") is None:
            add_certificate(connection, certificate("2", renewed_from="1"))

    class Slow(Store):
        """Behind each reading, a certificate is renewed that still may be."""

        async def read(self, query: Callable[[Connection], Any]) -> Any:
            found = await super().read(query)
            await self.write(renew_unless_revoked)
            return found

    async with Slow(tmp_path) as store:
        await store.write(lambda c: add_certificate(c, certificate("1")))
        await RevokedCallers(store).revoke("h1", "", "taken over", "a test")

        assert await store.write(lambda c: holds_until(c, "agent", "h1", 10.0)) == 0


@in_loop
async def test_nobody_renews_without_end(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        who = await here.enrolled(tmp_path / "bench")
        async with here.channel(who) as channel:
            stub = IdentityServiceStub(channel)
            request = RenewRequest(certificate_signing_request_pem=who.request())
            # Enrolment gave the first.
            for _ in range(29):
                await stub.Renew(request)
            with pytest.raises(grpc.aio.AioRpcError, match="30 certificates within an hour"):
                await stub.Renew(request)


@in_loop
async def test_who_has_certificates_of_two_minutes_gets_as_many_as_their_renewal_takes(
    tmp_path: Path,
) -> None:
    def give(connection: Connection) -> None:
        for number in range(150):
            add_certificate(
                connection,
                Certificate(
                    str(number), "agent", "h1", 10.0 * number, 10.0 * number + 120, b"", b""
                ),
            )

    async with Store(tmp_path) as store:
        await store.write(give)
        one_more = Certificate("150", "agent", "h1", 1500.0, 1620.0, b"", b"")
        with pytest.raises(TooManyCertificates, match="150 certificates within an hour"):
            await store.write(lambda c: add_certificate(c, one_more))


@in_loop
async def test_an_agent_renews_past_half_of_the_time_and_not_before(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        who = await here.enrolled(tmp_path / "bench")
        asked: list[float] = []

        def clock() -> float:
            asked.append(who.renewal_time - 1 if len(asked) < 6 else who.renewal_time + 1)
            return asked[-1]

        early = asyncio.create_task(keep_renewed(who.folder, lambda: who.collector, clock))
        while len(asked) < 3:
            await asyncio.sleep(0.01)
        early.cancel()
        assert who.file.read_bytes() == (await here_again(who.folder))
        before = who.file.read_bytes()
        asked[:] = [0.0] * 6
        late = asyncio.create_task(keep_renewed(who.folder, lambda: who.collector, clock))
        while who.file.read_bytes() == before:
            await asyncio.sleep(0.01)
        late.cancel()
        found = enrolled_in(who.folder)

    assert found is not None
    assert found.identity == who.identity


@in_loop
async def test_a_collector_is_not_asked_all_the_time_however_short_its_certificates(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, client_seconds=600.0) as here:
        who = await here.enrolled(tmp_path / "bench")
        wait = await asyncio.to_thread(_look, who.folder, who.collector, lambda: who.holds.ends)

    assert wait is not None
    assert wait >= 1.0


@in_loop
async def test_a_command_renews_the_certificate_that_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fleet(tmp_path) as here:
        who = await here.enrolled(tmp_path / "anna", "operator", "anna")
        early = enrolled_connection(who.folder)
        assert early is not None
        assert (await asyncio.to_thread(early.reached)) == early
        before = who.file.read_bytes()
        monkeypatch.setattr("headstart.cli.connection._now", lambda: who.renewal_time + 1)
        late = await asyncio.to_thread(early.reached)

    assert late.enrolled is not None
    assert late.enrolled.identity == who.identity
    assert who.file.read_bytes() != before


@in_loop
async def test_the_collectors_own_new_certificate_is_shown_at_the_next_handshake(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path) as here:
        own = here.collector._identity
        assert own is not None
        assert here.collector.enrolment_port is not None
        ports = (here.collector.port, here.collector.enrolment_port)

        def shown() -> list[str]:
            return [ssl.get_server_certificate(("127.0.0.1", port), timeout=10) for port in ports]

        before = await asyncio.to_thread(shown)
        (here.data / "identity" / "server.pem").unlink()
        assert own.refresh()
        after = await asyncio.to_thread(shown)

    assert before[0] == before[1]
    assert after[0] == after[1] != before[0]


async def here_again(folder: Path) -> bytes:
    found = await asyncio.to_thread(enrolled_in, folder)
    assert found is not None
    return found.file.read_bytes()
