"""Every kind of load goes the whole way: from the experiment file to the report."""

from pathlib import Path
from typing import Any

import pytest

from headstart.words import metrics
from support.certificates import self_signed
from support.running import app, experiment, free_port, run
from support.secure_server import tls_argv

pytestmark = pytest.mark.alone


def centers(report: dict[str, Any]) -> dict[str, float]:
    return {figure["metric"]: figure["center"] for figure in report["figures"] if figure["center"]}


@pytest.mark.h2load
def test_an_app_behind_tls_is_found_checked_and_put_under_load(tmp_path: Path) -> None:
    certificate, port = self_signed(tmp_path / "tls"), free_port()
    variants = {name: {"command": tls_argv(certificate, port)} for name in ("one", "other")}
    service = {
        "tls": "unverified",
        "host": "players.example",
        "ready": {"request": "GET /names", "expect": {"body": "players.example players.example"}},
        "checks": ["GET /players -> 200"],
    }
    load = {"request": "GET /players", "duration": "1s", "connections": 2, "driver": "h2load"}
    ran = run(tmp_path, experiment(port, variants, service=service, load=load))

    report = ran.report()
    assert [v["outcome"] for v in report["variants"]] == ["measured", "measured"], ran.errors
    assert "HTTP/1.1 over TLS 1.3" in report["load"]["description"]
    assert "TLS, any certificate accepted" in report["plan_description"]
    assert report["load"]["series"][0]["throughput_per_second"][0] > 0


def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    certificate, port = self_signed(tmp_path / "tls"), free_port()
    variants = {name: {"command": tls_argv(certificate, port)} for name in ("one", "other")}
    service = {"tls": True, "startup_timeout": "1500ms"}
    ran = run(tmp_path, experiment(port, variants, service=service))

    message = ran.variant("one")["failure_message"]
    assert "its certificate is not accepted: self-signed certificate" in message


@pytest.mark.alone
def test_a_rate_that_rises_is_reported_by_rate(tmp_path: Path) -> None:
    port = free_port()
    variants = {"one": app(port), "other": app(port)}
    load = {
        "request": "GET /",
        "rate": {"from": "20/s", "to": "100/s", "steps": 4},
        "duration": "2s",
        "window": "100ms",
    }
    ran = run(tmp_path, experiment(port, variants, load=load, plan={"load_every": 1}))

    report = ran.report()
    assert len(report["load"]["ramps"]) == 4, ran.errors
    offered = report["load"]["ramps"][0]["offered_per_second"]
    assert offered == pytest.approx([20, 46.7, 73.3, 100], rel=0.15)
    assert "20 to 100 requests/s in 4 steps" in report["load"]["description"]
    assert {w["shape"] for w in report["load"]["warmups"]} == {"rising rate"}


@pytest.mark.wrk
def test_wrk_has_totals_and_says_that_it_has_no_series(tmp_path: Path) -> None:
    port = free_port()
    variants = {"one": app(port), "other": app(port)}
    load = {"request": "GET /", "duration": "1s", "connections": 2, "driver": "wrk"}
    ran = run(tmp_path, experiment(port, variants, load=load, plan={"load_every": 1}))

    report = ran.report()
    assert {w["shape"] for w in report["load"]["warmups"]} == {"no series"}, ran.errors
    steady = next(c for c in report["comparisons"] if c["metric"] == metrics.THROUGHPUT_STEADY.name)
    assert steady["verdict"] == "unavailable"
    assert "wrk, which gives no series" in steady["reason"]
    assert all(series["start_seconds"] == [] for series in report["load"]["series"])
