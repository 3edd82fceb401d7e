"""Memory floors of real containers and processes whose need is known."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.engine import Engine
from headstart.agent.instances import LABEL_STATE, InstanceSpec, RuntimeFault, state_id
from headstart.agent.memory_floor.search_all import measure_floors
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_cgroup import CgroupParent
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Instance, Runtime
from headstart.agent.trial.trial import TrialContext
from headstart.agent.uplink.wire import AnyRecord
from headstart.v1.experiment_pb2 import (
    BatchJob,
    Check,
    Command,
    CommandCheck,
    Experiment,
    HttpCheck,
    HttpRequest,
    Load,
    Plan,
    Service,
    Variant,
    WeightedRequest,
)
from headstart.v1.records_pb2 import FailureCode, MemoryFloor
from support.images import build_app, image_of
from support.instances import free_port
from support.policies import everything_allowed

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.compiler, pytest.mark.root]

MEBIBYTE = 1 << 20
SOURCE = Path(__file__).parents[2] / "support" / "memory_app.c"
FILE_MIB = 24
OUT_OF_MEMORY = FailureCode.FAILURE_CODE_OUT_OF_MEMORY


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_app(tmp_path_factory.mktemp("app"), SOURCE)


@pytest.fixture(scope="module")
def image(program: Path) -> Iterator[str]:
    data = program.with_name("data")
    data.write_bytes(os.urandom(FILE_MIB * MEBIBYTE))
    with image_of(program, f"headstart-test:floor-{os.getpid()}", data=data) as name:
        yield name


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[DockerRuntime]:
    """A runtime of whose containers nothing is left at the end."""
    runtime = DockerRuntime.connect(tmp_path, everything_allowed())
    yield runtime
    with suppress(RuntimeFault):
        runtime.close()

    engine = Engine.connect()
    assert engine.labelled(LABEL_STATE, state_id(tmp_path)) == {}
    engine.close()
    assert [*(tmp_path / "containers").glob("*")] == []


def experiment(**plan: float) -> Experiment:
    port = free_port()
    check = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="hello")
    return Experiment(
        service=Service(port=port, ready=Check(name="ready", http=check)),
        load=Load(
            requests=[WeightedRequest(check=check, weight=1)],
            connections=2,
            duration_seconds=10,
            window_seconds=1,
            first_window_seconds=0.1,
            driver="builtin",
        ),
        plan=Plan(
            memory_floor_load_seconds=plan.pop("load", 0.3),
            # These apps die or serve; how fast, is the host's doing.
            memory_floor_throughput_share=plan.pop("share", 0.02),
            sample_interval_seconds=0.02,
            load_every=1,
            **plan,  # type: ignore[arg-type]  # numbers all of them
        ),
    )


@dataclass
class Emitted:
    """What a run would have stored."""

    records: list[AnyRecord] = field(default_factory=list)


@contextmanager
def context_for(
    asked: Experiment, emitted: Emitted, cancelled: Cancellation | None = None
) -> Iterator[TrialContext]:
    prober = Prober("")
    try:
        yield TrialContext(
            run_id=secrets.token_hex(8),
            attempt=1,
            experiment=asked,
            prober=prober,
            connector=None,
            commands_allowed=True,
            driver=None,
            emit=emitted.records.append,
            cancelled=cancelled or Cancellation(),
            doing=lambda _words: None,
        )
    finally:
        prober.close()


def floor_of(runtime: Runtime, variant: Variant, asked: Experiment) -> MemoryFloor:
    """The floor of one variant; nothing of its probes may be among the run's records."""
    emitted = Emitted()
    resolved = runtime.resolve(variant, "/")
    assert not resolved.HasField("failure"), resolved.failure.message
    with context_for(asked, emitted) as context:
        (floor,) = measure_floors(context, [(resolved, runtime)], 7, lambda _words: None)
    assert emitted.records == []
    return floor


def app(image: str, asked: Experiment, *instructions: str) -> Variant:
    port = asked.service.port
    return Variant(name="app", image=image, entrypoint=["app", *instructions, f"serve={port}"])


def told(floor: MemoryFloor) -> str:
    return "\n".join(
        f"{step.limit_bytes / MEBIBYTE:.2f} {step.serves} {step.throughput_per_second:.0f}"
        f" {step.startup_seconds * 1e3:.1f} ms {step.reason}"
        for step in floor.steps
    )


def test_the_floor_is_what_the_app_touches(docker: DockerRuntime, image: str) -> None:
    asked = experiment()

    floor = floor_of(docker, app(image, asked, "touch=32"), asked)

    # Its page tables, kernel stacks and a few pages of its file come on top.
    assert 32 * MEBIBYTE <= floor.serves_bytes <= 35 * MEBIBYTE, told(floor)
    assert floor.serves_bytes - floor.fails_bytes <= MEBIBYTE
    assert floor.reason == ""
    failed = [step for step in floor.steps if not step.serves]
    assert failed
    assert OUT_OF_MEMORY in {step.failure for step in failed}, told(floor)
    reference = floor.steps[0]
    assert (reference.limit_bytes, reference.serves) == (0, True)
    assert reference.throughput_per_second > 0
    assert reference.rss_peak_bytes >= 32 * MEBIBYTE


def test_memory_that_only_the_load_asks_for_counts(docker: DockerRuntime, image: str) -> None:
    asked = experiment()

    floor = floor_of(docker, app(image, asked, "touch=2", "grow=16"), asked)

    assert 18 * MEBIBYTE <= floor.serves_bytes <= 21 * MEBIBYTE, told(floor)


def test_page_cache_is_reclaimed_so_that_the_floor_is_below_the_rss(
    docker: DockerRuntime, image: str
) -> None:
    """A mapped file that is read throughout is resident, and need not be."""
    asked = experiment(share=1e-6)

    floor = floor_of(docker, app(image, asked, "read=/data"), asked)

    assert floor.steps[0].rss_peak_bytes >= FILE_MIB * MEBIBYTE, told(floor)
    assert 0 < floor.serves_bytes < FILE_MIB * MEBIBYTE / 2, told(floor)


@pytest.mark.alone
def test_a_throughput_that_collapsed_is_not_serving(docker: DockerRuntime, image: str) -> None:
    """The same app, asked for half of its throughput: its file has to stay in memory."""
    asked = experiment(share=0.5, load=1.0)
    asked.plan.memory_floor_resolution_bytes = 4 * MEBIBYTE

    floor = floor_of(docker, app(image, asked, "read=/data"), asked)

    collapsed = [
        step
        for step in floor.steps
        if not step.serves and step.failure == FailureCode.FAILURE_CODE_UNSPECIFIED
    ]
    assert collapsed, told(floor)
    assert "without a tight limit" in collapsed[0].reason
    assert floor.serves_bytes > FILE_MIB * MEBIBYTE / 4, told(floor)


def test_a_killed_child_is_not_serving_though_the_app_lives_on(
    docker: DockerRuntime, image: str
) -> None:
    asked = experiment()

    floor = floor_of(docker, app(image, asked, "hungry=24"), asked)

    assert 24 * MEBIBYTE <= floor.serves_bytes <= 27 * MEBIBYTE, told(floor)
    assert "1 of its processes were killed: out of memory" in told(floor)


def test_a_batch_program_has_the_floor_of_its_first_job(docker: DockerRuntime, image: str) -> None:
    asked = experiment()
    ready = Check(name="ready", command=CommandCheck(argv=["touch=1"]))
    asked.service.CopyFrom(Service(ready=ready, startup_timeout_seconds=10))
    asked.ClearField("load")
    for name, mebibytes in (("short", 14), ("long", 60)):
        command = CommandCheck(argv=[f"touch={mebibytes}"], timeout_seconds=10)
        asked.jobs.append(BatchJob(name=name, command=command, repeat=3))

    floor = floor_of(docker, Variant(name="app", image=image, entrypoint=["app"]), asked)

    assert 14 * MEBIBYTE <= floor.serves_bytes <= 17 * MEBIBYTE, told(floor)


def test_without_a_load_the_ready_request_is_the_load(docker: DockerRuntime, image: str) -> None:
    asked = experiment()
    asked.ClearField("load")

    floor = floor_of(docker, app(image, asked, "touch=2", "grow=10"), asked)

    assert 12 * MEBIBYTE <= floor.serves_bytes <= 15 * MEBIBYTE, told(floor)


def test_an_app_that_cannot_start_at_all_has_no_floor(docker: DockerRuntime, image: str) -> None:
    asked = experiment()

    floor = floor_of(docker, Variant(name="app", image=image, entrypoint=["app", "odd"]), asked)

    assert (floor.serves_bytes, len(floor.steps)) == (0, 1)
    assert "does not serve without a tight limit either" in floor.reason
    assert "status 6" in floor.reason


def test_a_process_has_a_floor_where_its_limits_hold(tmp_path: Path, program: Path) -> None:
    asked = experiment()
    runtime = ProcessRuntime(tmp_path, everything_allowed())
    argv = [str(program), "touch=12", f"serve={asked.service.port}"]
    try:
        floor = floor_of(runtime, Variant(name="app", command=Command(argv=argv)), asked)
    finally:
        runtime.close()

    assert 12 * MEBIBYTE <= floor.serves_bytes <= 15 * MEBIBYTE, told(floor)
    assert [*(tmp_path / "processes").glob("*")] == []


def test_where_limits_do_not_hold_there_is_no_floor_and_it_is_said(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CgroupParent, "open", lambda _name: None)
    asked = experiment()
    runtime = ProcessRuntime(tmp_path, everything_allowed())
    argv = [str(program), "touch=2", f"serve={asked.service.port}"]

    floor = floor_of(runtime, Variant(name="app", command=Command(argv=argv)), asked)

    assert floor.serves_bytes == 0
    assert "do not hold" in floor.reason


def test_a_cancelled_run_ends_its_search_at_once(docker: DockerRuntime, image: str) -> None:
    asked = experiment(load=60)
    asked.load.duration_seconds = 60
    cancelled = Cancellation()
    resolved = docker.resolve(app(image, asked, "touch=2"), "/")

    def doing(words: str) -> None:
        if words.endswith("load"):
            cancelled.set()

    with context_for(asked, Emitted(), cancelled) as context:
        both = [(resolved, docker), (resolved, docker)]
        (floor,) = measure_floors(context, both, 7, doing)

    assert "cancelled" in floor.reason
    assert (floor.serves_bytes, len(floor.steps)) == (0, 0)


class Faulty:
    """A Docker runtime whose engine goes away after some containers."""

    name = "docker"

    def __init__(self, runtime: DockerRuntime, lives: int) -> None:
        self.runtime = runtime
        self.lives = lives
        self.resolve = runtime.resolve
        self.image_facts = runtime.image_facts
        self.remove_orphans = runtime.remove_orphans
        self.left_behind = runtime.left_behind
        self.obstacles = runtime.obstacles
        self.builder = runtime.builder
        self.puller = runtime.puller
        self.checker = runtime.checker
        self.engine = runtime.engine
        self.close = runtime.close

    def create(self, spec: InstanceSpec) -> Instance:
        if self.lives == 0:
            raise RuntimeFault(FailureCode.FAILURE_CODE_ENGINE, "the engine is gone")
        self.lives -= 1
        return self.runtime.create(spec)


def test_an_engine_that_goes_away_is_no_floor(docker: DockerRuntime, image: str) -> None:
    asked = experiment()

    floor = floor_of(Faulty(docker, 4), app(image, asked, "touch=32"), asked)

    assert floor.reason == "the engine is gone"
    assert (floor.serves_bytes, len(floor.steps)) == (0, 6)
