"""A worker is ready when a line of its log says so, as a process and as a container."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headstart.agent.instances import RuntimeFault
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Instance, Runtime
from headstart.agent.trial.startup import StartupOutcome, measure_startup
from headstart.v1.experiment_pb2 import Check, Command, LogCheck, Plan, Service, Variant
from headstart.v1.records_pb2 import FailureCode
from support.images import build_app, image_of
from support.instances import spec_for
from support.policies import everything_allowed

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.compiler]

Start = Callable[..., Instance]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_app(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def image(program: Path) -> Iterator[str]:
    with image_of(program, f"headstart-test:worker-{os.getpid()}") as name:
        yield name


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with closing(Prober()) as started:
        yield started


@pytest.fixture(params=["process", "container"])
def start(
    request: pytest.FixtureRequest, tmp_path: Path, program: Path, image: str
) -> Iterator[Start]:
    """Makes an instance of the program that follows instructions; it waits in its gate."""
    runtime: Runtime
    if request.param == "process":
        runtime = ProcessRuntime(tmp_path, everything_allowed())
    else:
        runtime = DockerRuntime.connect(tmp_path, everything_allowed())
    started: list[Instance] = []

    def start_one(*instructions: str) -> Instance:
        variant = Variant(name="app", image=image, entrypoint=["app", *instructions])
        if request.param == "process":
            argv = [str(program), *instructions]
            variant = Variant(name="app", command=Command(argv=argv, working_directory="/"))
        resolved = runtime.resolve(variant, "/")
        started.append(runtime.create(spec_for(resolved, trial=len(started) + 1)))
        return started[-1]

    yield start_one
    for instance in started:
        instance.stop()
    runtime.close()


def ready_at(*patterns: str, timeout_seconds: float = 30) -> Service:
    *before, ready = [Check(log=LogCheck(pattern=pattern)) for pattern in patterns]
    return Service(before_ready=before, ready=ready, startup_timeout_seconds=timeout_seconds)


def measure(
    instance: Instance,
    prober: Prober,
    service: Service,
    cancelled: Callable[[], bool] = lambda: False,
) -> StartupOutcome:
    return measure_startup(instance, prober, None, service, Plan(), cancelled)


def test_the_line_is_its_stamp_and_each_step_has_one(start: Start, prober: Prober) -> None:
    instance = start("out=booting", "out=connected", "out=ready", "wait")
    outcome = measure(instance, prober, ready_at("^connected$", "^ready$"))
    stamps = outcome.startup

    assert outcome.failure is None
    chain = [
        stamps.gate_opened_monotonic_ns,
        stamps.exec_monotonic_ns,
        stamps.ready_step_1_monotonic_ns,
        stamps.first_correct_response_monotonic_ns,
    ]
    assert chain[0] > 0
    assert sorted(chain) == chain
    assert (stamps.log_lines, stamps.log_bytes) == (3, len("booting\nconnected\nready\n"))
    assert stamps.connect_attempts == stamps.connected_monotonic_ns == 0
    assert stamps.cpu_resolution_seconds > 0
    assert stamps.HasField("disturbance")


def test_one_that_ends_before_its_line_does_not_start(start: Start, prober: Prober) -> None:
    outcome = measure(start("err=no queue", "exit=3"), prober, ready_at("^ready$"))

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_DOES_NOT_START
    assert outcome.failure.exit_status == 3
    assert "before a line of its log matched /^ready$/" in outcome.failure.message
    assert "no queue" in outcome.failure.output_tail


def test_one_that_ends_right_after_its_line_was_ready(start: Start, prober: Prober) -> None:
    """What it wrote is read before it is said to have ended."""
    outcome = measure(start("out=ready", "exit=0"), prober, ready_at("^ready$"))

    assert outcome.failure is None
    assert outcome.startup.first_correct_response_monotonic_ns > 0


def test_one_without_its_line_is_never_ready(start: Start, prober: Prober) -> None:
    instance = start("out=one", "out=two", "wait")
    outcome = measure(instance, prober, ready_at("one", "ready", timeout_seconds=0.5))

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_NOT_READY
    assert outcome.failure.message == (
        "no line of its log matched /ready/ within 0.5 s; it wrote 2 lines, of which one matched"
        " /one/ before"
    )
    assert "two" in outcome.failure.output_tail
    assert outcome.startup.ready_step_1_monotonic_ns > 0
    assert outcome.startup.first_correct_response_monotonic_ns == 0


def test_a_flood_is_given_up_long_before_the_time_is_up(start: Start, prober: Prober) -> None:
    outcome = measure(start("flood=80", "out=ready", "wait"), prober, ready_at("^ready$"))

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_NOT_READY
    assert "and no more are looked at" in outcome.failure.message


def test_one_is_cancelled_while_it_starts(start: Start, prober: Prober) -> None:
    asked = iter([False, False])
    outcome = measure(start("wait"), prober, ready_at("ready"), cancelled=lambda: next(asked, True))

    assert outcome.failure is not None
    assert outcome.failure.code == FailureCode.FAILURE_CODE_CANCELLED


def test_an_engine_that_gives_no_log_is_a_fault_before_the_app_starts(
    tmp_path: Path, image: str, prober: Prober
) -> None:
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as runtime:
        variant = Variant(name="app", image=image, entrypoint=["app", "wait"])
        instance = runtime.create(spec_for(runtime.resolve(variant, "/")))
        instance.stop()
        with pytest.raises(RuntimeFault) as fault:
            measure(instance, prober, ready_at("ready"))

    assert fault.value.code == FailureCode.FAILURE_CODE_ENGINE
    assert "attach to" in fault.value.message
