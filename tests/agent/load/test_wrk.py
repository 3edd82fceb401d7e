"""What wrk conceals or makes up is found: it has totals and a histogram, and no series."""

from pathlib import Path

import pytest

from headstart.agent.load.driver import LoadResult
from headstart.agent.load.table import refusal
from headstart.agent.load.validity import load_flags
from headstart.agent.load.wrk import Wrk
from headstart.agent.load.wrk_script import parse_totals
from headstart.v1.experiment_pb2 import Header, HttpVersion, Load
from headstart.v1.records_pb2 import FailureCode, LatencyBasis
from support.certificates import self_signed
from support.load_server import BODY, Server, serving
from support.load_tasks import load_of, request, run_load, share_above, task_of, windows_of
from support.secure_server import serving_tls

pytestmark = pytest.mark.alone


def named(*requests: object, **fields: object) -> Load:
    """A load of a second that names wrk."""
    return load_of(*requests, **({"driver": "wrk", "duration_seconds": 1} | fields))  # type: ignore[arg-type]  # passed through


def apply(server: Server, scratch: Path, load: Load) -> LoadResult:
    return run_load(Wrk(), task_of(load, server.port, scratch, server.alive))


@pytest.mark.wrk
def test_the_load_is_one_window_and_no_series(tmp_path: Path) -> None:
    with serving() as server:
        result = apply(server, tmp_path, named())

    (window,), summary = windows_of(result), result.summary
    assert result.failure is None
    assert summary.without_series
    assert window.completed == summary.completed == summary.driver_completed > 0
    assert 1.0 <= summary.duration_seconds < 2.0
    # What was under way at the end is not counted, nor what the second client asked.
    assert 0 <= server.counted["requests"] - summary.completed <= 4 + summary.bodies_checked
    assert window.received_bytes > summary.completed * len(BODY)
    flags = {flag.code for flag in load_flags(summary, result.windows)}
    assert "sum-mismatch" not in flags
    # A generator that had to wait for a core leaves gaps of its own, and says so.
    assert "littles-law" not in flags or "generator-starved" in flags


@pytest.mark.wrk
def test_the_summary_says_what_applied_the_load(tmp_path: Path) -> None:
    pids: list[int] = []
    with serving() as server:
        task = task_of(
            named(), server.port, tmp_path, server.alive, cpus="0", on_started=pids.append
        )
        summary = run_load(Wrk(), task).summary

    assert (summary.driver, summary.driver_version) == ("wrk", Wrk().version())
    assert summary.latency_basis == LatencyBasis.LATENCY_BASIS_SERVICE_TIME
    assert (summary.connections, summary.generator_cores, summary.generator_cpus) == (4, 1, "0")
    assert summary.generator_cpu_seconds > 0
    assert not Path(f"/proc/{pids[0]}").exists()


@pytest.mark.wrk
def test_latencies_that_wrk_makes_up_are_taken_back(tmp_path: Path) -> None:
    """Of a stall wrk 4 makes a latency for every request that it believes was left out."""
    with serving("stall") as server:
        result = apply(server, tmp_path, named(duration_seconds=2))

    summary = result.summary
    assert sum(summary.latency.count) == summary.completed
    # What is made up is shorter than the stall, of 200 ms; a busy host makes it longer.
    assert 150_000 < summary.latency.maximum_us < 1_000_000
    # One stall on four connections, and what a busy host adds; wrk itself says 5 % and more.
    assert share_above(summary.latency, 10_000) < 0.01
    flags = {flag.code for flag in load_flags(summary, result.windows)}
    assert "sum-mismatch" not in flags
    # A generator that had to wait for a core leaves gaps of its own, and says so.
    assert "littles-law" not in flags or "generator-starved" in flags


@pytest.mark.wrk
def test_statuses_from_400_on_are_incorrect(tmp_path: Path) -> None:
    with serving("error") as server:
        summary = apply(server, tmp_path, named()).summary

    assert summary.incorrect == summary.completed > 0
    assert summary.first_fault == "status 500, body 'broken'"


@pytest.mark.wrk
def test_other_statuses_and_bodies_are_found_by_a_second_client(tmp_path: Path) -> None:
    with serving() as server:
        status = apply(server, tmp_path, named(request("/status/204"))).summary
        wanted = apply(server, tmp_path, named(request(status=201))).summary

    assert status.incorrect == 0
    assert wanted.incorrect == wanted.completed
    assert wanted.first_fault.startswith("status 200")
    assert wanted.bodies_checked >= 1


@pytest.mark.wrk
def test_a_mix_is_sent_in_turn_as_stated(tmp_path: Path) -> None:
    posted = request(
        "/echo",
        method="PUT",
        body=b'{"n": "\\\xff"}',
        headers=[Header(name="Host", value="players.example"), Header(name="X-A", value="b")],
    )
    with serving() as server:
        summary = apply(server, tmp_path, named(request(weight=2), posted)).summary

    assert summary.incorrect == summary.failed == 0
    # The second client too sends them in turn.
    assert server.counted["body_bytes"] == pytest.approx(
        server.counted["requests"] / 3 * len(posted.check.request.body), rel=0.05
    )


@pytest.mark.wrk
def test_connections_closed_without_notice_are_failed_requests(tmp_path: Path) -> None:
    with serving("close", "20") as server:
        result = apply(server, tmp_path, named())

    assert result.summary.failed > 0
    assert "failed-requests" in {f.code for f in load_flags(result.summary, result.windows)}


@pytest.mark.wrk
def test_a_refused_port_is_a_failure_with_its_words(tmp_path: Path) -> None:
    with serving() as server:
        port = server.port

    result = run_load(Wrk(), task_of(named(), port, tmp_path))

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED
    assert "Connection refused" in result.failure.output_tail


@pytest.mark.wrk
def test_a_server_that_dies_ends_the_load_with_what_it_has(tmp_path: Path) -> None:
    with serving("die", "300") as server:
        result = apply(server, tmp_path, named(duration_seconds=30))

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_DIED
    assert result.summary.completed == pytest.approx(300, abs=4)
    assert result.summary.duration_seconds < 10


@pytest.mark.wrk
def test_a_cancelled_load_ends_with_what_it_has(tmp_path: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 1

    with serving() as server:
        task = task_of(named(duration_seconds=30), server.port, tmp_path, cancelled=cancelled)
        result = run_load(Wrk(), task)

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_CANCELLED
    assert result.summary.completed > 0
    assert result.summary.duration_seconds < 10


@pytest.mark.wrk
def test_tls_is_spoken(tmp_path: Path) -> None:
    with serving_tls(self_signed(tmp_path / "tls")) as port:
        result = run_load(
            Wrk(), task_of(named(request(body_pattern="Ada"), tls=True), port, tmp_path)
        )

    assert result.failure is None
    assert result.summary.completed > 0
    assert result.summary.incorrect == 0
    assert result.summary.protocol == "HTTP/1.1 over TLS"


@pytest.mark.wrk
@pytest.mark.parametrize(("connections", "cpus", "threads"), [(3, "0-1", 1), (4, "0-1", 2)])
def test_no_connection_is_lost_between_threads(
    connections: int, cpus: str, threads: int, tmp_path: Path
) -> None:
    prepared = Wrk().prepare(task_of(named(connections=connections), 1, tmp_path, cpus=cpus))

    assert prepared._about.generator_cores == threads
    assert f"--threads={threads}" in prepared._about.argv


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (load_of(), "only where it is named"),
        (named(rate_per_second=10), "no rate"),
        (named(http_version=HttpVersion.HTTP_VERSION_2), "HTTP/1.1 only"),
        (named(duration_seconds=1.5), "whole seconds"),
        (named(request(method="HEAD")), "HEAD"),
        (named(request(status=404)), "from 400 on"),
    ],
    ids=["unnamed", "rate", "http2", "fraction", "head", "status"],
)
def test_what_wrk_would_do_otherwise_is_refused(load: Load, words: str) -> None:
    assert words in (refusal(Wrk(), load) or "")


def test_totals_are_read_from_what_the_script_wrote() -> None:
    totals = parse_totals("2000000 10 4096 1 2 3 4 0\n100 7\n250 3\n")

    assert totals is not None
    assert (totals.duration_us, totals.completed, totals.received_bytes) == (2_000_000, 10, 4096)
    assert (totals.refused, totals.failed, totals.late) == (1, 9, 0)
    assert totals.latencies == {100: 7, 250: 3}


@pytest.mark.parametrize("text", ["", "1 2\n", "2000000 10 4096 1 2 3 4 0\n100"])
def test_totals_that_are_not_whole_are_none(text: str) -> None:
    assert parse_totals(text) is None
