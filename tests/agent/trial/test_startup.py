"""A start ends with its chain of stamps, or with a sentence that says why it did not."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.probe.prober import Prober
from headstart.agent.trial.startup import StartupOutcome, measure_startup
from headstart.v1.experiment_pb2 import Check, HttpCheck, HttpRequest, Plan, Service
from headstart.v1.records_pb2 import ExecStamp, FailureCode
from support import hostile_app
from support.gated_process import GatedProcess
from support.running import APP, free_port
from support.scripted_server import OK, scripted
from support.truth_server import build_truth_server, parse_truth

pytestmark = [pytest.mark.alone, pytest.mark.compiler]

READY = Check(http=HttpCheck(request=HttpRequest(method="GET", target="/health")))


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    started = Prober()
    yield started
    started.close()


@pytest.fixture(scope="module")
def truth_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_truth_server(tmp_path_factory.mktemp("truth")))


@pytest.fixture
def port() -> int:
    with scripted() as free:
        return free.port


Start = Callable[..., GatedProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[GatedProcess] = []

    def start_one(*argv: object) -> GatedProcess:
        started.append(GatedProcess([str(word) for word in argv], tmp_path))
        return started[-1]

    yield start_one
    for instance in started:
        instance.stop()


def measure(
    instance: GatedProcess,
    prober: Prober,
    port: int,
    connector: ProcConnector | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    on_gate_opened: Callable[[int], None] = lambda _opened_ns: None,
    timeout_seconds: float = 30,
    service: Service | None = None,
) -> StartupOutcome:
    service = service or Service(port=port, ready=READY, startup_timeout_seconds=timeout_seconds)
    return measure_startup(instance, prober, connector, service, Plan(), cancelled, on_gate_opened)


def test_the_stamps_of_a_start_are_a_chain_with_the_truth_in_between(
    start: Start, prober: Prober, truth_server: str, port: int
) -> None:
    instance = start(truth_server, port, 5)
    gate_cpu_ns = process_cpu_ns(instance.pid) or 0
    opened: list[int] = []
    outcome = measure(instance, prober, port, on_gate_opened=opened.append)
    truth = parse_truth(instance.output_tail())
    stamps = outcome.startup

    assert outcome.failure is None
    assert truth is not None
    chain = [
        stamps.create_monotonic_ns,
        stamps.start_call_monotonic_ns,
        stamps.engine_ready_monotonic_ns,
        stamps.gate_opened_monotonic_ns,
        stamps.exec_monotonic_ns,
        truth.main_ns,
        truth.listen_ns,
        stamps.connected_monotonic_ns,
        stamps.first_byte_monotonic_ns,
    ]
    assert sorted(chain) == chain
    assert stamps.last_refused_monotonic_ns < truth.listen_ns
    assert truth.request_ns < stamps.first_correct_response_monotonic_ns
    assert stamps.exec_stamp == ExecStamp.EXEC_STAMP_GATE
    assert stamps.cpu_seconds >= 0.98 * (truth.cpu_ns - gate_cpu_ns) / 1e9
    assert 0 < stamps.cpu_resolution_seconds < 0.0001
    assert opened == [stamps.gate_opened_monotonic_ns]
    assert stamps.idle_share == -1


@pytest.fixture
def connector() -> Iterator[ProcConnector]:
    opened = ProcConnector.open()
    if opened is None:
        pytest.skip("the kernel does not acknowledge: not in the host's own namespaces")
    yield opened
    opened.close()


@pytest.mark.root
def test_the_kernel_confirms_the_stamp_of_the_gate(
    start: Start, prober: Prober, truth_server: str, port: int, connector: ProcConnector
) -> None:
    instance = start(truth_server, port, 5)
    stamps = measure(instance, prober, port, connector).startup
    truth = parse_truth(instance.output_tail())

    assert truth is not None
    assert stamps.exec_monotonic_ns < stamps.exec_kernel_monotonic_ns < truth.main_ns


@pytest.mark.root
def test_without_a_gates_stamp_the_kernels_stands_in(
    start: Start, prober: Prober, truth_server: str, port: int, connector: ProcConnector
) -> None:
    instance = start(truth_server, port)
    (instance.gate.path / "stamp").unlink()
    instance.exec_ns = lambda: None  # type: ignore[method-assign]  # its file is gone
    outcome = measure(instance, prober, port, connector)

    assert outcome.startup.exec_stamp == ExecStamp.EXEC_STAMP_PROC_CONNECTOR
    assert outcome.startup.exec_monotonic_ns == 0
    assert outcome.startup.exec_kernel_monotonic_ns > outcome.startup.gate_opened_monotonic_ns
    assert "exec-stamp-degraded" not in [flag.code for flag in outcome.flags]


def test_without_any_stamp_of_the_exec_the_start_is_marked(
    start: Start, prober: Prober, truth_server: str, port: int
) -> None:
    instance = start(truth_server, port)
    instance.exec_ns = lambda: None  # type: ignore[method-assign]
    outcome = measure(instance, prober, port)

    assert outcome.startup.exec_stamp == ExecStamp.EXEC_STAMP_DEGRADED
    assert "exec-stamp-degraded" in [flag.code for flag in outcome.flags]


def test_answers_before_it_was_ready_are_counted_and_noted(
    start: Start, prober: Prober, truth_server: str, port: int
) -> None:
    outcome = measure(start(truth_server, port, 0, 20), prober, port)

    assert outcome.failure is None
    assert outcome.startup.incorrect_responses > 0
    assert outcome.startup.first_byte_monotonic_ns < (
        outcome.startup.first_correct_response_monotonic_ns
    )
    (note,) = (flag for flag in outcome.flags if flag.code == "asked-again")
    assert str(outcome.startup.incorrect_responses) in note.text


def test_an_app_that_ends_does_not_start(start: Start, prober: Prober, port: int) -> None:
    outcome = measure(start("/bin/sh", "-c", "echo no configuration >&2; exit 3"), prober, port)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_DOES_NOT_START
    assert outcome.failure.exit_status == 3
    assert outcome.failure.output_tail == "no configuration\n"
    assert outcome.failure.message.startswith("the app ended with status 3 after 0.")
    assert "GET /health" in outcome.failure.message
    assert outcome.startup.exec_monotonic_ns > 0
    assert outcome.startup.first_correct_response_monotonic_ns == 0


def test_a_crash_is_told_by_the_name_of_its_signal(start: Start, prober: Prober, port: int) -> None:
    outcome = measure(start("/bin/sh", "-c", "kill -SEGV $$"), prober, port)

    assert outcome.failure is not None
    assert "status 139 (SIGSEGV)" in outcome.failure.message


def test_a_program_that_cannot_be_executed_does_not_start(
    start: Start, prober: Prober, port: int
) -> None:
    outcome = measure(start("/no/such/program"), prober, port)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_DOES_NOT_START
    assert outcome.failure.exit_status == 127


def test_an_app_that_the_kernel_killed_ran_out_of_memory(
    start: Start, prober: Prober, port: int
) -> None:
    instance = start("/bin/sh", "-c", "kill -KILL $$")
    instance.oom_killed = True
    outcome = measure(instance, prober, port)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_OUT_OF_MEMORY


def test_an_app_that_does_not_listen_is_not_ready(start: Start, prober: Prober, port: int) -> None:
    instance = start("/bin/sh", "-c", "echo waiting for a database; sleep 60")
    outcome = measure(instance, prober, port, timeout_seconds=0.5)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_NOT_READY
    assert outcome.failure.message == (
        f"nothing listened on port {port} within 0.5 s (Connection refused)"
    )
    assert outcome.failure.output_tail == "waiting for a database\n"


def test_an_app_that_answers_wrongly_is_quoted(
    start: Start, prober: Prober, truth_server: str, port: int
) -> None:
    outcome = measure(start(truth_server, port, 0, 60000), prober, port, timeout_seconds=0.5)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_NOT_READY
    assert outcome.failure.message == (
        f"the app answered GET /health {outcome.startup.incorrect_responses} times within 0.5 s,"
        " never correctly; last: status 503, body 'not ready'; expected status 200-299;"
        " it wrote nothing"
    )


def test_a_port_in_use_is_told_before_the_app_is_started(start: Start, prober: Prober) -> None:
    instance = start("/bin/true")
    with scripted(OK) as stranger:
        stranger.listen()
        outcome = measure(instance, prober, stranger.port)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_PORT_IN_USE
    assert f"127.0.0.1:{stranger.port}" in outcome.failure.message
    assert instance.exec_ns() is None


def test_a_cancelled_run_does_not_open_the_gate(start: Start, prober: Prober, port: int) -> None:
    instance = start("/bin/true")
    outcome = measure(instance, prober, port, cancelled=lambda: True)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_CANCELLED
    assert instance.exec_ns() is None


def test_a_start_is_cancelled_while_it_goes_on(start: Start, prober: Prober, port: int) -> None:
    instance = start("/bin/sleep", 60)
    outcome = measure(instance, prober, port, cancelled=lambda: instance.exec_ns() is not None)

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_CANCELLED


def test_after_a_failed_start_the_prober_serves_the_next(
    start: Start, prober: Prober, truth_server: str, port: int
) -> None:
    pid = prober.pid
    assert measure(start("/bin/false"), prober, port).failure is not None

    assert measure(start(truth_server, port), prober, port).failure is None
    assert prober.pid == pid


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "dies"])
def test_a_prober_that_hangs_or_dies_is_a_failure_of_that_start(
    start: Start, prober: Prober, port: int, truth_server: str, end: signal.Signals
) -> None:
    begin = time.monotonic()
    outcome = measure(
        start("/bin/sleep", 60),
        prober,
        port,
        timeout_seconds=0.1,
        on_gate_opened=lambda _ns: os.kill(prober.pid, end),
    )

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_AGENT
    assert "the prober" in outcome.failure.message
    assert time.monotonic() - begin < 5
    assert not psutil.pid_exists(prober.pid)
    assert measure(start(truth_server, port), prober, port).failure is None


@pytest.mark.parametrize("kind", ["chunks", "body", "interim", "silent", "stops", "output"])
def test_a_hostile_app_costs_its_start_its_timeout_and_a_second(
    kind: str, start: Start, prober: Prober, port: int
) -> None:
    opened: list[float] = []
    outcome = measure(
        start(
            sys.executable, hostile_app.__file__, port, kind, "/none" if kind == "output" else ""
        ),
        prober,
        port,
        timeout_seconds=2,
        on_gate_opened=lambda _ns: opened.append(time.monotonic()),
    )
    took = time.monotonic() - opened[0]

    if kind == "output":
        assert outcome.failure is None
    else:
        assert outcome.failure is not None
        assert outcome.failure.code == FailureCode.FAILURE_CODE_NOT_READY
    assert took < 2 + 1


def test_what_is_not_a_service_is_refused(start: Start, prober: Prober) -> None:
    outcome = measure(start("/bin/true"), prober, 0, service=Service(ready=READY))

    assert outcome.failure is not None
    assert "a port" in outcome.failure.message


def test_each_step_of_readiness_has_its_stamp(start: Start, prober: Prober, port: int) -> None:
    management = free_port()
    own = HttpCheck(request=HttpRequest(method="GET", target="/healthz"), port=management)
    instance = start(sys.executable, APP, port, "good", management)
    service = Service(port=port, before_ready=[Check(http=own)], ready=READY)
    service.startup_timeout_seconds = 30
    stamps = measure(instance, prober, port, service=service).startup

    chain = [
        stamps.exec_monotonic_ns,
        stamps.connected_monotonic_ns,
        stamps.ready_step_1_monotonic_ns,
        stamps.first_correct_response_monotonic_ns,
    ]
    assert chain[0] > 0
    assert sorted(set(chain)) == chain
    assert stamps.ready_step_2_monotonic_ns == 0
