"""Tokens for certificates: once, in time, by whom they were meant for, and nobody else."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from headstart.cli.enrolling import new_key
from headstart.collector.identity.wrong_secrets import WrongSecrets
from headstart.collector.store import tokens as store_tokens
from headstart.collector.store.issued import Certificate
from headstart.collector.store.store import Store
from headstart.collector.store.tokens import NewToken, TokenRefused
from headstart.v1.experiments_pb2 import ListHostsRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import AttendRequest, AttendResponse
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.v1.identity_pb2 import ListTokensRequest, RevokeTokenRequest
from headstart.v1.identity_pb2_grpc import IdentityServiceStub
from headstart.words.enrolment_token import EnrolmentToken
from support.attending import hello, in_loop
from support.enrolling import Fleet, fleet, request_of

Code = grpc.StatusCode


async def refused(here: Fleet, *arguments: Any, **fields: Any) -> tuple[Code, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await here.enroll(*arguments, **fields)
    return caught.value.code(), caught.value.details() or ""


@in_loop
async def test_a_token_gives_a_certificate_that_opens_the_port(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        bench = await here.enrolled(tmp_path / "bench", name="bench-1")
        async with here.channel(bench) as channel:
            stream = FleetServiceStub(channel).Attend()
            await stream.write(AttendRequest(hello=hello("bench-1")))
            first = await stream.read()
            assert isinstance(first, AttendResponse)
            assert first.HasField("welcome")
            stream.cancel()


@in_loop
async def test_one_use_is_one_use_however_many_come_at_once(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        token = await here.token()
        answers = await asyncio.gather(
            *(here.enroll(token, f"h{n}") for n in range(8)), return_exceptions=True
        )

    refusals = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert len(refusals) == 7
    assert {each.code() for each in refusals} == {Code.FAILED_PRECONDITION}
    assert "the token was used once, which is as often as it may be" in str(refusals[0].details())


@in_loop
async def test_the_same_key_gets_the_same_certificate_when_the_answer_was_lost(
    tmp_path: Path,
) -> None:
    key = new_key()
    async with fleet(tmp_path) as here:
        token = await here.token()
        first = await here.enroll(token, "h1", key)
    # The collector was killed after it had noted the use.
    async with fleet(tmp_path) as here:
        again = await here.enroll(token, "h1", key)
        code, _ = await refused(here, token, "h1")

    assert again.issued.certificate_pem == first.issued.certificate_pem
    assert code == Code.ALREADY_EXISTS


@in_loop
async def test_a_lost_answer_is_given_again_for_minutes_only(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        token = NewToken("t1", b"h", "agent", "", 1, "a test", 10_000.0)
        await store.write(lambda c: store_tokens.add(c, token, 0.0))
        row = Certificate("1", "agent", "h1", 100.0, 9_000.0, b"key", b"pem", "t1")

        assert await store.write(lambda c: store_tokens.use(c, row, 100.0)) == row
        assert await store.write(lambda c: store_tokens.use(c, row, 699.0)) == row
        with pytest.raises(TokenRefused, match="was used once"):
            await store.write(lambda c: store_tokens.use(c, row, 701.0))
        await store.write(lambda c: store_tokens.revoke(c, "t1", 650.0))
        with pytest.raises(TokenRefused, match="was revoked"):
            await store.write(lambda c: store_tokens.use(c, row, 660.0))


@in_loop
async def test_expired_revoked_unknown_and_for_another_are_told_apart(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        over = await here.token()
        await here.collector._store.write(
            lambda c: c.exec_driver_sql("UPDATE tokens SET expires_seconds = expires_seconds - 720")
        )
        revoked = await here.token()
        async with grpc.aio.insecure_channel(here.collector.addresses[0]) as channel:
            stub = IdentityServiceStub(channel)
            await stub.RevokeToken(RevokeTokenRequest(token_id=revoked.token_id[:6]))
        named = await here.token(name="bench-1")
        unknown = EnrolmentToken("c:1", b"a", "unknown0", bytes(32), named.role)

        said = [
            await refused(here, over),
            await refused(here, revoked),
            await refused(here, unknown),
            await refused(here, named, secret=bytes(32)),
            await refused(here, named, "bench-2"),
        ]

    assert [code for code, _ in said] == [
        Code.FAILED_PRECONDITION,
        Code.FAILED_PRECONDITION,
        Code.UNAUTHENTICATED,
        Code.UNAUTHENTICATED,
        Code.PERMISSION_DENIED,
    ]
    assert "the token expired 2 min ago: have an operator make another" in said[0][1]
    assert "the token was revoked" in said[1][1]
    assert said[2] == said[3]
    assert "the token is for 'bench-1', not for 'bench-2'" in said[4][1]


@pytest.mark.parametrize(("apart", "word"), [(36_000.0, "10 h ahead"), (-90000.0, "25 h behind")])
@in_loop
async def test_a_clock_that_is_wrong_is_told_with_both_times_and_uses_nothing(
    tmp_path: Path, apart: float, word: str
) -> None:
    async with fleet(tmp_path) as here:
        token = await here.token()
        code, said = await refused(here, token, clock_time_seconds=time.time() + apart)
        await here.enroll(token)

    assert code == Code.FAILED_PRECONDITION
    assert f"this host's clock is {word}: it says 20" in said
    assert said.count("UTC") == 2
    assert "the token was not used" in said


@in_loop
async def test_a_second_host_of_one_name_is_refused(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        bench = await here.enrolled(tmp_path / "bench")
        code, said = await refused(here, await here.token(), "h1")
        assert code == Code.ALREADY_EXISTS
        assert "a host called 'h1' has a certificate until 20" in said
        assert "token create --role agent --name h1" in said

        async with here.channel(bench) as channel:
            stream = FleetServiceStub(channel).Attend()
            await stream.write(AttendRequest(hello=hello("h1")))
            await stream.read()
            code, said = await refused(here, await here.token(name="h1"), "h1")
            stream.cancel()
        assert code == Code.ALREADY_EXISTS
        assert "an agent of a host called 'h1' is connected now" in said


@in_loop
async def test_a_token_for_its_name_lets_a_host_that_lost_its_key_in_again(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        await here.enrolled(tmp_path / "bench")
        again = await here.enroll(await here.token(name="h1"), "h1")

    assert again.name == "h1"


def signed(key: Any) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@in_loop
async def test_what_is_no_request_for_a_certificate_is_refused_and_uses_nothing(
    tmp_path: Path,
) -> None:
    whole = request_of(new_key())
    broken = signed(ec.generate_private_key(ec.SECP384R1()))
    corpus = Path(__file__).parents[3] / "fuzz/corpus/signing-request"
    requests = {
        b"": "no certificate signing request in PEM",
        b"nonsense": "no certificate signing request in PEM",
        whole[:120]: "no certificate signing request in PEM",
        whole + bytes(4096): "has 4",
        broken: "no key on the curve P-256",
        (corpus / "rsa").read_bytes(): "no key on the curve P-256",
        (corpus / "version-6").read_bytes(): "5 is not a valid CSR version",
        (corpus / "signature-of-another").read_bytes(): "is not signed with its own key",
    }
    async with fleet(tmp_path) as here:
        token = await here.token()
        for request, why in requests.items():
            code, said = await refused(here, token, certificate_signing_request_pem=request)
            assert code == Code.INVALID_ARGUMENT
            assert why in said
        for name in ("", "-a", "a b", "a" * 254):
            code, said = await refused(here, token, name)
            assert code == Code.INVALID_ARGUMENT
        code, _ = await refused(here, token, name="a" * 20_000)
        assert code == Code.RESOURCE_EXHAUSTED
        await here.enroll(token)


@in_loop
async def test_wrong_secrets_are_bounded(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        token = await here.token()
        for _ in range(5):
            code, _ = await refused(here, token, secret=bytes(32))
            assert code == Code.UNAUTHENTICATED
        # Whatever comes then.
        code, said = await refused(here, token)

    assert code == Code.RESOURCE_EXHAUSTED
    assert "too many wrong tokens came from this address: again in" in said


def test_a_peer_waits_a_minute_and_one_peer_keeps_no_other_away() -> None:
    now = 0.0
    wrong = WrongSecrets(lambda: now)
    for n in range(5):
        assert wrong.wait_seconds("ipv4:192.0.2.1:1") == 0
        wrong.wrong(f"ipv4:192.0.2.1:{n}")
        wrong.wrong(f"ipv6:%5B2001:db8::{n}%5D:1")

    assert wrong.wait_seconds("ipv4:192.0.2.1:99") == 60
    assert wrong.wait_seconds("ipv6:%5B2001:db8::ff%5D:99") == 60
    assert wrong.wait_seconds("ipv4:192.0.2.2:1") == 0
    assert wrong.wait_seconds("ipv6:%5B2001:db8:0:1::1%5D:1") == 0
    now = 60.5
    assert wrong.wait_seconds("ipv4:192.0.2.1:1") == 0
    for n in range(2000):
        wrong.wrong(f"ipv4:10.0.{n // 256}.{n % 256}:1")
    assert len(wrong._times) == 1000


@in_loop
async def test_the_port_for_enrolment_serves_nothing_else(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        credentials = grpc.ssl_channel_credentials(here.authority)
        address = f"127.0.0.1:{here.collector.enrolment_port}"
        async with grpc.aio.secure_channel(address, credentials) as channel:
            for call in (
                ExperimentsServiceStub(channel).ListHosts(ListHostsRequest()),
                IdentityServiceStub(channel).ListTokens(ListTokensRequest()),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() == Code.UNIMPLEMENTED
