"""Who may scrape: bearer tokens and passwords, asked by a real Prometheus and by strangers."""

import base64
import http.client
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headstart.collector.faults import StartFault
from headstart.collector.metrics.scrape_secrets import ScrapeSecrets
from support.http_serving import Fixed, serving
from support.prometheus_server import prometheus

TOKEN, PASSWORD = "t0ken-of-sixteen-characters", "a pass:word of many"


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.fixture
def secrets(tmp_path: Path) -> ScrapeSecrets:
    tokens = private(tmp_path / "tokens", f"{TOKEN}\n\n{TOKEN}-of-another\n")
    return ScrapeSecrets(tokens, private(tmp_path / "users", f"prometheus:{PASSWORD}\n"))


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_one_of_the_secrets_lets_in_and_nothing_else(secrets: ScrapeSecrets) -> None:
    allowed = (
        f"Bearer {TOKEN}",
        f"bearer {TOKEN}-of-another",
        basic(f"prometheus:{PASSWORD}"),
    )
    refused = (
        "",
        "Bearer",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        f"Bearer prometheus:{PASSWORD}",
        basic("prometheus:"),
        basic(f"other:{PASSWORD}"),
        "Basic \N{SNOWMAN}",
        f"Digest {TOKEN}",
    )

    assert [each for each in allowed if not secrets.allows(each)] == []
    assert [each for each in refused if secrets.allows(each)] == []


def test_a_secret_rotates_without_a_restart_and_a_broken_file_changes_nothing(
    secrets: ScrapeSecrets, tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_text("short")
    assert secrets.allows(f"Bearer {TOKEN}")
    (tmp_path / "tokens").write_text("another-token-of-the-day")

    assert not secrets.allows(f"Bearer {TOKEN}")
    assert secrets.allows("Bearer another-token-of-the-day")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("", 0o600, "no line has a secret"),
        ("short\n\nlong-enough-it-is-now\nwith a space in it", 0o600, "line 1: .*; line 4: "),
        (TOKEN, 0o644, "others can read"),
        ("x" * 70_000, 0o600, "65536 at most"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_at_the_start(
    text: str, mode: int, said: str, tmp_path: Path
) -> None:
    file = private(tmp_path / "tokens", text)
    file.chmod(mode)

    with pytest.raises(StartFault, match=said) as refused:
        ScrapeSecrets(file, None)
    assert str(file) in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_stranger_is_told_what_is_expected_and_health_stays_open(secrets: ScrapeSecrets) -> None:
    with serving(Fixed(), secrets=secrets) as server:
        found = {}
        for path in ("/metrics", "/healthz"):
            with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as http_:
                http_.request("GET", path)
                answer = http_.getresponse()
                found[path] = answer.status, answer.headers.get_all("WWW-Authenticate")

    assert found["/metrics"] == (401, ['Bearer realm="headstart"', 'Basic realm="headstart"'])
    assert found["/healthz"] == (200, None)


@pytest.mark.prometheus
@pytest.mark.parametrize(
    "credentials",
    [
        {"authorization": {"credentials_file": "secret"}},
        {"basic_auth": {"username": "prometheus", "password_file": "secret"}},
    ],
    ids=["bearer", "basic"],
)
def test_prometheus_scrapes_with_its_own_settings(
    credentials: dict[str, Any], secrets: ScrapeSecrets, tmp_path: Path
) -> None:
    secret = TOKEN if "authorization" in credentials else PASSWORD
    private(tmp_path / "secret", secret)
    with (
        serving(Fixed(), secrets=secrets) as server,
        prometheus(tmp_path, [f"127.0.0.1:{server.port}"], scrape=credentials) as running,
    ):
        running.wait_for("up == 1")
