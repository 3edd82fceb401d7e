"""The prober finds the first correct response, and says how well it saw it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from headstart.agent.http.serialise import authority, serialise
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.probe.probe import Probe
from headstart.agent.probe.prober import PortInUse, Prober, ProberDied
from headstart.agent.probe.task import ProbeResult, ProbeTask
from headstart.agent.runtimes.launch_gate import GateFolder
from headstart.v1.experiment_pb2 import HttpCheck, HttpRequest
from support.running import free_port
from support.scripted_server import NOT_READY, OK, ScriptedServer, closing, scripted
from support.truth_server import build_truth_server, parse_truth
from support.waiting import wait_until

pytestmark = pytest.mark.alone

HELLO = HttpCheck(request=HttpRequest(method="GET", target="/health"), body_pattern="hello")
DATA = HttpCheck(request=HttpRequest(method="GET", target="/data"), body_pattern="row")
ROW = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nrow"


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    started = Prober()
    yield started
    started.close()


def arm(
    prober: Prober,
    server: ScriptedServer,
    ready: HttpCheck = HELLO,
    first_data: HttpCheck | None = None,
    timeout_seconds: float = 30,
) -> None:
    prober.arm(server.address, server.port, ready, first_data, timeout_seconds, 0, None)


def result_of(prober: Prober) -> ProbeResult:
    result = prober.poll(60)
    assert result is not None
    return result


def probe(
    prober: Prober,
    server: ScriptedServer,
    ready: HttpCheck = HELLO,
    first_data: HttpCheck | None = None,
    timeout_seconds: float = 30,
) -> ProbeResult:
    """What the prober finds of a server that listens a moment after it began to look."""
    arm(prober, server, ready, first_data, timeout_seconds)
    prober.go()
    server.listen()
    return result_of(prober)


def elsewhere(server: ScriptedServer, check: HttpCheck = HELLO) -> HttpCheck:
    """The same, asked at this server's port."""
    asked = HttpCheck(port=server.port)
    asked.MergeFrom(check)
    return asked


def test_readiness_is_asked_for_at_a_port_of_its_own(prober: Prober) -> None:
    with scripted(NOT_READY) as app, scripted(OK) as management:
        app.listen()
        arm_at = elsewhere(management)
        prober.arm(app.address, free_port(), arm_at, None, 30, 0, None)
        prober.go()
        management.listen()
        result = result_of(prober)

    assert result.outcome == "ok"
    assert management.listening_ns < result.connected_ns < result.first_correct_response_ns
    assert f"Host: 127.0.0.1:{management.port}".encode() in management.requests[0]
    assert not app.requests


def test_each_step_is_asked_when_the_one_before_was_answered_correctly(prober: Prober) -> None:
    """On one connection where they are at one port; what was wrong on the way is counted."""
    with scripted(NOT_READY, OK, ROW, OK) as server:
        prober.arm(server.address, server.port, HELLO, None, 30, 0, None, before=[HELLO, DATA])
        prober.go()
        server.listen()
        result = result_of(prober)

    targets = [request.split()[1] for request in server.requests]
    assert targets == [b"/health", b"/health", b"/data", b"/health"]
    assert server.connections == 1
    first, second = result.steps_ns
    assert result.connected_ns < first < second < result.first_correct_response_ns
    assert result.incorrect_responses == 1
    assert result.retry_pause_ns > 0
    assert result.outcome == "ok"


def test_a_step_at_another_port_is_waited_for_there(prober: Prober) -> None:
    with scripted(OK) as app, scripted(OK) as management:
        prober.arm(app.address, app.port, HELLO, None, 30, 0, None, before=[elsewhere(management)])
        prober.go()
        app.listen()
        assert prober.poll(0.05) is None
        assert not app.requests
        management.listen()
        result = result_of(prober)

    (step,) = result.steps_ns
    assert management.listening_ns < step < result.first_correct_response_ns
    assert len(app.requests) == len(management.requests) == 1
    # That the app listened long before it was asked is no error of the last step.
    assert result.error_ns < step - app.listening_ns


def test_time_that_is_up_says_how_many_steps_were_done(prober: Prober) -> None:
    with scripted(ROW, NOT_READY) as server:
        prober.arm(server.address, server.port, HELLO, None, 0.3, 0, None, before=[DATA])
        prober.go()
        server.listen()
        result = result_of(prober)

    assert result.outcome == "timeout"
    assert len(result.steps_ns) == 1
    assert result.listened
    assert result.incorrect_there == result.incorrect_responses > 0


def test_who_listens_at_the_port_of_its_own_already_is_named(prober: Prober) -> None:
    with scripted(OK) as management:
        management.listen()
        with pytest.raises(PortInUse) as fault:
            prober.arm("127.0.0.1", free_port(), elsewhere(management), None, 30, 0, None)

    assert fault.value.port == management.port


def test_stamps_come_in_the_order_of_what_they_stamp(prober: Prober) -> None:
    with scripted(OK) as server:
        result = probe(prober, server)

    assert result.outcome == "ok"
    assert 0 < result.last_refused_ns < result.connected_ns
    assert server.listening_ns < result.connected_ns < result.first_byte_ns
    assert result.first_byte_ns <= result.first_correct_response_ns
    assert result.connected_ns - result.last_refused_ns < result.error_ns
    assert result.error_ns <= result.first_correct_response_ns - result.last_refused_ns
    assert result.connect_attempts > 1
    assert result.incorrect_responses == 0
    assert server.requests == [serialise(HELLO.request, authority(server.address, server.port))]


def test_the_stamp_is_that_of_the_last_byte(prober: Prober) -> None:
    with scripted([OK[:-1], OK[-1:]]) as server:
        result = probe(prober, server)

    assert server.parted_ns < result.first_correct_response_ns


@pytest.mark.parametrize("ending", [bytes, closing], ids=["kept", "closed"])
def test_wrong_answers_are_counted_and_asked_again(
    prober: Prober, ending: Callable[[bytes], bytes]
) -> None:
    with scripted(ending(NOT_READY), ending(NOT_READY), ending(OK)) as server:
        result = probe(prober, server)

    assert result.outcome == "ok"
    assert result.incorrect_responses == 2
    assert result.retry_pause_ns > 0
    assert len(server.requests) == 3
    assert server.connections == (1 if ending is bytes else 3)
    assert result.first_byte_ns < result.first_correct_response_ns


def test_an_app_that_never_answers_correctly_is_quoted(prober: Prober) -> None:
    wrong = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ngoodbye"
    with scripted(wrong) as server:
        result = probe(prober, server, timeout_seconds=0.5)

    assert result.outcome == "timeout"
    # The time may be up while an answer is on its way.
    assert len(server.requests) - result.incorrect_responses in (0, 1)
    assert result.incorrect_responses > 1
    assert result.wrong == "status 200, body 'goodbye'"
    assert result.connected_ns
    assert result.first_byte_ns
    assert result.first_correct_response_ns == 0
    assert result.spent is None


@contextlib.contextmanager
def answering_by_connection(*answers: bytes | threading.Event) -> Iterator[ScriptedServer]:
    """Each connection has its own answer, at once or (OK) when its event is set."""
    with scripted() as server:

        def answer(client: socket.socket, when: bytes | threading.Event) -> None:
            with client, contextlib.suppress(OSError):
                while client.recv(65536):
                    if isinstance(when, threading.Event):
                        when.wait()
                    client.sendall(when if isinstance(when, bytes) else OK)

        def accept() -> None:
            for each in answers:
                with contextlib.suppress(OSError):
                    client, _ = server.sock.accept()
                    server.connections += 1
                    threading.Thread(target=answer, args=(client, each), daemon=True).start()

        server.sock.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield server
        for each in answers:
            if isinstance(each, threading.Event):
                each.set()


def ask(server: ScriptedServer, timeout_seconds: float) -> ProbeResult:
    """What a probe finds of a server that listens already."""
    task = ProbeTask(server.address, server.port, HELLO, None, timeout_seconds, 0, None)
    probe = Probe(task, lambda: False)
    with contextlib.closing(probe):
        probe.rehearse()
        probe.begin()
        return probe.run()


def test_a_request_that_is_swallowed_is_asked_again_beside_it() -> None:
    # `begin` makes a connection of its own.
    with answering_by_connection(OK, threading.Event(), OK) as server:
        result = ask(server, timeout_seconds=10)

    assert result.outcome == "ok"
    assert 1.0e9 <= result.unanswered_ns < 5e9
    assert not result.asked_meanwhile
    assert result.incorrect_responses == 0


def test_the_first_request_stays_open_and_its_answer_counts() -> None:
    first = threading.Event()
    with answering_by_connection(OK, first, threading.Event()) as server:
        answered: list[ProbeResult] = []
        asked = threading.Thread(target=lambda: answered.append(ask(server, 10)))
        asked.start()
        wait_until(lambda: server.connections == 3)
        first.set()
        asked.join()

    (result,) = answered
    assert result.outcome == "ok"
    assert result.asked_meanwhile
    assert result.error_ns < 0.5e9


def test_a_wrong_answer_to_the_second_request_leaves_the_first_open() -> None:
    first = threading.Event()
    with answering_by_connection(OK, first, NOT_READY) as server:
        answered: list[ProbeResult] = []
        asked = threading.Thread(target=lambda: answered.append(ask(server, 10)))
        asked.start()
        wait_until(lambda: server.connections == 3)
        first.set()
        asked.join()

    (result,) = answered
    assert result.outcome == "ok"
    assert result.unanswered_ns <= 0


def test_an_app_that_answers_none_of_its_requests_is_left_at_the_deadline() -> None:
    silent = threading.Event()
    with answering_by_connection(OK, *[silent] * 5) as server:
        result = ask(server, timeout_seconds=1.5)

    assert result.outcome == "timeout"
    assert server.connections == 3
    assert result.wrong.startswith("no answer until 1.5")


def test_an_app_that_never_listens_is_not_connected_to(prober: Prober) -> None:
    """Least of all to ourselves: the port is one of those that the kernel hands out."""
    with scripted(OK) as server:
        arm(prober, server, timeout_seconds=1)
        prober.go()
        result = result_of(prober)

    assert result.outcome == "timeout"
    assert result.connected_ns == 0
    assert result.last_refused_ns > 0
    assert result.connect_attempts > 100
    assert result.wrong == "Connection refused"


def test_a_connection_closed_without_an_answer_is_no_answer(prober: Prober) -> None:
    with scripted(b"", OK) as server:
        result = probe(prober, server)

    assert result.outcome == "ok"
    assert result.incorrect_responses == 0
    assert server.connections == 2


def test_an_answer_cut_off_is_a_wrong_one(prober: Prober) -> None:
    with scripted(closing(OK)[:-1], OK) as server:
        result = probe(prober, server)

    assert result.outcome == "ok"
    assert result.incorrect_responses == 1


def test_a_server_that_does_not_speak_http_is_told(prober: Prober) -> None:
    with scripted(b"SSH-2.0-OpenSSH_9.2\r\n") as server:
        result = probe(prober, server, timeout_seconds=0.5)

    assert result.outcome == "timeout"
    assert result.incorrect_responses >= 1
    assert "not HTTP" in result.wrong


def test_an_app_that_accepts_and_says_nothing_is_told(prober: Prober) -> None:
    with scripted([]) as server:
        arm(prober, server, timeout_seconds=0.5)
        prober.go()
        server.sock.listen()  # and nobody accepts
        result = result_of(prober)

    assert result.outcome == "timeout"
    assert result.connected_ns
    assert result.first_byte_ns == 0
    assert "no answer" in result.wrong


def test_the_first_answer_with_data_has_a_stamp_of_its_own(prober: Prober) -> None:
    with scripted(OK, NOT_READY, ROW) as server:
        result = probe(prober, server, first_data=DATA)

    assert result.outcome == "ok"
    assert result.first_data_response_ns > result.first_correct_response_ns
    assert result.incorrect_responses == 0
    assert [request.split()[1] for request in server.requests] == [b"/health", b"/data", b"/data"]


def test_without_an_answer_with_data_the_app_is_ready_all_the_same(prober: Prober) -> None:
    with scripted(OK, NOT_READY) as server:
        result = probe(prober, server, first_data=DATA, timeout_seconds=0.5)

    assert result.outcome == "ok"
    assert result.first_correct_response_ns > 0
    assert result.first_data_response_ns == 0
    assert "503" in result.wrong


def test_a_port_on_which_somebody_answers_already_is_refused(prober: Prober) -> None:
    with scripted(OK) as server:
        server.listen()
        with pytest.raises(PortInUse) as caught:
            arm(prober, server)

    assert caught.value.port == server.port


def test_a_stranger_that_comes_between_arming_and_going_is_refused_too(prober: Prober) -> None:
    with scripted(OK) as server:
        arm(prober, server)
        server.listen()
        with pytest.raises(PortInUse):
            prober.go()

        assert prober.poll(0) is None


@pytest.mark.ipv6
def test_an_address_of_version_6_is_reached(prober: Prober) -> None:
    with scripted(OK, address="::1") as server:
        result = probe(prober, server)

    assert result.outcome == "ok"
    assert b"Host: [::1]:" in server.requests[0]


def test_one_prober_serves_one_start_after_another(prober: Prober) -> None:
    pid = prober.pid
    for _ in range(3):
        with scripted(OK) as server:
            assert probe(prober, server).outcome == "ok"

    assert prober.pid == pid


@pytest.mark.parametrize("going", [False, True])
def test_a_cancelled_prober_can_be_armed_again(prober: Prober, going: bool) -> None:
    pid = prober.pid
    with scripted(OK) as server:
        arm(prober, server)
        if going:
            prober.go()
        prober.cancel()
        prober.cancel()
        result = probe(prober, server)

    assert result.outcome == "ok"
    assert prober.pid == pid


def test_a_cancel_that_comes_after_the_result_is_harmless(prober: Prober) -> None:
    with scripted(OK) as server:
        arm(prober, server)
        prober.go()
        server.listen()
        while not server.requests:
            os.sched_yield()
        prober.cancel()
    with scripted(OK) as server:
        assert probe(prober, server).outcome == "ok"


def test_a_prober_that_died_is_told_and_replaced() -> None:
    prober = Prober()
    try:
        with scripted(OK) as server:
            arm(prober, server)
            prober.go()
            os.kill(prober.pid, signal.SIGKILL)
            with pytest.raises(ProberDied):
                prober.poll(30)
            prober.cancel()

            assert probe(prober, server).outcome == "ok"
    finally:
        prober.close()
        prober.close()


def test_the_prober_ends_when_its_agent_is_killed() -> None:
    """Also in the middle of a start, which would have gone on for a minute."""
    script = """if True:
        import socket, sys, time
        from headstart.agent.probe.prober import Prober
        from headstart.v1.experiment_pb2 import HttpCheck
        prober = Prober()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            prober.arm("127.0.0.1", port, HttpCheck(), None, 60, 0, None)
            prober.go()
            print(prober.pid, flush=True)
            time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        prober = psutil.Process(int(agent.stdout.readline()))
        agent.kill()

    prober.wait(timeout=30)


def test_the_prober_is_pinned() -> None:
    cpu = max(os.sched_getaffinity(0))
    prober = Prober(str(cpu))
    affinity = os.sched_getaffinity(prober.pid)
    prober.close()

    assert affinity == {cpu}


def test_a_cpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the CPUs"):
        Prober("4095")


@pytest.fixture(scope="module")
def truth_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_truth_server(tmp_path_factory.mktemp("truth"))


@pytest.mark.compiler
def test_the_truth_lies_before_the_stamp_and_the_cpu_time_is_all_there(
    prober: Prober, truth_server: Path, tmp_path: Path
) -> None:
    with scripted() as free:
        port = free.port
    folder = GateFolder.make(tmp_path)
    argv = folder.argv([str(truth_server), str(port), "20"], str(folder.path))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        gate_cpu_ns = process_cpu_ns(process.pid) or 0
        ready = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="Hello")
        prober.arm("127.0.0.1", port, ready, None, 30, process.pid, None)
        prober.go()
        folder.open()
        result = result_of(prober)
        assert process.stdout is not None
        truth = parse_truth(process.stdout.readline())
        process.kill()
    folder.close()

    assert truth is not None
    assert result.last_refused_ns < truth.listen_ns < result.connected_ns
    assert truth.request_ns < result.first_correct_response_ns
    assert result.spent is not None
    assert result.spent.cpu_ns is not None
    # The truth is read on the way to what the prober reads.
    assert result.spent.cpu_ns >= 0.98 * (truth.cpu_ns - gate_cpu_ns)
    assert result.spent.cpu_ns <= truth.cpu_ns + time.monotonic_ns() - truth.response_ns
    assert result.spent.run_delay_ns is not None
