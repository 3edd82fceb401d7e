"""Executions of batch programs, as processes and as containers."""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.agent.linux.exit_accounting import ExitAccounting
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Runtime
from headstart.agent.trial.execution import Execution, Watch, execute
from headstart.v1.experiment_pb2 import Command, Variant
from support.images import build_app, image_of
from support.instances import spec_for
from support.policies import everything_allowed

pytestmark = pytest.mark.alone

SOURCE = Path(__file__).parents[2] / "support" / "batch.c"
MEBIBYTE = 1 << 20
Run = Callable[..., Execution]


@pytest.fixture
def watch() -> Iterator[Watch]:
    connector, exits = ProcConnector.open(), ExitAccounting.open()
    yield Watch(connector, exits, lambda: False)
    for opened in (connector, exits):
        if opened is not None:
            opened.close()


@pytest.fixture(
    params=["process", pytest.param("container", marks=[pytest.mark.docker])], scope="module"
)
def runtime_and_variant(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Runtime, Variant]]:
    """The program of batch.c, behind either runtime; as an image it has a CMD to be replaced."""
    if shutil.which("gcc") is None:
        pytest.skip("not installed: gcc")
    folder = tmp_path_factory.mktemp("batch")
    program = build_app(folder, SOURCE)
    if request.param == "process":
        runtime: Runtime = ProcessRuntime(folder / "state", everything_allowed())
        yield runtime, Variant(name="batch", command=Command(argv=[str(program)]))
        runtime.close()
        return
    changes = ['ENTRYPOINT ["/bin/app"]', 'CMD ["not", "these"]']
    with image_of(program, "headstart-test:batch", changes) as image:
        docker = DockerRuntime.connect(folder / "state", everything_allowed())
        yield docker, Variant(name="batch", image=image)
        docker.close()


@pytest.fixture
def run(runtime_and_variant: tuple[Runtime, Variant], watch: Watch) -> Run:
    runtime, variant = runtime_and_variant

    def run(*arguments: object, timeout_seconds: float = 30) -> Execution:
        spec = spec_for(runtime.resolve(variant, "/"))
        spec = replace(spec, batch=True, arguments=[str(each) for each in arguments])
        instance = runtime.create(spec)
        try:
            return execute(instance, watch, timeout_seconds)
        finally:
            instance.stop()

    return run


def test_the_end_is_told_with_status_and_stdout_as_it_was_written(run: Run) -> None:
    done = run(0, 100_000, 3)
    expected = bytes(i & 255 for i in range(100_000))

    assert done.ended is not None
    assert done.ended.status == 3
    assert done.written.sha256 == hashlib.sha256(expected).hexdigest()
    assert (done.written.size_bytes, done.written.complete) == (100_000, True)
    assert done.written.head == expected
    assert done.output_tail == "did 3 arguments\n"


def test_it_is_timed_from_exec_to_exit(run: Run) -> None:
    done = run(64)

    assert done.startup.exec_monotonic_ns < done.exit_ns
    assert 0 < done.seconds < 20
    assert 0 < done.cpu_seconds <= done.seconds * 1.5 + 0.01


@pytest.mark.root
def test_the_kernels_stamp_of_the_exit_lies_between_exec_and_the_news_of_it(
    run: Run, watch: Watch
) -> None:
    if watch.connector is None:
        pytest.skip("the kernel does not acknowledge: not in the host's own namespaces")
    done = run(64)

    assert done.startup.exec_kernel_monotonic_ns < done.exit_kernel_ns
    # A busy machine delays either stamp; that they are of the same exit is what is held.
    assert abs(done.exit_ns - done.exit_kernel_ns) < 100_000_000


def test_without_a_connector_there_is_no_stamp_of_the_kernel(
    runtime_and_variant: tuple[Runtime, Variant],
) -> None:
    runtime, variant = runtime_and_variant
    spec = spec_for(runtime.resolve(variant, "/"))
    instance = runtime.create(replace(spec, batch=True, arguments=["0"]))
    try:
        done = execute(instance, Watch(None, None, lambda: False), 30)
    finally:
        instance.stop()

    assert done.exit_ns > 0
    assert done.exit_kernel_ns == 0


@pytest.mark.root
def test_the_peak_of_its_memory_is_seen_though_it_is_gone(run: Run) -> None:
    none, much = run(0), run(64)
    grown = much.high_water_bytes - none.high_water_bytes

    assert abs(grown - 64 * MEBIBYTE) < MEBIBYTE
    assert much.cgroup_peak_bytes - none.cgroup_peak_bytes > 60 * MEBIBYTE


def test_what_does_not_end_in_time_is_killed_and_what_it_wrote_is_kept(run: Run) -> None:
    done = run(0, 1000, 0, 600, timeout_seconds=1)

    assert done.ended is None
    assert (done.written.size_bytes, done.output_tail) == (1000, "did 4 arguments\n")


def test_what_does_not_end_in_time_is_told_and_is_gone_when_stopped(
    tmp_path: Path, watch: Watch
) -> None:
    runtime = ProcessRuntime(tmp_path, everything_allowed())
    sleeper = Command(
        argv=[sys.executable, "-c", "import time; print(1, flush=True); time.sleep(99)"]
    )
    variant = runtime.resolve(Variant(name="sleeper", command=sleeper), "/")
    instance = runtime.create(replace(spec_for(variant), batch=True))
    try:
        done = execute(instance, watch, 0.2)
    finally:
        instance.stop()
    runtime.close()

    assert done.ended is None
    assert not Path(f"/proc/{instance.pid}").exists()


def test_an_output_larger_than_the_pipe_is_digested_whole(tmp_path: Path, watch: Watch) -> None:
    runtime = ProcessRuntime(tmp_path, everything_allowed())
    code = "import sys; [sys.stdout.write('y' * 65536) for _ in range(80)]"
    variant = runtime.resolve(
        Variant(name="writer", command=Command(argv=[sys.executable, "-S", "-c", code])), "/"
    )
    instance = runtime.create(replace(spec_for(variant), batch=True))
    try:
        written = execute(instance, watch, 30).written
    finally:
        instance.stop()
    runtime.close()

    assert written.size_bytes == 80 * 65536
    assert written.sha256 == hashlib.sha256(b"y" * written.size_bytes).hexdigest()
    assert len(written.head) == MEBIBYTE
