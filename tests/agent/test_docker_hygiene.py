"""What no container of the agent is granted, and that a run measures one image only."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
import zstandard

from headstart.agent.docker_engine import Engine
from headstart.agent.docker_runtime import DockerRuntime
from headstart.agent.identity import LABEL_STATE, state_id
from headstart.agent.image.cache import ImageCache
from headstart.agent.image.facts import ImageReader, _Container
from headstart.agent.leases import HeldRun
from headstart.agent.policy import Policy
from headstart.agent.run import Tools, execute
from headstart.agent.runtime import RuntimeTable
from headstart.agent.spool import Spool
from headstart.v1.experiment_pb2 import (
    Check,
    Experiment,
    HttpCheck,
    HttpRequest,
    Network,
    Plan,
    Service,
    Variant,
)
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import Encoding, Envelope, Record, RecordKind
from support.images import build_app, image_of
from support.instances import end_of, free_port, spec_for

pytestmark = [pytest.mark.docker, pytest.mark.compiler]


# Binding it takes NET_BIND_SERVICE.
_LOW_PORT = 81


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_app(tmp_path_factory.mktemp("app"))


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    with closing(DockerRuntime.connect(tmp_path, Policy.local())) as runtime:
        yield runtime


def inspected(container: str) -> dict[str, Any]:
    with closing(docker.APIClient()) as client:
        return dict(client.inspect_container(container))


def made_by(state: Path) -> list[dict[str, Any]]:
    with closing(Engine.connect()) as engine:
        return [inspected(each) for each in engine.labelled(LABEL_STATE, state_id(state))]


def test_every_container_that_an_agent_makes_is_granted_nothing(
    runtime: DockerRuntime, program: Path, tmp_path: Path
) -> None:
    """A trial's, the holder of its network and the one through which an image is read."""
    with image_of(program, f"headstart-test:hygiene-{os.getpid()}") as image:
        resolved = runtime.resolve(Variant(name="a", image=image, entrypoint=["app", "wait"]), "/")
        instance = runtime.create(spec_for(resolved, network=Network.NETWORK_HOLDER))
        labels = {LABEL_STATE: state_id(tmp_path)}
        with closing(Engine.connect()) as engine:
            reader = ImageReader(engine, ImageCache(tmp_path / "images"), labels)
            with closing(_Container(reader, f"headstart-image-{os.getpid()}", image)) as read:
                content = b"".join(read.file("/bin/app"))
                made = made_by(tmp_path)
        instance.stop()
        runtime.close()

    assert b"\x7fELF" in content
    assert len(made) == 3
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


def test_an_experiment_can_ask_for_no_more() -> None:
    """The fields that reach the runtime are these; no container gets a host's path of them."""
    assert {field.name for field in Variant.DESCRIPTOR.fields} == {
        "name",
        "compilation",
        "image",
        "build",
        "command",
        "environment",
        "entrypoint",
        "working_directory",
        "description",
        "base",
    }


def _record(envelope: Envelope) -> Record:
    plain = envelope.encoding == Encoding.ENCODING_PLAIN
    return Record.FromString(envelope.payload if plain else zstandard.decompress(envelope.payload))


class Moving(Spool):
    """A spool that, with the first trial's outcome, gives the image's tag to another image."""

    def __init__(self, folder: Path, image: str, other: str) -> None:
        super().__init__(folder)
        self.image, self.other = image, other
        self.kept: list[Envelope] = []

    def append(self, envelope: Envelope) -> None:
        self.kept.append(envelope)
        outcomes = [e for e in self.kept if e.kind == RecordKind.RECORD_KIND_TRIAL_OUTCOME]
        if len(outcomes) == 1 and envelope is outcomes[0]:
            with closing(docker.APIClient()) as client:
                assert client.tag(self.other, *self.image.split(":"), force=True)
        super().append(envelope)


def test_a_tag_that_moves_during_the_run_moves_no_trial(program: Path, tmp_path: Path) -> None:
    image, other = (f"headstart-test:{name}-{os.getpid()}" for name in ("moves", "other"))
    port = free_port()
    serve = [f'ENTRYPOINT ["app", "listen={port}"]']
    check = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="hello")
    experiment = Experiment(
        name="moving",
        baseline="a",
        variants=[Variant(name=name, image=image) for name in ("a", "b")],
        service=Service(
            port=port, ready=Check(name="ready", http=check), startup_timeout_seconds=20
        ),
        plan=Plan(blocks=2, idle_seconds=0.1, sample_interval_seconds=0.02, seed=7),
    )
    with image_of(program, image, serve), image_of(Path("/bin/true"), other):
        with closing(Engine.connect()) as engine:
            first, second = ((engine.image(name) or {})["Id"] for name in (image, other))
        spool = Moving(tmp_path / "spool", image, other)
        runtimes = lambda: RuntimeTable(  # noqa: E731  # as short as what it says
            {"docker": DockerRuntime.connect(tmp_path, Policy.local())}
        )
        tools = Tools(spool, runtimes, lambda _a, _b: HostFacts(host="here"), False)
        held = HeldRun("moving", 1, experiment, ask=lambda _: None, cancelled=threading.Event())
        execute(held, tools)
        with closing(Engine.connect()) as engine:
            moved = (engine.image(image) or {})["Id"]
        spool.close()
        with closing(docker.APIClient()) as client:
            client.remove_image(first, force=True)
    shutil.rmtree(tmp_path / "spool", ignore_errors=True)

    outcomes = [
        _record(envelope).trial_outcome
        for envelope in spool.kept
        if envelope.kind == RecordKind.RECORD_KIND_TRIAL_OUTCOME
    ]
    assert moved == second != first
    assert [o.failure.message for o in outcomes] == [""] * 4
    assert {o.digest for o in outcomes} == {first}


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
        instance = runtime.create(spec_for(resolved))
        instance.open_gate()
        facts, tail = end_of(instance), instance.output_tail()
        instance.stop()

    assert facts.status == 1
    assert tail == "listen: Permission denied\n"
