"""Who makes tokens, and what is kept of them."""

import asyncio
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import grpc.aio
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from headstart.cli.enrolling import new_key
from headstart.collector.config import CollectorConfig
from headstart.v1.identity_pb2 import ListTokensRequest
from headstart.v1.identity_pb2_grpc import IdentityServiceStub
from support.attending import in_loop
from support.enrolling import fleet, secret_hash
from support.roles import guarded

Code = grpc.StatusCode


@in_loop
async def test_the_store_keeps_no_secret(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        token = await here.token()
        await here.collector._store.flush()
        files = b"".join(each.read_bytes() for each in here.data.rglob("*") if each.is_file())

    assert secret_hash(token) in files
    assert token.secret not in files


@in_loop
async def test_a_key_stays_where_it_was_made(tmp_path: Path) -> None:
    key = new_key()
    made = serialization.load_pem_private_key(key, None)
    assert isinstance(made, ec.EllipticCurvePrivateKey)
    secret = made.private_numbers().private_value.to_bytes(32, "big")
    async with fleet(tmp_path) as here:
        answer = await here.enroll(await here.token(), key=key)
        await here.collector._store.flush()
        files = b"".join(each.read_bytes() for each in here.data.rglob("*") if each.is_file())

    assert answer.issued.certificate_pem in files
    assert secret not in files
    assert key.splitlines()[1] not in files


@in_loop
async def test_tokens_are_made_by_operators_alone(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        listed: dict[str, Code] = {}
        for role in ("agent", "reader", "operator"):
            who = await here.enrolled(tmp_path / role, role, f"a-{role}")
            async with here.channel(who) as channel:
                try:
                    await IdentityServiceStub(channel).ListTokens(ListTokensRequest())
                    listed[role] = Code.OK
                except grpc.aio.AioRpcError as error:
                    listed[role] = error.code()

    assert listed == {
        "agent": Code.PERMISSION_DENIED,
        "reader": Code.PERMISSION_DENIED,
        "operator": Code.OK,
    }


@in_loop
async def test_all_mistakes_of_a_token_are_told_together(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await here.token("king", name="a b", lifetime_seconds=1e9, uses=0, address="nowhere")
        said = str(caught.value.details())
        with pytest.raises(grpc.aio.AioRpcError, match="one host has one name"):
            await here.token(name="h1", uses=2)

    assert "role is 'king'; expected one of agent, operator, reader" in said
    assert "name is 'a b'" in said
    assert "30 days at the latest" in said
    assert "once to 1000 times" in said
    assert "expected HOST:PORT" in said


@in_loop
async def test_with_an_authority_of_the_operators_there_are_no_tokens(tmp_path: Path) -> None:
    async with guarded(tmp_path) as here, grpc.aio.insecure_channel(here.socket) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="has no authority of its own: start it"):
            await IdentityServiceStub(channel).ListTokens(ListTokensRequest())


@in_loop
async def test_metrics_are_read_by_a_certificate_of_the_own_authority_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    config = CollectorConfig(data=data, listen="127.0.0.1:0")
    async with fleet(tmp_path, metrics_listen="127.0.0.1:0", metrics_tls=config.own_tls) as here:
        prometheus = await here.enrolled(tmp_path / "p", "reader", "prometheus")
        url = f"https://127.0.0.1:{here.collector.metrics_port}/metrics"
        context = ssl.create_default_context(cafile=str(prometheus.authority))

        def read() -> bytes:
            with urllib.request.urlopen(url, context=context, timeout=20) as answer:
                return bytes(answer.read())

        with pytest.raises((ssl.SSLError, ConnectionError, urllib.error.URLError)):
            await asyncio.to_thread(read)
        context.load_cert_chain(prometheus.file, prometheus.file)
        assert b"headstart_collector_info" in await asyncio.to_thread(read)


@in_loop
async def test_a_collector_without_enrolment_makes_no_token(tmp_path: Path) -> None:
    async with fleet(tmp_path, enroll_listen=None) as here:
        with pytest.raises(grpc.aio.AioRpcError, match="start the collector with --enroll-listen"):
            await here.token()
