"""What stands beside an app: ready before it, reached by name, fresh where it should be, gone."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from headstart.agent.engine.engine import Engine
from headstart.agent.instances import (
    LABEL_STATE,
    CompanionSpec,
    InstanceSpec,
    RuntimeFault,
    state_id,
)
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.experiment_pb2 import (
    Companion,
    CompanionLife,
    CompanionReady,
    ContainerNeeds,
    Network,
    Plan,
    Seed,
    Variant,
    Words,
)
from headstart.v1.records_pb2 import FailureCode
from support.beside import companion_image, database
from support.instances import RUN, answer_of, owner
from support.policies import everything_allowed
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler, pytest.mark.root]

CONTAINER = f"headstart-{RUN}-1-t1-beside-db"
ONCE = "once=/dev/shm/called"
OF_THE_RUN = CompanionLife.COMPANION_LIFE_RUN


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with companion_image(tmp_path_factory.mktemp("app")) as name:
        yield name


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as connected:
        yield connected


def spec_beside(
    runtime: DockerRuntime, image: str, *companions: Companion, trial: int = 1, **plan: Any
) -> InstanceSpec:
    """An app at port 8080 that asks db:5432, with these beside it."""
    app = Variant(name="app", image=image, entrypoint=["app", "serve=8080"])
    found = [CompanionSpec(each, runtime.resolve(each.container, "/")) for each in companions]
    assert not [each.resolved.failure for each in found if each.resolved.HasField("failure")]
    resolved = runtime.resolve(app, "/")
    return InstanceSpec(RUN, 1, trial, resolved, Plan(**plan), 8080, beside=found)


def told_by(runtime: DockerRuntime, spec: InstanceSpec) -> bytes:
    """What the app answers, once it listens, in a trial of its own."""
    instance = runtime.create(spec)
    try:
        instance.open_gate()
        return answer_of(instance, 8080).partition(b"\r\n\r\n")[2]
    finally:
        instance.stop()


def made_by(state: Path) -> list[str]:
    with closing(Engine.connect()) as engine:
        return sorted(engine.labelled(LABEL_STATE, state_id(state)).values())


SEED = Seed(argv=["app", "put=5432"], input=b"players")


@pytest.mark.parametrize("network", [Network.NETWORK_OWN, Network.NETWORK_HOLDER])
def test_an_app_reaches_its_companion_by_name_with_its_seed_and_all_is_gone_at_the_end(
    runtime: DockerRuntime, image: str, tmp_path: Path, network: Network.ValueType
) -> None:
    spec = spec_beside(runtime, image, database(image, seed=SEED), network=network)

    assert told_by(runtime, spec) == b"players"
    runtime.close()
    assert made_by(tmp_path) == []


READY = {
    "command": CompanionReady(command=Words(argv=["app", "ask=5432"]), timeout_seconds=20),
    "log_pattern": CompanionReady(log_pattern="^ready to acc.pt$", timeout_seconds=20),
    None: CompanionReady(),
}


@pytest.mark.parametrize("kind", READY)
def test_each_kind_of_readiness_is_waited_for(
    runtime: DockerRuntime, image: str, kind: str | None
) -> None:
    companion = database(image, "out=begins", "out=ready to accept", "keep=5432")
    companion.ready.CopyFrom(READY[kind])
    instance = runtime.create(spec_beside(runtime, image, companion))
    assert instance.beside is not None
    (use,) = instance.beside.uses()
    instance.stop()

    assert companion.ready.WhichOneof("kind") == kind
    assert use.name == "db"
    assert 0 < use.ready_seconds < 60


@pytest.mark.parametrize("life", [CompanionLife.COMPANION_LIFE_TRIAL, OF_THE_RUN])
def test_what_a_trial_wrote_is_gone_in_the_next_one_unless_the_companion_is_of_the_run(
    runtime: DockerRuntime, image: str, life: CompanionLife.ValueType
) -> None:
    companion = database(image, seed=SEED, life=life)
    first = runtime.create(spec_beside(runtime, image, companion, trial=1))
    first.open_gate()
    assert first.beside is not None
    with closing(Engine.connect()) as engine:
        engine.execute(CONTAINER, ["app", "put=5432"], b"written", 20)
    before = first.beside.uses()[0].ready_seconds
    first.stop()
    second = spec_beside(runtime, image, companion, trial=2)
    kept = told_by(runtime, second)

    assert kept == (b"written" if life == OF_THE_RUN else b"players")
    assert before > 0
    uses = first.beside.uses()
    assert [use.ready_seconds > 0 for use in uses] == [life != OF_THE_RUN]


def test_instances_of_the_same_trial_share_their_companions(
    runtime: DockerRuntime, image: str
) -> None:
    """As the executions of a batch program do."""
    spec = spec_beside(runtime, image, database(image, seed=SEED))
    first = runtime.create(spec)
    beside = first.beside
    first.stop()
    second = runtime.create(spec)

    assert beside is second.beside
    assert beside is not None
    assert beside.failure() is None
    second.stop()


FAULTS: dict[str, tuple[list[str], dict[str, Any], str]] = {
    "ended before it was ready": (
        ["out=no room", "exit=3"],
        {},
        "'db' ended with status 3 before it was ready; last output 'no room'",
    ),
    "cannot be executed": (
        ["keep=1"],
        {"container": ["nothing"]},
        "exec of nothing failed: No such file or directory",
    ),
    "listens elsewhere": (
        ["keep=5433"],
        {"ready": CompanionReady(port=5432, timeout_seconds=0.3)},
        "did not listen on port 5432 within 0.3 s; it listens on 0.0.0.0:5433",
    ),
    "never says so": (
        ["out=begins", "wait"],
        {"ready": CompanionReady(log_pattern="ready", timeout_seconds=0.3)},
        "no line of its output (the first 1 MiB) has /ready/; last output 'begins'",
    ),
    "a command that never succeeds": (
        ["wait"],
        {"ready": CompanionReady(command=Words(argv=["app", "exit=7"]), timeout_seconds=3)},
        "app exit=7 did not succeed; last output 'status 7'",
    ),
    "a command that hangs": (
        ["wait"],
        {"ready": CompanionReady(command=Words(argv=["app", "wait"]), timeout_seconds=0.5)},
        "was not ready within 0.5 s: app wait did not succeed",
    ),
    "a command whose last call its time ended": (
        ["wait"],
        {"ready": CompanionReady(command=Words(argv=["app", ONCE, "wait"]), timeout_seconds=3)},
        f"app {ONCE} wait did not succeed; last output 'status 7'",
    ),
    "a command that is none": (
        ["wait"],
        {"ready": CompanionReady(command=Words(argv=["pg_isready"]), timeout_seconds=0.5)},
        "pg_isready",
    ),
    "a seed that fails": (
        ["keep=5432"],
        {"seed": Seed(argv=["app", "out=no such table", "exit=2"])},
        "(app out=no such table exit=2) ended with status 2; last output 'no such table'",
    ),
    "one that listens where the app is to": (
        ["keep=8080"],
        {"ready": CompanionReady(command=Words(argv=["app", "ask=8080"]), timeout_seconds=20)},
        "the companion 'db' listens on port 8080, which is the app's (service.port)",
    ),
    "a seed that hangs": (
        ["keep=5432"],
        {"seed": Seed(argv=["app", "wait"], timeout_seconds=0.3)},
        "was still running after 0.3 s",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_companion_that_does_not_get_ready_is_a_fault_of_its_own_and_leaves_nothing(
    runtime: DockerRuntime, image: str, tmp_path: Path, name: str
) -> None:
    words, fields, expected = FAULTS[name]
    fields = dict(fields)
    program = fields.pop("container", ["app", *words])
    companion = database(image, **fields)
    companion.container.entrypoint[:] = program
    spec = spec_beside(runtime, image, database(image, "wait", name="first"), companion)
    spec.beside[0].companion.ready.Clear()
    with pytest.raises(RuntimeFault) as fault:
        runtime.create(spec)

    assert expected in fault.value.message
    assert fault.value.code == FailureCode.FAILURE_CODE_COMPANION
    # The network of the run stays until its end.
    assert made_by(tmp_path) == [f"headstart-{RUN}-1-t1-network"]
    runtime.close()
    assert made_by(tmp_path) == []


def test_one_that_ends_in_the_middle_is_told_with_its_last_words_and_made_anew(
    runtime: DockerRuntime, image: str
) -> None:
    companion = database(image, "out=out of disk", "keep=5432", seed=SEED, life=OF_THE_RUN)
    instance = runtime.create(spec_beside(runtime, image, companion))
    beside = instance.beside
    assert beside is not None
    assert beside.failure() is None
    with closing(docker.APIClient()) as client:
        client.kill(CONTAINER)
    wait_until(lambda: beside.failure() is not None)
    failure = beside.failure()
    instance.stop()
    later = runtime.create(spec_beside(runtime, image, companion, trial=2))
    later.stop()

    assert failure is not None
    assert failure.code == FailureCode.FAILURE_CODE_COMPANION
    assert failure.message == (
        "the companion 'db' ended with status 137 in the middle; last output 'out of disk'"
    )
    assert beside.failure() is None
    assert ["made anew" in note for note in later.notes] == [True]


def test_what_it_takes_is_counted_from_where_the_app_waits(
    runtime: DockerRuntime, image: str
) -> None:
    burn = Seed(argv=["app", "put=5432"], input=b"~")
    instance = runtime.create(spec_beside(runtime, image, database(image, seed=burn)))
    assert instance.beside is not None
    before = instance.beside.uses()[0]
    with closing(Engine.connect()) as engine:
        engine.execute(CONTAINER, ["app", "put=5432"], b"~", 20)
    after = instance.beside.uses()[0]
    instance.stop()

    # The seed's 200 ms came before.
    assert before.cpu_seconds < 0.19 < after.cpu_seconds - before.cpu_seconds
    assert after.memory_bytes > 0


def test_its_container_has_its_own_limits_and_needs(runtime: DockerRuntime, image: str) -> None:
    companion = database(image, memory_limit_bytes=64 << 20, cpu_limit=0.5, cpus="0")
    needs = ContainerNeeds(read_only=True, tmpfs_bytes={"/data": 1 << 20})
    companion.container.needs.CopyFrom(needs)
    instance = runtime.create(spec_beside(runtime, image, companion, memory_limit_bytes=32 << 20))
    with closing(docker.APIClient()) as client:
        host = client.inspect_container(CONTAINER)["HostConfig"]
    instance.stop()

    assert (host["Memory"], host["NanoCpus"], host["CpusetCpus"]) == (64 << 20, 5 * 10**8, "0")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert list(host["Tmpfs"]) == ["/data"]


def test_it_stays_off_the_cpus_of_the_app(runtime: DockerRuntime, image: str) -> None:
    instance = runtime.create(spec_beside(runtime, image, database(image), server_cpus="0"))
    with closing(docker.APIClient()) as client:
        host = client.inspect_container(CONTAINER)["HostConfig"]
    instance.stop()

    assert host["CpusetCpus"] == ",".join(map(str, range(1, os.cpu_count() or 1)))


def test_an_agent_that_was_killed_leaves_none(image: str, tmp_path: Path) -> None:
    with owner("docker-beside", tmp_path, image) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = made_by(tmp_path)
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as runtime:
        removed = runtime.remove_orphans()

    assert [name.rpartition("-t1")[2] for name in left] == ["", "-beside-db", "-network"]
    assert removed == left
    assert made_by(tmp_path) == []
