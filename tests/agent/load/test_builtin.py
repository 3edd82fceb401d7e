"""The builtin generator counts every request once, stamps it rightly, and always ends."""

import os
import signal
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadResult
from headstart.agent.load.validity import load_flags
from headstart.agent.load.windows import edges_us
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import FailureCode, LatencyBasis
from support.certificates import self_signed
from support.hogged_cpu import hogging
from support.hostile_app import hostile
from support.load_server import BODY, Server, serving
from support.load_tasks import (
    assert_without_holes,
    load_of,
    request,
    run_load,
    share_above,
    task_of,
    windows_of,
)
from support.secure_server import serving_tls
from support.waiting import wait_until

pytestmark = pytest.mark.alone


def apply(server: Server, scratch: Path, load: Load) -> LoadResult:
    return run_load(Builtin(), task_of(load, server.port, scratch, server.alive))


def in_flight(result: LoadResult) -> int:
    windows = windows_of(result)
    return sum(w.sent for w in windows) - sum(w.completed + w.failed for w in windows)


def test_a_closed_loop_loses_no_request(tmp_path: Path) -> None:
    with serving() as server:
        result = apply(server, tmp_path, load_of())

    windows, summary = windows_of(result), result.summary
    assert result.failure is None
    assert_without_holes(windows)
    assert summary.duration_seconds == 0.5
    assert summary.completed == sum(w.completed for w in windows) == summary.driver_completed
    assert summary.completed == sum(sum(w.latency.count) for w in windows)
    assert 0 <= in_flight(result) <= 4
    assert sum(w.sent for w in windows) == server.counted["requests"]
    assert server.counted["connections"] == 4
    assert summary.failed == summary.incorrect == 0
    assert sum(w.received_bytes for w in windows) > summary.completed * len(BODY)


def test_the_summary_says_what_applied_the_load(tmp_path: Path) -> None:
    with serving() as server:
        summary = apply(server, tmp_path, load_of()).summary

    assert summary.driver == "builtin"
    assert summary.driver_version
    assert summary.connections == 4
    assert summary.generator_cores == 1
    assert summary.generator_cpu_seconds > 0
    assert "headstart.agent.load.generator" in summary.argv
    assert summary.latency_basis == LatencyBasis.LATENCY_BASIS_SERVICE_TIME


def test_windows_are_fine_at_first(tmp_path: Path) -> None:
    with serving() as server:
        windows = windows_of(apply(server, tmp_path, load_of()))

    assert [w.duration_us for w in windows] == [100_000] * 5
    # A pause of a busy host may empty one of them.
    assert sum(w.completed > 0 for w in windows) >= 4


@pytest.mark.parametrize("behaviour", ["chunked", "close-header", "until-close"])
def test_answers_are_understood_however_they_are_framed(behaviour: str, tmp_path: Path) -> None:
    load = load_of(request(json_subset='{"number": 7}'), duration_seconds=0.2)
    with serving(behaviour) as server:
        result = apply(server, tmp_path, load)

    assert result.failure is None
    assert result.summary.completed > 0
    assert result.summary.bodies_checked > 0
    assert result.summary.failed == result.summary.incorrect == 0
    assert (server.counted["connections"] > 4) == (behaviour != "chunked")


def test_connections_that_the_server_closes_are_counted_and_opened_anew(tmp_path: Path) -> None:
    with serving("close", "20") as server:
        result = apply(server, tmp_path, load_of(duration_seconds=0.2))

    summary = result.summary
    assert summary.failed > 0
    assert summary.completed > 20 * 4
    assert summary.first_fault == "connection closed without an answer"
    assert 0 <= in_flight(result) <= 4


def test_a_wrong_status_is_incorrect_every_time(tmp_path: Path) -> None:
    with serving("limited", "50") as server:
        summary = apply(server, tmp_path, load_of(duration_seconds=0.2)).summary

    # The requests in flight when the limit was reached were answered rightly or not.
    assert summary.completed - summary.incorrect == 50
    assert summary.first_fault.startswith("status 429")


def test_a_sample_of_the_bodies_is_held_against_the_check(tmp_path: Path) -> None:
    load = load_of(request(json_subset='{"name": "Ada"}'))
    with serving("wrong-body", "1") as server:
        result = apply(server, tmp_path, load)

    summary = result.summary
    assert summary.bodies_wrong == summary.bodies_checked >= 5
    # Those that were judged stand for all.
    assert summary.incorrect == summary.completed
    assert all(window.incorrect == window.completed for window in windows_of(result))
    assert summary.first_fault == 'status 200, $.name is "Bob", not "Ada"'


def test_wrong_bodies_stand_for_those_that_nobody_judged(tmp_path: Path) -> None:
    load = load_of(request(json_subset='{"name": "Ada"}'), duration_seconds=1.0)
    with serving("wrong-body", "0.8") as server:
        summary = apply(server, tmp_path, load).summary

    assert summary.bodies_checked >= 100
    assert summary.incorrect / summary.completed == pytest.approx(0.8, abs=0.2)


@pytest.mark.root
def test_a_generator_that_was_kept_from_its_cpu_says_so_in_the_window(tmp_path: Path) -> None:
    cpu = max(os.sched_getaffinity(0))
    task = partial(task_of, load_of(duration_seconds=3.0), scratch=tmp_path, cpus=str(cpu))
    with (
        serving() as server,
        hogging(cpu) as hog,
        closing(Builtin().prepare(task(port=server.port))) as prepared,
    ):
        begin = threading.Timer(1.0, partial(hog.communicate, b"now\n"))
        begin.start()
        result = prepared.run()
        begin.join()

    assert hog.returncode == 0
    paused = [window.own_pause_us > 70_000 for window in windows_of(result)]
    # The window that it was in and at most its neighbour, and what else the machine does.
    assert 1 <= sum(paused) <= len(paused) // 2
    assert "generator-paused" in {flag.code for flag in load_flags(result.summary, result.windows)}


def test_a_mix_is_sent_by_weight_with_its_bodies(tmp_path: Path) -> None:
    posted = request("/echo", method="POST", body=b'{"n": 1}', json_subset='{"n": 1}')
    load = load_of(request(weight=3), posted, rate_per_second=400)
    with serving() as server:
        summary = apply(server, tmp_path, load).summary

    assert summary.completed == 200
    assert summary.incorrect == 0
    assert server.counted["body_bytes"] == 50 * len(posted.check.request.body)


def test_heads_and_stated_statuses_are_right_answers(tmp_path: Path) -> None:
    load = load_of(request("/players", method="HEAD"), request("/status/404", status=404))
    with serving() as server:
        summary = apply(server, tmp_path, load).summary

    assert summary.completed > 0
    assert summary.failed == summary.incorrect == 0


def test_an_open_loop_keeps_its_schedule(tmp_path: Path) -> None:
    with serving() as server:
        result = apply(server, tmp_path, load_of(rate_per_second=1000))

    summary = result.summary
    assert summary.offered == summary.completed == server.counted["requests"] == 500
    assert in_flight(result) == 0
    assert summary.latency_basis == LatencyBasis.LATENCY_BASIS_INTENDED_SEND


def test_a_stall_shows_in_every_request_that_was_due_in_it(tmp_path: Path) -> None:
    """Coordinated omission: 200 ms of every 1.2 s are 16.7 % of the requests.

    Sixteen requests at most are on their way when the server stalls; the others
    wait to be sent, and are late all the same.
    """
    load = load_of(rate_per_second=2000, duration_seconds=3.6, connections=16)
    with serving("stall") as server:
        summary = apply(server, tmp_path, load).summary

    assert summary.completed == summary.offered == 7200
    # What is due within the last 10 ms of a stall is late by less; what is due right
    # after it waits behind the others.
    assert 0.145 < share_above(summary.latency, 10_000) < 0.25


def test_what_an_open_loop_owes_at_the_end_belongs_to_its_last_window(tmp_path: Path) -> None:
    load = load_of(rate_per_second=100, connections=50)
    with serving("slow", "0.3") as server:
        result = apply(server, tmp_path, load)

    windows = windows_of(result)
    assert result.summary.completed == result.summary.offered == 50
    assert_without_holes(windows)
    assert windows[-1].duration_us > 300_000
    assert result.summary.duration_seconds > 0.7


def test_a_rate_that_the_server_cannot_hold_ends_in_time(tmp_path: Path) -> None:
    load = load_of(rate_per_second=1_000_000, duration_seconds=0.2)
    with serving() as server:
        result = apply(server, tmp_path, load)

    summary = result.summary
    assert summary.offered == 200_000
    assert 0 < summary.completed < summary.offered
    # All that was offered would take half a minute and more.
    assert summary.duration_seconds <= 0.2 + 2.0 + 2.0
    assert summary.latency.maximum_us > 100_000


def test_a_refused_port_is_a_failure_and_not_asked_in_a_frenzy(tmp_path: Path) -> None:
    with serving() as server:
        port = server.port

    result = run_load(Builtin(), task_of(load_of(), port, tmp_path))

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED
    assert result.failure.message == "no request was answered: connection refused"
    assert 4 < result.summary.failed < 1000


def test_a_peer_that_is_no_http_server_is_a_failure(tmp_path: Path) -> None:
    with serving("garbage") as server:
        result = apply(server, tmp_path, load_of(duration_seconds=0.1))

    assert result.failure is not None
    assert "not a status line of HTTP/1" in result.failure.message


def test_a_server_that_dies_ends_the_load(tmp_path: Path) -> None:
    began = time.monotonic()
    with serving("die", "300") as server:
        result = apply(server, tmp_path, load_of(duration_seconds=30))

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_DIED
    assert time.monotonic() - began < 10
    assert result.summary.completed == result.summary.driver_completed == 300
    assert_without_holes(windows_of(result))
    assert result.summary.duration_seconds < 10


def test_a_cancelled_load_ends_with_what_it_has(tmp_path: Path) -> None:
    started: list[int] = []
    asked = []

    def cancelled() -> bool:
        asked.extend(started)
        return len(asked) > 1

    with serving() as server:
        task = task_of(
            load_of(duration_seconds=30),
            server.port,
            tmp_path,
            cancelled=cancelled,
            on_started=started.append,
        )
        result = run_load(Builtin(), task)

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_CANCELLED
    assert result.summary.completed > 0
    assert result.summary.duration_seconds < 10
    assert_without_holes(windows_of(result))


def test_a_silent_server_does_not_hold_the_load(tmp_path: Path) -> None:
    with serving("mute") as server:
        result = apply(server, tmp_path, load_of(duration_seconds=0.1))

    assert result.failure is not None
    assert result.summary.completed == 0
    assert in_flight(result) == 4
    assert [w.duration_us for w in windows_of(result)] == [100_000]


def test_a_generator_that_is_killed_is_a_failure_with_its_words(tmp_path: Path) -> None:
    with serving() as server:
        task = task_of(
            load_of(duration_seconds=30),
            server.port,
            tmp_path,
            on_started=lambda pid: os.kill(pid, signal.SIGKILL),
        )
        result = run_load(Builtin(), task)

    assert result.failure is not None
    assert result.failure.code == FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED
    assert "ended with status -9 before the load was over" in result.failure.message


def test_nothing_is_sent_before_the_begin(tmp_path: Path) -> None:
    with (
        serving() as server,
        closing(
            Builtin().prepare(task_of(load_of(), server.port, tmp_path, server.alive))
        ) as prepared,
    ):
        called_ns = time.monotonic_ns()
        result = prepared.run()

    assert called_ns <= result.summary.origin_monotonic_ns
    assert windows_of(result)[0].completed > 0
    assert sum(w.sent for w in windows_of(result)) == server.counted["requests"]


def test_a_prepared_load_that_never_runs_leaves_no_process(tmp_path: Path) -> None:
    with serving() as server:
        before = children()
        prepared = Builtin().prepare(task_of(load_of(), server.port, tmp_path))
        started = children() - before
        prepared.close()
        prepared.close()

    assert len(started) == 1
    assert not started & children()
    assert server.counted["requests"] == 0


def test_the_generator_runs_on_its_cpus_only(tmp_path: Path) -> None:
    affinities = []
    cpu = max(os.sched_getaffinity(0))
    own = os.sched_getaffinity(0)
    with serving() as server:
        task = task_of(
            load_of(duration_seconds=0.1),
            server.port,
            tmp_path,
            cpus=str(cpu),
            on_started=lambda pid: affinities.append(os.sched_getaffinity(pid)),
        )
        result = run_load(Builtin(), task)

    assert affinities == [{cpu}]
    assert os.sched_getaffinity(0) == own
    assert result.summary.generator_cpus == str(cpu)


def test_edges_of_the_phase_are_those_of_the_plan(tmp_path: Path) -> None:
    load = load_of(duration_seconds=0.33, first_window_seconds=0.05)
    with serving() as server:
        windows = windows_of(apply(server, tmp_path, load))

    assert [w.start_us for w in windows] == edges_us(load)[:-1]


def children() -> set[int]:
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in own.read_text().split()}


def test_a_rate_rises_as_stated(tmp_path: Path) -> None:
    load = load_of(rate_per_second=100, rate_to_per_second=900, duration_seconds=1.0)
    with serving() as server:
        result = apply(server, tmp_path, load)

    windows, summary = windows_of(result), result.summary
    assert result.failure is None
    # 140, 220, ... requests/s in the middles of the windows.
    assert [w.offered for w in windows] == pytest.approx([14 + 8 * n for n in range(10)], abs=1)
    assert sum(w.offered for w in windows) == summary.offered == 500
    assert summary.completed == sum(w.sent for w in windows) == 500
    assert summary.latency_basis == LatencyBasis.LATENCY_BASIS_INTENDED_SEND


def test_a_rate_that_the_server_cannot_hold_shows_as_latency(tmp_path: Path) -> None:
    """One connection and 10 ms for an answer: 100 requests/s and no more."""
    load = load_of(
        connections=1,
        rate_per_second=20,
        rate_to_per_second=400,
        rate_steps=2,
        duration_seconds=2.0,
    )
    with serving("slow", "0.01") as server:
        result = apply(server, tmp_path, load)

    windows = windows_of(result)
    held, beyond = windows[:10], windows[10:-1]
    assert sum(w.completed for w in held) >= 0.8 * sum(w.offered for w in held)
    assert sum(w.completed for w in beyond) < 0.5 * sum(w.offered for w in beyond)
    # What waits for the connection waits longer and longer.
    assert beyond[-1].latency.maximum_us > beyond[0].latency.maximum_us
    assert "rate-not-held" not in {flag.code for flag in load_flags(result.summary, result.windows)}


def test_a_constant_rate_that_is_not_held_is_noted(tmp_path: Path) -> None:
    load = load_of(connections=1, rate_per_second=400, duration_seconds=1.0)
    with serving("slow", "0.05") as server:
        result = apply(server, tmp_path, load)

    assert "rate-not-held" in {flag.code for flag in load_flags(result.summary, result.windows)}


def test_tls_is_spoken(tmp_path: Path) -> None:
    load = load_of(request(body_pattern="Ada"), tls=True)
    with serving_tls(self_signed(tmp_path / "tls")) as port:
        result = run_load(Builtin(), task_of(load, port, tmp_path))

    assert result.failure is None, result
    assert result.summary.completed > 0
    assert result.summary.incorrect == result.summary.failed == 0
    assert result.summary.bodies_checked > 0
    assert result.summary.protocol == "HTTP/1.1 over TLS"


def test_a_load_on_answers_in_chunks_of_a_byte_ends_and_is_told(tmp_path: Path) -> None:
    """Taking in what came with one look at the sockets lasts many seconds."""
    load = load_of(connections=16)
    with hostile("chunks") as app:
        app.listen()
        wait_until(app.connected)
        result = run_load(Builtin(), task_of(load, app.port, tmp_path))

    assert result.failure is not None
    assert result.failure.message == "no request was answered: no answer ended"
