"""TLS is spoken by whoever asks an app, and a certificate counts only where it was asked to."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headstart.agent.http.app_client import RequestFault
from headstart.agent.http.app_tls import client_context, server_name
from headstart.agent.http.check_runner import run_checks
from headstart.agent.probe.prober import Prober
from headstart.agent.probe.task import ProbeResult
from headstart.v1.experiment_pb2 import Check, CommandCheck, Header, HttpCheck, HttpRequest
from headstart.v1.records_pb2 import CheckStage
from support.certificates import Certificate, self_signed
from support.fetching import fetch
from support.scripted_server import OK, scripted
from support.secure_server import serving_tls, tls_argv


def asked(target: str = "/players", host: str = "") -> HttpRequest:
    headers = [Header(name="Host", value=host)] if host else []
    return HttpRequest(method="GET", target=target, headers=headers)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Its own authority, for localhost and 127.0.0.1."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))


def probed(certificate: Certificate, verified: bool, host: str = "") -> ProbeResult:
    """What the prober finds of a TLS server that starts a moment after it began to look."""
    with scripted() as free:
        port = free.port
    prober = Prober()
    check = HttpCheck(request=asked(host=host), body_pattern="Ada")
    try:
        prober.arm("127.0.0.1", port, check, None, 5 if verified else 30, 0, None, True, verified)
        prober.go()
        with running(tls_argv(certificate, port)):
            result = prober.poll(60)
    finally:
        prober.close()
    assert result is not None
    return result


@contextmanager
def running(argv: list[str]) -> Iterator[None]:
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_the_prober_finds_the_first_correct_response_over_tls(certificate: Certificate) -> None:
    result = probed(certificate, verified=False)

    assert result.outcome == "ok", result.wrong
    assert 0 < result.last_refused_ns < result.connected_ns < result.first_byte_ns
    assert result.first_byte_ns <= result.first_correct_response_ns


@pytest.mark.usefixtures("trusted")
def test_the_prober_accepts_a_certificate_that_the_host_trusts(certificate: Certificate) -> None:
    assert probed(certificate, verified=True).outcome == "ok"


def test_the_prober_says_which_certificate_it_does_not_accept(certificate: Certificate) -> None:
    result = probed(certificate, verified=True)

    assert result.outcome == "timeout"
    assert "its certificate is not accepted: self-signed certificate" in result.wrong
    assert "tls: unverified" in result.wrong


def test_what_is_no_tls_is_no_answer() -> None:
    prober = Prober()
    try:
        with scripted(OK) as server:
            check = HttpCheck(request=asked())
            prober.arm(server.address, server.port, check, None, 0.5, 0, None, tls=True)
            prober.go()
            server.listen()
            result = prober.poll(60)
    finally:
        prober.close()

    assert result is not None
    assert result.outcome == "timeout"
    assert "WRONG_VERSION_NUMBER" in result.wrong or "closed" in result.wrong


def test_checks_speak_tls_and_so_does_the_address_that_commands_are_given(
    certificate: Certificate, tmp_path: Path
) -> None:
    checks = [
        Check(name="get", http=HttpCheck(request=asked(), body_pattern="Ada")),
        Check(
            name="command",
            command=CommandCheck(argv=["sh", "-c", "echo $HEADSTART_URL"], output_pattern="https:"),
        ),
    ]
    with serving_tls(certificate) as port:
        runs = run_checks(
            checks,
            "127.0.0.1",
            port,
            1,
            CheckStage.CHECK_STAGE_BEFORE_LOAD,
            commands_allowed=True,
            tls=client_context(verified=False),
        )

    assert [run.outcome.passed for run in runs] == [True, True], runs


def test_the_host_is_named_in_the_handshake_and_in_the_request(certificate: Certificate) -> None:
    with serving_tls(certificate) as port:
        tls = client_context(verified=False)
        body = fetch(port, asked("/names", "players.example"), 5.0, tls).body

    assert body == b"players.example players.example"


@pytest.mark.usefixtures("trusted")
def test_a_trusted_certificate_of_another_host_is_refused(certificate: Certificate) -> None:
    tls = client_context(verified=True)
    with serving_tls(certificate) as port:
        assert fetch(port, asked(host="localhost"), 5.0, tls).status == 200
        with pytest.raises(RequestFault, match=r"not valid for 'players\.example'"):
            fetch(port, asked(host="players.example"), 5.0, tls)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("", "127.0.0.1"),
        ("players.example", "players.example"),
        ("players.example:9000", "players.example"),
        ("[::1]:9000", "::1"),
        ("::1", "::1"),
    ],
)
def test_the_name_is_the_host_without_its_port(host: str, name: str) -> None:
    assert server_name(asked(host=host), "127.0.0.1") == name
