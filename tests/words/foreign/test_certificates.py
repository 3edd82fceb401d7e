"""Certificate troubles are named: one's own from the files, the others' by a handshake."""

import asyncio
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from headstart.collector.config import TlsFiles
from headstart.words.foreign.certificates import (
    CertificateProblem,
    collector_problem,
    own_problem,
    validity,
)
from support.attending import collecting, in_loop
from support.certificates import Authority, Certificate

DAY = 86400.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def agent(authority: Authority) -> Certificate:
    return authority.issue("bench-1")


def test_the_dates_of_a_certificate_are_read(agent: Certificate) -> None:
    found = validity(agent.certificate, agent.key)

    assert found.ends - found.begins == 2 * DAY
    assert abs(found.begins - time.time()) < 3600


@pytest.mark.parametrize(
    ("days", "problem"),
    [(1, ""), (3, "bench-1.crt expired on "), (-1, "bench-1.crt is not valid before ")],
)
def test_one_that_is_over_or_not_yet_valid_is_told_with_its_date(
    agent: Certificate, days: int, problem: str
) -> None:
    said = own_problem(agent.certificate, agent.key, time.time() + days * DAY)

    assert problem in said
    assert bool(said) == bool(problem)


def test_an_expired_one_is_read_as_well(authority: Authority) -> None:
    expired = authority.issue("over", days=0)

    assert "over.crt expired on" in own_problem(expired.certificate, expired.key, time.time() + 5)


def test_the_key_of_another_is_told(authority: Authority, agent: Certificate) -> None:
    other = authority.issue("other")

    assert own_problem(agent.certificate, other.key) == (
        f"{other.key} is not the key of {agent.certificate}"
    )


def test_what_is_no_certificate_is_told(agent: Certificate, tmp_path: Path) -> None:
    broken = tmp_path / "broken.crt"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")

    assert f"{broken} and {agent.key} are not a certificate and its key" in own_problem(
        broken, agent.key
    )
    with pytest.raises(CertificateProblem):
        validity(agent.certificate, agent.certificate)


@in_loop
async def test_what_a_collector_and_an_agent_have_against_each_other_is_told(
    authority: Authority, stranger: Authority, agent: Certificate, tmp_path: Path
) -> None:
    own, foreign = authority.issue("localhost"), stranger.issue("bench-1")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)

    async def problem(
        trusted: Authority, shown: Certificate | None, host: str = "localhost"
    ) -> str:
        files = (shown.certificate, shown.key) if shown else ()
        address = f"{host}:{collector.port}"
        return await asyncio.to_thread(collector_problem, address, trusted.certificate, *files)

    async with collecting(tmp_path, listen="localhost:0", tls=tls, plaintext=False) as collector:
        assert await problem(authority, agent) == ""
        assert "asks for a certificate: give --tls-certificate" in await problem(authority, None)
        assert f"does not accept {foreign.certificate}" in await problem(authority, foreign)
        assert f"is not of the authority {stranger.certificate}" in await problem(stranger, agent)
        for other in ("127.0.0.1", "ipv4:127.0.0.1", "dns:///127.0.0.1"):
            assert "is not for '127.0.0.1'" in await problem(authority, agent, other)


@in_loop
async def test_the_interface_of_an_address_is_in_no_certificate(
    authority: Authority, agent: Certificate, tmp_path: Path
) -> None:
    own = authority.issue("loopback", kind="IP", value="::1")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    async with collecting(tmp_path, listen="[::1]:0", tls=tls, plaintext=False) as collector:
        files = (authority.certificate, agent.certificate, agent.key)
        address = f"[::1%lo]:{collector.port}"

        assert await asyncio.to_thread(collector_problem, address, *files) == ""


@in_loop
async def test_an_address_that_refuses_does_not_hide_what_another_has_against_a_certificate(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    own, foreign = authority.issue("localhost"), stranger.issue("bench-1")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    for listen in ("127.0.0.1:0", "[::1]:0"):
        async with collecting(tmp_path, listen=listen, tls=tls, plaintext=False) as collector:
            address = f"localhost:{collector.port}"
            files = (authority.certificate, foreign.certificate, foreign.key)
            said = await asyncio.to_thread(collector_problem, address, *files)

        assert f"does not accept {foreign.certificate}" in said, listen


@in_loop
async def test_addresses_that_answer_differently_are_told_apart(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    own, foreign = authority.issue("localhost"), stranger.issue("bench-1")
    tls = TlsFiles(own.certificate, own.key, authority.certificate)
    async with collecting(tmp_path, listen="[::1]:0", tls=tls, plaintext=False) as collector:
        port = collector.port
        greeter = await asyncio.start_server(
            lambda _, writer: writer.write(b"220 mail.example.com ESMTP\r\n"), "127.0.0.1", port
        )
        async with greeter:
            files = (authority.certificate, foreign.certificate, foreign.key)
            said = await asyncio.to_thread(collector_problem, f"localhost:{port}", *files)

    assert f"at [::1]:{port} the collector does not accept {foreign.certificate}" in said
    assert f"at 127.0.0.1:{port} the collector speaks no TLS on this port" in said


@in_loop
async def test_a_collector_whose_certificate_is_over_is_told(
    authority: Authority, agent: Certificate, tmp_path: Path
) -> None:
    over = authority.issue("localhost", days=0)
    await asyncio.sleep(1.1)
    tls = TlsFiles(over.certificate, over.key, authority.certificate)
    async with collecting(tmp_path, listen="localhost:0", tls=tls, plaintext=False) as collector:
        said = await asyncio.to_thread(
            collector_problem,
            f"localhost:{collector.port}",
            authority.certificate,
            agent.certificate,
            agent.key,
        )

    assert said == "the collector's certificate is not accepted: certificate has expired"


@in_loop
async def test_a_port_that_speaks_no_tls_is_told_and_silence_is_no_certificates_fault(
    authority: Authority, tmp_path: Path
) -> None:
    async with collecting(tmp_path) as collector:
        address = f"localhost:{collector.port}"
        said = await asyncio.to_thread(collector_problem, address, authority.certificate)
    gone = await asyncio.to_thread(collector_problem, address, authority.certificate)

    assert said == "the collector speaks no TLS on this port"
    assert gone == ""


@pytest.mark.parametrize("reset", [False, True])
def test_one_that_closes_at_once_is_told_apart_from_one_that_refuses(
    authority: Authority, agent: Certificate, reset: bool
) -> None:
    """As a balancer does that has no collector to hand the connection on to."""
    with socket.create_server(("127.0.0.1", 0)) as balancer:

        def hang_up() -> None:
            for _ in range(2):
                connection, _ = balancer.accept()
                if reset:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                else:
                    # What has come and is not read would make a reset of its end.
                    connection.recv(1 << 16)
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        target = f"127.0.0.1:{balancer.getsockname()[1]}"
        with_one = collector_problem(target, authority.certificate, agent.certificate, agent.key)
        without = collector_problem(target, authority.certificate)
        thread.join()

    assert with_one == without
    assert with_one.startswith("the other end closed the connection before the TLS handshake")
    assert "perhaps no collector is active" in with_one
