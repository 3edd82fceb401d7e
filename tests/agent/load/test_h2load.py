"""What h2load conceals is found: its log, the clock and the server say how the load went."""

import json
import os
import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headstart.agent.load.driver import LoadResult
from headstart.agent.load.h2load import Clock, H2load
from headstart.agent.load.h2load_command import Commands
from headstart.agent.load.table import refusal
from headstart.agent.load.validity import load_flags
from headstart.v1.experiment_pb2 import Header, HttpVersion, Load
from headstart.v1.records_pb2 import FailureCode, LatencyBasis
from support.certificates import self_signed
from support.load_server import BODY, Server, serving
from support.load_tasks import assert_without_holes, load_of, request, run_load, task_of, windows_of
from support.secure_server import serving_http2, serving_tls

pytestmark = [pytest.mark.alone, pytest.mark.h2load]


def apply(server: Server, scratch: Path, load: Load) -> LoadResult:
    return run_load(H2load(), task_of(load, server.port, scratch, server.alive))


def test_the_windows_add_up_to_what_h2load_counted(tmp_path: Path) -> None:
    with serving() as server:
        result = apply(server, tmp_path, load_of())

    windows, summary = windows_of(result), result.summary
    assert result.failure is None
    assert_without_holes(windows)
    assert [w.duration_us for w in windows] == [100_000] * 5
    assert summary.completed == sum(w.completed for w in windows) == summary.driver_completed > 0
    assert summary.completed == sum(sum(w.latency.count) for w in windows)
    assert sum(w.sent for w in windows) == summary.completed
    assert 0 <= server.counted["requests"] - summary.completed <= 4
    assert sum(w.received_bytes for w in windows) > summary.completed * len(BODY)


def test_the_summary_says_what_applied_the_load(tmp_path: Path) -> None:
    pids: list[int] = []
    with serving() as server:
        task = task_of(
            load_of(), server.port, tmp_path, server.alive, cpus="0", on_started=pids.append
        )
        summary = run_load(H2load(), task).summary

    assert (summary.driver, summary.driver_version) == ("h2load", H2load().version())
    assert summary.latency_basis == LatencyBasis.LATENCY_BASIS_SERVICE_TIME
    assert (summary.connections, summary.generator_cores, summary.generator_cpus) == (4, 1, "0")
    assert summary.generator_cpu_seconds > 0
    assert "--h1" in summary.argv
    assert not Path(f"/proc/{pids[0]}").exists()


def test_windows_begin_with_the_first_request(tmp_path: Path) -> None:
    with serving() as server:
        before_ns = time.monotonic_ns()
        result = apply(server, tmp_path, load_of())
        after_ns = time.monotonic_ns()

    origin_ns = result.summary.origin_monotonic_ns
    assert before_ns < origin_ns < after_ns - 500_000_000
    assert windows_of(result)[0].completed > 0


@pytest.mark.parametrize("behaviour", ["error", "limited"])
def test_other_statuses_are_incorrect_though_h2load_is_content(
    behaviour: str, tmp_path: Path
) -> None:
    with serving(behaviour, "50") as server:
        result = apply(server, tmp_path, load_of())

    summary = result.summary
    assert summary.completed - summary.incorrect == (0 if behaviour == "error" else 50)
    assert summary.first_fault == ("status 500" if behaviour == "error" else "status 429")
    assert "incorrect-responses" in {f.code for f in load_flags(summary, result.windows)}


def test_wrong_bodies_are_found_by_a_second_client(tmp_path: Path) -> None:
    load = load_of(request(json_subset='{"name": "Ada"}'), duration_seconds=1.0)
    with serving("wrong-body", "1") as server:
        result = apply(server, tmp_path, load)

    summary = result.summary
    assert summary.bodies_checked >= 2
    assert 0 < summary.incorrect <= summary.completed
    assert summary.first_fault == 'status 200, $.name is "Bob", not "Ada"'


@pytest.mark.parametrize(("refused", "share"), [("0", 0.0), ("1", 1.0)])
def test_answers_without_a_reason_phrase_are_judged_beside_the_log(
    refused: str, share: float, tmp_path: Path
) -> None:
    with serving("no-reason", refused) as server:
        task = task_of(load_of(), server.port, tmp_path, has_reason_phrases=lambda: False)
        result = run_load(H2load(), task)

    summary = result.summary
    assert result.failure is None
    assert summary.statuses_untold == summary.completed > 0
    assert summary.bodies_checked >= 5
    assert summary.incorrect / summary.completed == pytest.approx(share, abs=0.3)


def test_a_status_that_nobody_could_read_fails_the_load(tmp_path: Path) -> None:
    with serving("no-reason", "0") as server:
        result = run_load(H2load(), task_of(load_of(), server.port, tmp_path))

    assert result.failure is not None
    assert "name driver: builtin" in result.failure.message


def test_right_bodies_are_counted(tmp_path: Path) -> None:
    with serving() as server:
        summary = apply(server, tmp_path, load_of(request(body_pattern="Ada"))).summary

    assert summary.bodies_checked >= 1
    assert summary.incorrect == 0


def test_a_refused_port_is_a_failure(tmp_path: Path) -> None:
    with serving() as server:
        port = server.port

    result = run_load(H2load(), task_of(load_of(), port, tmp_path))

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED
    assert result.failure.message == "no request was answered"
    assert "0 done" in result.failure.output_tail
    assert [w.completed for w in windows_of(result)] == [0] * 5


def test_a_server_that_dies_ends_the_load(tmp_path: Path) -> None:
    with serving("die", "300") as server:
        result = apply(server, tmp_path, load_of(duration_seconds=30))

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_DIED
    assert result.summary.completed == pytest.approx(300, abs=4)
    assert result.summary.duration_seconds < 10
    assert_without_holes(windows_of(result))


def test_a_log_that_outgrows_its_bound_ends_the_load_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.agent.load.h2load._LARGEST_LOG_BYTES", 4096)
    with serving() as server:
        result = apply(server, tmp_path, load_of(duration_seconds=20.0))

    assert result.failure is not None
    assert "is as large as it may be" in result.failure.message
    assert 0 < result.summary.completed < server.counted["requests"] + 1
    assert max(path.stat().st_size for path in tmp_path.iterdir() if path.is_file()) <= 4096


def test_a_cancelled_load_ends_with_what_it_has(tmp_path: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 1

    with serving() as server:
        task = task_of(load_of(duration_seconds=30), server.port, tmp_path, cancelled=cancelled)
        result = run_load(H2load(), task)

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_CANCELLED
    assert 0 < result.summary.duration_seconds < 10
    assert result.summary.completed > 0


def test_connections_closed_without_notice_are_a_failure(tmp_path: Path) -> None:
    """h2load falls silent then, ends well, and calls what came before its rate."""
    with serving("close", "20") as server:
        result = apply(server, tmp_path, load_of(duration_seconds=1.5))

    assert result.failure is not None
    assert "which h2load does not open again" in result.failure.message
    assert result.summary.completed == 80


def test_a_hang_at_the_end_is_ended_and_the_log_is_used(tmp_path: Path) -> None:
    """h2load 1.52 with --h1 never ends when every answer closes its connection."""
    with serving("close-header") as server:
        result = apply(server, tmp_path, load_of())

    assert result.failure is None
    assert result.summary.completed > 0
    assert result.summary.duration_seconds == 0.5


def test_what_a_hanging_h2load_burns_is_not_its_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that never ends and takes a whole core: half a second of it was asked for."""
    program = tmp_path / "h2load"
    program.write_text("#!/bin/sh\nwhile :; do :; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with serving() as server:
        result = apply(server, tmp_path, load_of())

    # With what it burns until it is killed, a second later, it would be 1.5.
    assert 0.0 < result.summary.generator_cpu_seconds < 1.2


def test_every_kind_of_request_is_sent_as_stated(tmp_path: Path) -> None:
    """The server answers /echo with the body, which the second client compares."""
    posted = request(
        "/echo",
        method="PUT",
        body=b'{"n": 1}',
        headers=[Header(name="Host", value="players.example"), Header(name="X-A", value="b")],
        json_subset='{"n": 1}',
    )
    with serving() as server:
        summary = apply(server, tmp_path, load_of(posted)).summary

    assert summary.completed > 0
    assert summary.incorrect == 0
    assert summary.bodies_checked > 0
    assert server.counted["body_bytes"] == server.counted["requests"] * 8


def test_a_mix_of_targets_is_sent_in_turn(tmp_path: Path) -> None:
    load = load_of(request("/players", weight=2), request("/status/404"), duration_seconds=0.3)
    with serving() as server:
        summary = apply(server, tmp_path, load).summary

    assert summary.incorrect == pytest.approx(summary.completed / 3, rel=0.1)


def test_a_rate_is_refused_unless_h2load_is_named() -> None:
    assert "bursts" in (refusal(H2load(), load_of(rate_per_second=100)) or "")
    assert refusal(H2load(), load_of(rate_per_second=100, driver="h2load")) is None


def test_latency_at_a_named_rate_is_called_service_time(tmp_path: Path) -> None:
    load = load_of(rate_per_second=200, driver="h2load")
    with serving() as server:
        summary = apply(server, tmp_path, load).summary

    assert "--rps=50" in summary.argv
    assert 0 < summary.completed <= 150
    assert summary.latency_basis == LatencyBasis.LATENCY_BASIS_SERVICE_TIME


@pytest.mark.parametrize(
    "other",
    [
        request(method="POST"),
        request(headers=[Header(name="X-A", value="1")]),
        request(body=b"{}"),
        request(status=404),
    ],
    ids=["method", "field", "body", "status"],
)
def test_mixes_that_h2load_cannot_send_are_refused(other: object) -> None:
    reason = H2load().refuses(load_of(request(), other))  # type: ignore[arg-type]  # parametrize

    assert reason is not None
    assert "one method" in reason


def test_times_of_the_log_are_brought_to_the_monotonic_clock() -> None:
    clock = Clock()
    before_ns, unix_us, after_ns = time.monotonic_ns(), time.time_ns() // 1000, time.monotonic_ns()
    clock.stop()

    assert before_ns - 5_000_000 < clock.monotonic_ns(unix_us) < after_ns + 5_000_000
    assert clock.monotonic_ns(0) <= after_ns


@pytest.mark.docker
@pytest.mark.dotnet
def test_http_2_is_spoken_when_asked_for(tmp_path: Path) -> None:
    check = request("/players/1", json_subset='{"number": 1}')
    load = load_of(check, http_version=HttpVersion.HTTP_VERSION_2)
    with kestrel_http2() as port:
        result = run_load(H2load(), task_of(load, port, tmp_path))

    summary = result.summary
    assert result.failure is None
    assert "--npn-list=h2" in summary.argv
    assert summary.completed == summary.driver_completed > 0
    assert summary.incorrect == 0
    assert summary.bodies_checked >= 1


@contextmanager
def kestrel_http2() -> Iterator[int]:
    """The players API on a free port, which answers HTTP/2 alone."""
    with serving() as server:
        port = server.port
    environment = {
        "ASPNETCORE_URLS": f"http://127.0.0.1:{port}",
        "Kestrel__EndpointDefaults__Protocols": "Http2",
    }
    name = f"headstart-test-http2-{os.getpid()}"
    options = [f"--env={key}={value}" for key, value in environment.items()]
    options += ["--network=host", f"--name={name}", "--label=headstart.test=load"]
    run = ["docker", "run", "--rm", "--detach", "--pull=never", *options, "players:aot-scratch"]
    subprocess.run(run, check=True, capture_output=True)
    try:
        url = f"http://127.0.0.1:{port}/health"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            asked = subprocess.run(["nghttp", url], capture_output=True, check=False)
            if asked.stdout:
                assert json.loads(asked.stdout)["status"] == "ok"
                break
        yield port
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def test_http_1_is_spoken_over_tls(tmp_path: Path) -> None:
    load = load_of(request(body_pattern="Ada"), tls=True)
    with serving_tls(self_signed(tmp_path / "tls")) as port:
        result = run_load(H2load(), task_of(load, port, tmp_path))

    summary = result.summary
    assert result.failure is None, result.failure
    assert summary.completed == summary.driver_completed > 0
    assert summary.incorrect == summary.failed == 0
    assert summary.bodies_checked >= 1
    assert summary.protocol == "HTTP/1.1 over TLS 1.3"


def test_the_host_is_named_in_the_handshake(tmp_path: Path) -> None:
    """The second client reads both names; h2load is asked for its own by the server's log."""
    host = Header(name="Host", value="players.example")
    load = load_of(request("/names", headers=[host], body_pattern="^players.example players"))
    load.tls = True
    with serving_tls(self_signed(tmp_path / "tls")) as port:
        result = run_load(H2load(), task_of(load, port, tmp_path))

    assert result.failure is None, result.failure
    assert result.summary.incorrect == 0
    assert any(f"--connect-to=127.0.0.1:{port}" == argument for argument in result.summary.argv)


@pytest.mark.nghttpd
@pytest.mark.parametrize("tls", [False, True], ids=["prior-knowledge", "alpn"])
def test_http_2_is_spoken(tls: bool, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "tls") if tls else None
    check = request(json_subset='{"name": "Ada"}')
    load = load_of(check, http_version=HttpVersion.HTTP_VERSION_2, tls=tls)
    with serving_http2(tmp_path / "served", certificate) as port:
        result = run_load(H2load(), task_of(load, port, tmp_path))

    summary = result.summary
    assert result.failure is None, result.failure
    assert summary.completed == summary.driver_completed > 0
    assert summary.incorrect == summary.failed == 0
    assert summary.bodies_checked >= 1
    assert summary.protocol == ("HTTP/2 over TLS 1.3" if tls else "HTTP/2")


def test_of_a_body_over_http_2_the_agent_keeps_what_a_check_reads(tmp_path: Path) -> None:
    nghttp = tmp_path / "nghttp"
    nghttp.write_text("#!/bin/sh\nexec head -c 268435456 /dev/zero\n")
    nghttp.chmod(0o755)
    check = request(body_pattern="Ada").check
    task = task_of(load_of(request(), http_version=HttpVersion.HTTP_VERSION_2), 1, tmp_path)

    tracemalloc.start()
    try:
        with Commands(task).asking(str(nghttp)) as ask:
            assert not ask(check).passed
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 32 << 20


def test_a_server_that_does_not_agree_to_http_2_is_a_failure(tmp_path: Path) -> None:
    """h2load ends well then, without a request."""
    load = load_of(http_version=HttpVersion.HTTP_VERSION_2, tls=True)
    with serving_tls(self_signed(tmp_path / "tls")) as port:
        result = run_load(H2load(), task_of(load, port, tmp_path))

    assert result.failure is not None
    assert result.failure.message == (
        "the server did not agree to speak HTTP/2 over TLS 1.3 (ALPN)"
    )
