"""A container's own network: what asks the app gets in."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from headstart.agent.engine.engine import Engine
from headstart.agent.http.check_runner import run_checks
from headstart.agent.instances import InstanceSpec, RuntimeFault
from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.h2load import H2load
from headstart.agent.load.wrk import Wrk
from headstart.agent.policy.policy import Policy
from headstart.agent.probe.prober import PortInUse, Prober
from headstart.agent.runtimes import docker_runtime
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.runtime import Instance
from headstart.agent.trial.startup import measure_startup
from headstart.v1.experiment_pb2 import (
    Check,
    CommandCheck,
    HttpCheck,
    HttpRequest,
    Network,
    Plan,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import CheckStage, FailureCode
from support.images import build_app, image_of
from support.instances import RUN, answer_of
from support.load_tasks import load_of, request, run_load, task_of
from support.policies import everything_allowed
from support.truth_server import build_truth_server

pytestmark = [pytest.mark.docker, pytest.mark.compiler, pytest.mark.root]

HELLO = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="hello")
SERVICE = Service(port=8080, ready=Check(http=HELLO), startup_timeout_seconds=20)
STAGE = CheckStage.CHECK_STAGE_AFTER_LOAD


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test:network-{os.getpid()}", ["USER 65532"]) as name:
        yield name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Keeps its connections, as a load wants it."""
    program = build_truth_server(tmp_path_factory.mktemp("server"))
    with image_of(program, f"headstart-test:network-server-{os.getpid()}") as name:
        yield name


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as connected:
        yield connected


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with closing(Prober()) as started:
        yield started


@contextmanager
def waiting(
    runtime: DockerRuntime,
    image: str,
    *instructions: str,
    address: str = "127.0.0.1",
    batch: bool = False,
    trial: int = 1,
) -> Iterator[Instance]:
    """A container of a plan that says nothing of its network, in its gate."""
    variant = Variant(name="app", image=image, entrypoint=["app", *instructions])
    resolved = runtime.resolve(variant, "/")
    spec = InstanceSpec(RUN, 1, trial, resolved, Plan(), 8080, batch=batch, address=address)
    instance = runtime.create(spec)
    try:
        yield instance
    finally:
        instance.stop()


@pytest.mark.parametrize(
    ("verb", "address"), [("listen", "127.0.0.1"), ("listen6", "::1")], ids=["IPv4", "IPv6"]
)
def test_an_app_is_started_asked_and_checked_on_its_loopback(
    runtime: DockerRuntime, prober: Prober, image: str, verb: str, address: str
) -> None:
    script = "import os, urllib.request as u; print(u.urlopen(os.environ['HEADSTART_URL']).read())"
    command = CommandCheck(argv=[sys.executable, "-c", script], output_pattern="hello")
    checks = [Check(name="http", http=HELLO), Check(name="command", command=command)]
    with waiting(runtime, image, f"{verb}=8080", address=address) as instance:
        outcome = measure_startup(instance, prober, None, SERVICE, Plan(), lambda: False)
        assert outcome.failure is None, outcome.failure
        runs = run_checks(
            checks,
            *(instance.address, 8080, 1, STAGE),
            commands_allowed=True,
            namespace=instance.namespace,
        )

    assert outcome.startup.exec_monotonic_ns < outcome.startup.first_correct_response_monotonic_ns
    assert [(run.outcome.passed, run.outcome.actual) for run in runs] == [
        (True, "status 200"),
        (True, "exit status 0"),
    ]
    assert instance.network == Network.NETWORK_OWN


@pytest.mark.parametrize(
    "driver",
    [
        Builtin(),
        pytest.param(H2load(), marks=pytest.mark.h2load),
        pytest.param(Wrk(), marks=pytest.mark.wrk),
    ],
    ids=lambda driver: str(driver.name),
)
def test_every_load_reaches_an_app_on_its_loopback(
    runtime: DockerRuntime, server: str, tmp_path: Path, driver: LoadDriver
) -> None:
    """With its second client, which looks at the bodies."""
    load = load_of(
        request("/", body_pattern="Hello"), driver=driver.name, duration_seconds=1, connections=1
    )
    with waiting(runtime, server, "8080", "0") as instance:
        instance.open_gate()
        answer_of(instance, 8080)
        result = run_load(driver, task_of(load, 8080, tmp_path, namespace=instance.namespace))

    assert result.failure is None, result.failure
    assert result.summary.completed > 10
    assert result.summary.incorrect == result.summary.failed == 0
    assert result.summary.bodies_checked > 0


def test_the_prober_is_back_in_the_hosts_network_for_the_next_task(
    runtime: DockerRuntime, prober: Prober, image: str
) -> None:
    with waiting(runtime, image, "listen=8080") as instance:
        measure_startup(instance, prober, None, SERVICE, Plan(), lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(PortInUse):
        prober.arm("127.0.0.1", server.getsockname()[1], HELLO, None, 5, 0, None)


@pytest.mark.parametrize(
    ("instruction", "where", "remedy"),
    [
        ("listen6=8080", "[::1]:8080", 'service.address: "::1"'),
        ("listen=8081", "0.0.0.0:8081", "service.port: 8081"),
    ],
)
def test_an_app_that_listens_elsewhere_is_told_where(
    runtime: DockerRuntime, prober: Prober, image: str, instruction: str, where: str, remedy: str
) -> None:
    impatient = Service(port=8080, ready=Check(http=HELLO), startup_timeout_seconds=0.5)
    with waiting(runtime, image, instruction) as instance:
        outcome = measure_startup(instance, prober, None, impatient, Plan(), lambda: False)

    assert outcome.failure is not None
    assert outcome.failure.message.startswith(
        f"the app listens on {where}, and on 127.0.0.1:8080 nothing did within 0.5 s"
        f" (Connection refused); set {remedy}, or have it listen on "
    )


def test_apps_of_two_agents_have_one_port_at_the_same_time(tmp_path: Path, image: str) -> None:
    """And it may be one that the host uses."""
    with ExitStack() as ending, socket.create_server(("0.0.0.0", 0)) as taken:  # that is the point
        port = taken.getsockname()[1]
        answers = []
        for number in (1, 2):
            runtime = DockerRuntime.connect(tmp_path / f"agent-{number}", everything_allowed())
            ending.enter_context(closing(runtime))
            app = waiting(runtime, image, f"listen={port}", trial=number)
            instance = ending.enter_context(app)
            instance.open_gate()
            answers.append(answer_of(instance, port))

    assert [answer[-5:] for answer in answers] == [b"hello", b"hello"]


def test_nothing_of_it_is_kept_open(runtime: DockerRuntime, image: str) -> None:
    with waiting(runtime, image, "wait") as instance:
        assert instance.namespace is not None
        during = instance.namespace.path.readlink()
    left = [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]

    assert str(during).startswith("net:[")
    assert during not in left


NOT_ALLOWED = "this agent may not enter the network namespace of a container"


def test_an_agent_that_may_not_enter_uses_the_bridge(
    runtime: DockerRuntime, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_runtime, "why_not_enter", lambda: NOT_ALLOWED)
    with waiting(runtime, image, "listen=8080") as instance:
        instance.open_gate()
        answer = answer_of(instance, 8080)

    assert instance.network == Network.NETWORK_HOLDER
    assert instance.namespace is None
    assert instance.address != "127.0.0.1"
    assert answer.endswith(b"hello")


def test_an_agent_that_may_not_enter_names_the_key_that_would_help(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_runtime, "why_not_enter", lambda: NOT_ALLOWED)
    strict = Policy(images=("headstart-test",), networks=("own", "host"))
    with (
        closing(DockerRuntime.connect(tmp_path, strict)) as runtime,
        pytest.raises(RuntimeFault) as fault,
        waiting(runtime, image, "listen=8080"),
    ):
        pass

    assert fault.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert NOT_ALLOWED in fault.value.message
    assert "'bridge'" in fault.value.message
    assert "(networks)" in fault.value.message


def test_the_bridge_of_a_rootless_engine_is_not_tried(
    runtime: DockerRuntime, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_runtime, "why_not_enter", lambda: NOT_ALLOWED)
    monkeypatch.setattr(Engine, "is_rootless", lambda _engine: True)
    with (
        pytest.raises(RuntimeFault, match="rootless engine's network 'bridge'"),
        waiting(runtime, image, "listen=8080"),
    ):
        pass


def test_a_batch_program_has_a_network_of_its_own_though_nobody_may_enter(
    runtime: DockerRuntime, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_runtime, "why_not_enter", lambda: NOT_ALLOWED)
    with waiting(runtime, image, "wait", batch=True) as instance:
        interfaces = Path(f"/proc/{instance.pid}/net/dev").read_text().splitlines()[2:]

    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    assert (instance.network, instance.namespace) == (Network.NETWORK_OWN, None)
