"""What no container of the agent is granted, and that a run measures one image only."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import docker
import pytest
import zstandard

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.engine import Engine
from headstart.agent.image.cache import ImageCache
from headstart.agent.image.reader import ImageReader, _Container
from headstart.agent.instances import LABEL_STATE, state_id
from headstart.agent.run import execute
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.runtime import ChecksSpec, Instance, RuntimeTable
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.spool import Spool
from headstart.v1.experiment_pb2 import (
    Check,
    ContainerCheck,
    ContainerNeeds,
    Experiment,
    HttpCheck,
    HttpRequest,
    Network,
    Plan,
    Service,
    Variant,
)
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import Encoding, Envelope, Record, RecordKind, TrialOutcome
from support.images import build_app, image_of
from support.instances import RUN, end_of, free_port, spec_for
from support.policies import everything_allowed
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler]


# Binding it takes NET_BIND_SERVICE.
_LOW_PORT = 81


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_app(tmp_path_factory.mktemp("app"))


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as runtime:
        yield runtime


def inspected(container: str) -> dict[str, Any]:
    with closing(docker.APIClient()) as client:
        return dict(client.inspect_container(container))


@contextmanager
def checks_running(runtime: DockerRuntime, instance: Instance, image: str) -> Iterator[None]:
    """The container of a check beside an app, until the app is killed."""
    container = Variant(name="check.1", image=image, entrypoint=["app", "wait"])
    spec = ChecksSpec(RUN, 1, 1, {"check.1": runtime.resolve(container, "/")})
    containers = runtime.checker.checks_beside(instance, spec)
    asked = ContainerCheck(container=container, timeout_seconds=60)
    thread = Thread(target=lambda: containers.run(1, asked, "http://127.0.0.1:1"))
    thread.start()
    with closing(docker.APIClient()) as client:
        name = f"headstart-{RUN}-1-t1-check-1"
        wait_until(lambda: client.containers(filters={"name": name, "status": "running"}) != [])
    yield
    instance.kill()
    thread.join()


def made_by(state: Path) -> list[dict[str, Any]]:
    with closing(Engine.connect()) as engine:
        return [inspected(each) for each in engine.labelled(LABEL_STATE, state_id(state))]


def test_every_container_that_an_agent_makes_is_granted_nothing(
    runtime: DockerRuntime, program: Path, tmp_path: Path
) -> None:
    """A trial's, the holder of its network, the one through which an image is read, and tests."""
    with image_of(program, f"headstart-test:hygiene-{os.getpid()}") as image:
        resolved = runtime.resolve(Variant(name="a", image=image, entrypoint=["app", "wait"]), "/")
        instance = runtime.create(spec_for(resolved, network=Network.NETWORK_HOLDER))
        labels = {LABEL_STATE: state_id(tmp_path)}
        with closing(Engine.connect()) as engine:
            reader = ImageReader(engine, ImageCache(tmp_path / "images"), labels)
            with closing(_Container(reader, f"headstart-image-{os.getpid()}", image)) as read:
                content = b"".join(read.file("/bin/app"))
                with checks_running(runtime, instance, image):
                    made = made_by(tmp_path)
        instance.stop()
        runtime.close()

    assert b"\x7fELF" in content
    assert len(made) == 4
    for container in made:
        host = container["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert not any(host[key] for key in ("Privileged", "CapAdd", "Binds", "VolumesFrom"))
        assert not any(host[key] for key in ("Devices", "DeviceRequests", "PortBindings"))
        assert (host["PidMode"], host["IpcMode"], host["UsernsMode"]) == ("", "private", "")
        assert 0 < host["Memory"] == host["MemorySwap"]
        assert host["PidsLimit"] > 0
        sources = [Path(mount["Source"]) for mount in host.get("Mounts") or []]
        assert all(tmp_path in source.parents for source in sources)
        writable = [m["Target"] for m in host.get("Mounts") or [] if not m.get("ReadOnly")]
        assert writable in ([], ["/.headstart/stamp"])
    assert made_by(tmp_path) == []


def test_what_has_an_agents_label_from_its_image_alone_is_not_removed(
    runtime: DockerRuntime, program: Path, tmp_path: Path
) -> None:
    """The label is a hash of a path that is the same on most hosts."""
    label = f"LABEL {LABEL_STATE}={state_id(tmp_path)}"
    with (
        image_of(program, f"headstart-test:label-{os.getpid()}", [label]) as image,
        closing(docker.APIClient()) as client,
    ):
        foreign = client.create_container(image, ["app"], name=f"somebodys-{os.getpid()}")["Id"]
        try:
            assert runtime.remove_orphans() == []
            assert [each["Id"] for each in made_by(tmp_path)] == [foreign]
        finally:
            client.remove_container(foreign, force=True)


def test_an_experiment_can_ask_for_no_more() -> None:
    """The fields that reach the runtime are these."""
    assert {field.name for field in Variant.DESCRIPTOR.fields} == {
        "name",
        "compilation",
        "image",
        "build",
        "command",
        "environment",
        # Values that the policy of the host lets out.
        "secret_environment",
        "entrypoint",
        "working_directory",
        "description",
        "base",
        # These and no others, each held against bounds and the policy (test_needs_checks.py).
        "needs",
        # In place of the image's command, held against the policy's `entrypoint` as that is.
        "arguments",
    }
    assert {field.name for field in ContainerNeeds.DESCRIPTOR.fields} == {
        "user",
        "read_only",
        "tmpfs_bytes",
        "shm_bytes",
        # Fresh ones.
        "volumes",
        "ulimits",
        # Where the policy allows each.
        "capabilities",
        "hosts",
        # Where the policy names each (test_host_paths.py).
        "host_paths",
    }


def _record(envelope: Envelope) -> Record:
    plain = envelope.encoding == Encoding.ENCODING_PLAIN
    return Record.FromString(envelope.payload if plain else zstandard.decompress(envelope.payload))


class Kept(Spool):
    """A spool that keeps what it was given; `seen` is called with each."""

    def __init__(self, folder: Path, seen: Callable[[Envelope], None] = lambda _: None) -> None:
        super().__init__(folder)
        self.seen = seen
        self.kept: list[Envelope] = []

    def append(self, envelope: Envelope) -> bool:
        self.kept.append(envelope)
        self.seen(envelope)
        return super().append(envelope)

    def records(self, kind: RecordKind.ValueType) -> list[Record]:
        return [_record(envelope) for envelope in self.kept if envelope.kind == kind]


def run_of(spool: Kept, image: str, port: int, state: Path) -> list[TrialOutcome]:
    """A run of two blocks in which two variants are the same image."""
    check = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="hello")
    experiment = Experiment(
        name="twice",
        baseline="a",
        variants=[Variant(name=name, image=image) for name in ("a", "b")],
        service=Service(
            port=port, ready=Check(name="ready", http=check), startup_timeout_seconds=20
        ),
        plan=Plan(blocks=2, idle_seconds=0.1, sample_interval_seconds=0.02, seed=7),
    )

    def runtimes(cancelled: Cancellation) -> RuntimeTable:
        return RuntimeTable(
            {"docker": DockerRuntime.connect(state, everything_allowed(), cancelled)}
        )

    tools = Tools(spool, runtimes, lambda _server, _load: HostFacts(host="here"), False)
    execute(HeldRun("twice", 1, experiment, ask=lambda _: None), tools)
    spool.close()
    return [r.trial_outcome for r in spool.records(RecordKind.RECORD_KIND_TRIAL_OUTCOME)]


def id_of(image: str) -> str:
    with closing(docker.APIClient()) as client:
        return str(client.inspect_image(image)["Id"])  # type: ignore[no-untyped-call]  # its stubs


def test_a_tag_that_moves_during_the_run_moves_no_trial(program: Path, tmp_path: Path) -> None:
    image, other = (f"headstart-test:{name}-{os.getpid()}" for name in ("moves", "other"))
    port = free_port()
    moved: list[bool] = []

    def move(envelope: Envelope) -> None:
        if envelope.kind == RecordKind.RECORD_KIND_TRIAL_OUTCOME and not moved:
            with closing(docker.APIClient()) as client:
                repository, tag = image.split(":")
                moved.append(client.tag(other, repository, tag, force=True))

    with (
        image_of(program, image, [f'ENTRYPOINT ["app", "listen={port}"]']),
        image_of(Path("/bin/true"), other),
    ):
        first, second = id_of(image), id_of(other)
        outcomes = run_of(Kept(tmp_path / "spool", move), image, port, tmp_path)
        later = id_of(image)
        with closing(docker.APIClient()) as client:
            client.remove_image(first, force=True)

    assert moved == [True]
    assert later == second != first
    assert [outcome.failure.message for outcome in outcomes] == [""] * 4
    assert {outcome.digest for outcome in outcomes} == {first}


def test_an_image_that_cannot_be_described_is_measured_with_a_note(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("what an odd image may do")

    monkeypatch.setattr(ImageReader, "facts", broken)
    port = free_port()
    spool = Kept(tmp_path / "spool")
    name = f"headstart-test:odd-{os.getpid()}"
    with image_of(program, name, [f'ENTRYPOINT ["app", "listen={port}"]']):
        outcomes = run_of(spool, name, port, tmp_path)
    notes = [r.event.text for r in spool.records(RecordKind.RECORD_KIND_EVENT)]

    assert [outcome.failure.message for outcome in outcomes] == [""] * 4
    assert sum("could not be described: ValueError('what an odd" in note for note in notes) == 2


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= _LOW_PORT,
    reason="this host lets anybody bind low ports",
)
def test_an_image_that_needs_a_capability_fails_and_says_why(
    runtime: DockerRuntime, program: Path
) -> None:
    with image_of(program, f"headstart-test:low-{os.getpid()}") as image:
        entrypoint = ["app", f"listen={_LOW_PORT}"]
        resolved = runtime.resolve(Variant(name="a", image=image, entrypoint=entrypoint), "/")
        # In the host's network; in one of its own the engine lets it bind any port.
        instance = runtime.create(spec_for(resolved, network=Network.NETWORK_HOST))
        instance.open_gate()
        facts, tail = end_of(instance), instance.output_tail()
        instance.stop()

    assert facts.status == 1
    assert tail == "listen: Permission denied\n"
