"""Containers: what is asked of the engine, what its faults become, and that nothing stays."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.engine import Engine, Started
from headstart.agent.instances import LABEL_STATE, RuntimeFault, state_id
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_instance import swap_notes
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.experiment_pb2 import Build, Network, Variant
from headstart.v1.records_pb2 import FailureCode, ResolvedVariant
from support.images import build_app, image_of
from support.instances import (
    RUN,
    answer_of,
    end_of,
    free_port,
    line_of,
    output_with,
    owner,
    spec_for,
)
from support.policies import everything_allowed
from support.proxies import proxy
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_app(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def image(program: Path) -> Iterator[str]:
    changes = ['ENTRYPOINT ["app"]', "USER 65532:65532", "WORKDIR /data", "ENV GREETING=image"]
    with image_of(program, f"headstart-test:{os.getpid()}", changes) as name:
        yield name


@pytest.fixture(scope="module")
def root_image(program: Path) -> Iterator[str]:
    with image_of(program, f"headstart-test:root-{os.getpid()}") as name:
        yield name


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    """A runtime of a state folder of its own, of which nothing is left at the end."""
    runtime = DockerRuntime.connect(tmp_path, everything_allowed())
    yield runtime
    runtime.close()

    assert containers_of(tmp_path) == []
    assert [*(tmp_path / "containers").glob("*")] == []


def containers_of(state: Path) -> list[str]:
    engine = Engine.connect()
    try:
        return sorted(engine.labelled(LABEL_STATE, state_id(state)).values())
    finally:
        engine.close()


def resolve(runtime: DockerRuntime, image: str, *instructions: str) -> ResolvedVariant:
    return runtime.resolve(Variant(name="app", image=image, entrypoint=["app", *instructions]), "/")


def inspected(container: str, template: str) -> str:
    command = ["docker", "inspect", "-f", template, container]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_app_starts_when_the_gate_opens_and_not_before(
    runtime: DockerRuntime, image: str
) -> None:
    instance = runtime.create(spec_for(resolve(runtime, image, "out=hello", "wait")))
    before = (instance.pids(), instance.exec_ns(), instance.output_tail(), instance.exited())
    opened_ns = instance.open_gate()
    output = output_with(instance, "hello")
    exec_ns = instance.exec_ns()
    pids = instance.pids()
    program = str(Path(f"/proc/{instance.pid}/exe").readlink())
    instance.stop()

    assert before == ([instance.pid], None, "", None)
    assert instance.create_ns < instance.start_call_ns < instance.engine_ready_ns < opened_ns
    assert exec_ns is not None
    assert exec_ns > opened_ns
    assert output == "hello\n"
    assert pids == [instance.pid]
    assert program == "/bin/app"
    assert instance.name == f"headstart-{RUN}-1-t1"


def test_what_runs_is_what_the_image_says_unless_the_variant_says_otherwise(
    runtime: DockerRuntime, image: str
) -> None:
    as_image = runtime.resolve(Variant(name="a", image=image), "/")
    changed = runtime.resolve(
        Variant(
            name="b",
            image=image,
            entrypoint=["app", "id"],
            environment={"GREETING": "variant"},
            working_directory="/bin",
        ),
        "/",
    )
    instance = runtime.create(spec_for(changed))
    instance.open_gate()
    output = output_with(instance, "\n")
    instance.stop()

    assert as_image.argv == ["app"]
    assert as_image.environment == {"PATH": "/bin", "GREETING": "image"}
    assert (as_image.working_directory, as_image.user) == ("/data", "65532:65532")
    assert as_image.digest.startswith("sha256:")
    assert output == "uid=65532 cwd=/bin greeting=variant\n"


def test_every_trial_uses_the_image_that_was_resolved_first(
    runtime: DockerRuntime, image: str, program: Path
) -> None:
    name = f"headstart-test:moving-{os.getpid()}"
    with image_of(program, name):
        resolved = resolve(runtime, name, "out=first", "wait")
    with image_of(Path("/bin/true"), name):
        later = runtime.resolve(Variant(name="later", image=name, entrypoint=["app"]), "/")
        with pytest.raises(RuntimeFault) as fault:
            runtime.create(spec_for(resolved))

    assert later.digest != resolved.digest
    assert fault.value.code == FailureCode.FAILURE_CODE_ENGINE
    assert resolved.digest in fault.value.message


def test_a_container_is_granted_nothing_and_limited_always(
    runtime: DockerRuntime, root_image: str
) -> None:
    plan: dict[str, Any] = {"server_cpus": "0", "cpu_limit": 0.5, "memory_limit_bytes": 64 << 20}
    instructions = ["id", "write=/.headstart/gate", "write=/.headstart/stamp", "wait"]
    instance = runtime.create(spec_for(resolve(runtime, root_image, *instructions), **plan))
    instance.open_gate()
    output = output_with(instance, "stamp")
    status = Path(f"/proc/{instance.pid}/status").read_text().splitlines()
    facts = dict(line.split(":\t", 1) for line in status)
    template = (
        "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}"
        " {{.HostConfig.NanoCpus}} {{.HostConfig.Privileged}} {{.HostConfig.NetworkMode}}"
        " {{.Config.Healthcheck.Test}} {{len .Mounts}}"
    )
    granted = inspected(instance.container, template)
    instance.stop()

    assert facts["CapEff"] == facts["CapBnd"] == "0" * 16
    assert (facts["NoNewPrivs"], facts["Seccomp"], facts["Cpus_allowed_list"]) == ("1", "2", "0")
    assert granted == f"{64 << 20} {64 << 20} 4096 500000000 false none [NONE] 2"
    assert output.splitlines()[0].startswith("uid=0 ")
    assert output.splitlines()[1:] == [
        "write /.headstart/gate: Read-only file system",
        "write /.headstart/stamp: done",
    ]


def test_an_app_that_spoils_its_stamp_spoils_nothing_else(
    runtime: DockerRuntime, image: str, tmp_path: Path
) -> None:
    instance = runtime.create(spec_for(resolve(runtime, image, "out=hello", "wait")))
    instance.open_gate()
    output_with(instance, "hello")
    (stamp,) = tmp_path.glob("containers/*/gate-*/stamp")
    with stamp.open("r+b") as file:
        file.truncate(1 << 40)
        long = instance.exec_ns()
        file.truncate(3)
        short = instance.exec_ns()
    tail = instance.output_tail()
    instance.stop()

    assert long is not None
    assert short is None
    assert tail == "hello\n"


def test_a_state_folder_may_be_named_relative_to_here(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runtime = DockerRuntime.connect(Path("state"), everything_allowed())
    instance = runtime.create(spec_for(resolve(runtime, image, "wait")))
    waits = instance.exited() is None
    instance.stop()
    runtime.close()

    assert waits
    assert [*Path("state/containers").iterdir()] == []


def test_the_control_group_of_a_container_is_found(runtime: DockerRuntime, image: str) -> None:
    instance = runtime.create(spec_for(resolve(runtime, image, "child", "out=forked", "wait")))
    instance.open_gate()
    output_with(instance, "forked")
    cgroup = instance.cgroup
    assert cgroup is not None
    assert cgroup.memory is not None
    files = {1: "memory.usage_in_bytes", 2: "memory.current"}
    used = int((cgroup.memory / files[cgroup.version]).read_text())
    pids = instance.pids()
    instance.stop()

    assert instance.container in str(cgroup.memory)
    assert used > 0
    assert pids[0] == instance.pid
    assert len(pids) == 2
    assert instance.pids() == []


def test_an_app_that_ends_leaves_its_status_and_its_last_words(
    runtime: DockerRuntime, image: str
) -> None:
    # Two pipes: of what is written to them within a millisecond the engine loses the order.
    app = resolve(runtime, image, "out=working", "err=no such table: players", "exit=3")
    instance = runtime.create(spec_for(app))
    instance.open_gate()
    facts = end_of(instance)
    tail, pids = instance.output_tail(), instance.pids()
    shortened = instance.output_tail(limit_bytes=8)
    instance.stop()

    assert (facts.status, facts.oom_killed) == (3, False)
    assert sorted(tail.splitlines()) == ["no such table: players", "working"]
    assert shortened == tail[-8:]
    assert pids == []


@pytest.mark.parametrize(
    ("entrypoint", "words"),
    [
        (["/nowhere/app"], "gate: exec of /nowhere/app failed: No such file or directory\n"),
        (["nowhere"], "gate: exec of nowhere failed: No such file or directory\n"),
        (["/data"], "gate: exec of /data failed: Permission denied\n"),
    ],
)
def test_an_entrypoint_that_cannot_be_executed_is_named(
    runtime: DockerRuntime, image: str, entrypoint: list[str], words: str
) -> None:
    app = runtime.resolve(Variant(name="app", image=image, entrypoint=entrypoint), "/")
    instance = runtime.create(spec_for(app))
    instance.open_gate()
    facts, tail = end_of(instance), instance.output_tail()
    instance.stop()

    assert facts.status in (126, 127)
    assert tail == words


def test_an_app_that_outgrows_its_memory_is_known_as_such(
    runtime: DockerRuntime, image: str
) -> None:
    app = resolve(runtime, image, "touch=64", "wait")
    instance = runtime.create(spec_for(app, memory_limit_bytes=16 << 20))
    instance.open_gate()
    facts = end_of(instance)
    instance.stop()

    assert (facts.status, facts.oom_killed) == (137, True)


def test_a_flood_of_output_fills_no_disk(runtime: DockerRuntime, image: str) -> None:
    instance = runtime.create(spec_for(resolve(runtime, image, "flood=6", "out=over", "wait")))
    instance.open_gate()
    tail = output_with(instance, "over")
    logs = Path(inspected(instance.container, "{{.LogPath}}")).parent
    written = sum(file.stat().st_size for file in logs.glob("*-json.log*"))
    instance.stop()

    assert tail.endswith("0098303\nover\n")
    assert len(tail) <= 16384
    assert 0 < written < 3 << 20


def test_a_missing_image_is_a_failure_that_says_what_to_do(runtime: DockerRuntime) -> None:
    failure = runtime.resolve(Variant(name="jit", image="no-such:image"), "/").failure

    assert failure.code == FailureCode.FAILURE_CODE_IMAGE_MISSING
    assert "does not hold image no-such:image" in failure.message
    assert "docker pull no-such:image" in failure.message


def test_an_image_without_a_command_does_not_start(runtime: DockerRuntime, program: Path) -> None:
    with image_of(program, f"headstart-test:bare-{os.getpid()}") as bare:
        failure = runtime.resolve(Variant(name="bare", image=bare), "/").failure

    assert failure.code == FailureCode.FAILURE_CODE_DOES_NOT_START
    assert "neither entrypoint nor command" in failure.message


@pytest.mark.parametrize(
    ("memory_swap", "host_swap", "noted"),
    [(64 << 20, 1 << 30, False), (-1, 0, False), (-1, 1 << 30, True)],
    ids=["limited", "none to use", "not limited"],
)
def test_swap_that_an_engine_does_not_limit_is_noted(
    memory_swap: int, host_swap: int, noted: bool
) -> None:
    started = Started(pid=1, address="", memory=64 << 20, memory_swap=memory_swap)
    notes = swap_notes(started, host_swap)

    assert bool(notes) == noted
    assert all("1024 MiB" in note for note in notes)


def test_an_image_whose_tag_is_allowed_may_be_asked_for_by_its_id(
    tmp_path: Path, image: str
) -> None:
    image_id = subprocess.run(
        ["docker", "image", "inspect", "-f", "{{.Id}}", image],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    found = {}
    for patterns in (("headstart-test:*",), ("sha256:*",), ("players:*",)):
        runtime = DockerRuntime.connect(tmp_path, Policy(images=patterns))
        found[patterns] = resolve(runtime, image_id)
        runtime.close()
    allowed, by_digest, refused = found.values()

    assert allowed.digest == by_digest.digest == image_id
    assert refused.failure.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY


def test_a_reference_that_walks_out_of_an_allowed_name_is_refused(
    tmp_path: Path, image: str
) -> None:
    """As the path of a request to the engine it would name the image behind the dots."""
    runtime = DockerRuntime.connect(tmp_path, Policy(images=("players/*",)))
    found = [
        runtime.resolve(Variant(name="app", image=text), "/")
        for text in (f"players/../{image}", f"players/x/../../{image}", f"players/%2e%2e/{image}")
    ]
    with pytest.raises(RuntimeFault, match=r"'\.\.' is no part of a name"):
        runtime._engine.image(f"players/../{image}")
    runtime.close()

    assert {each.failure.code for each in found} == {FailureCode.FAILURE_CODE_REFUSED_BY_POLICY}
    assert "'..' is no part of a name" in found[0].failure.message


def test_the_beginning_of_an_id_is_held_against_the_names_of_its_image(
    tmp_path: Path, image: str
) -> None:
    """An engine that knows no such name takes it for an id, whatever pattern it would fit."""
    engine = Engine.connect()
    found = engine.image(image)
    engine.close()
    assert found is not None
    short = found["Id"].removeprefix("sha256:")[:10]
    codes = {}
    for pattern in (f"{short}:*", short, "headstart-test:*", f"{found['Id'][:20]}*"):
        runtime = DockerRuntime.connect(tmp_path, Policy(images=(pattern,)))
        codes[pattern] = resolve(runtime, short).failure.code
        runtime.close()

    refused = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert list(codes.values()) == [refused, refused, 0, 0]


@pytest.mark.parametrize(
    "ask", [Engine.facts, Engine.is_rootless, Engine.images, lambda engine: engine.image("a:b")]
)
def test_no_question_to_the_engine_outlives_a_cancel(ask: Callable[[Engine], object]) -> None:
    cancelled = Cancellation()
    engine = Engine.connect(cancelled)
    cancelled.set()
    try:
        with pytest.raises(RuntimeFault) as raised:
            ask(engine)
    finally:
        engine.close()

    assert raised.value.code == FailureCode.FAILURE_CODE_CANCELLED


def test_an_image_whose_environment_fills_a_record_is_no_variant(
    runtime: DockerRuntime, program: Path
) -> None:
    changes = [f"ENV X{number}={'x' * 10_000}" for number in range(7)]
    with image_of(program, f"headstart-test:environment-{os.getpid()}", changes) as name:
        failure = runtime.resolve(Variant(name="app", image=name), "/").failure

    assert failure.code == FailureCode.FAILURE_CODE_DOES_NOT_START
    assert "at most 65536 were expected" in failure.message


def test_what_the_policy_does_not_name_is_refused(tmp_path: Path, image: str) -> None:
    strict = DockerRuntime.connect(tmp_path, Policy(images=("team/*",)))
    refused = strict.resolve(Variant(name="app", image=image), "/")
    missing = strict.resolve(Variant(name="app", image="other:tag"), "/")
    build = strict.resolve(Variant(name="app", build=Build(context=".")), "/")
    digest = strict._engine.image(image)
    strict.close()
    assert digest is not None
    by_digest = DockerRuntime.connect(tmp_path, Policy(images=(digest["Id"],)))
    allowed = by_digest.resolve(Variant(name="app", image=image), "/")
    with pytest.raises(RuntimeFault) as too_much:
        by_digest.create(spec_for(allowed, memory_limit_bytes=64 << 30))
    by_digest.close()

    assert refused.failure.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert f"does not allow image {image} (images: team/*)" in refused.failure.message
    assert missing.failure.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert build.failure.code == FailureCode.FAILURE_CODE_BUILD
    assert not allowed.HasField("failure")
    assert too_much.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert "64 GiB" in too_much.value.message


def test_root_and_another_entrypoint_are_refused_where_the_policy_says_so(
    tmp_path: Path, image: str, root_image: str
) -> None:
    as_it_is = Variant(name="app", image=image)
    replaced = Variant(name="app", image=image, entrypoint=["app", "id"])
    as_root = Variant(name="app", image=root_image, entrypoint=["app", "id"])
    words = {}
    for policy in (
        Policy(images=("*",), root=False),
        Policy(images=("*",), entrypoint=False),
    ):
        runtime = DockerRuntime.connect(tmp_path, policy)
        words[policy] = [
            runtime.resolve(variant, "/").failure.message
            for variant in (as_it_is, replaced, as_root)
        ]
        runtime.close()
    no_root, no_entrypoint = words.values()

    assert no_root[:2] == ["", ""]
    assert "(root = false)" in no_root[2]
    assert no_entrypoint[0] == ""
    assert all("(entrypoint = false)" in message for message in no_entrypoint[1:])


def test_a_port_in_use_is_found_before_the_container_is_made(
    runtime: DockerRuntime, image: str
) -> None:
    app = resolve(runtime, image, "wait")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(RuntimeFault) as fault:
            runtime.create(spec_for(app, port=port, network=Network.NETWORK_HOST))

    assert fault.value.code == FailureCode.FAILURE_CODE_PORT_IN_USE
    assert f"port {port} " in fault.value.message
    assert f"(pid {os.getpid()})" in fault.value.message


def test_an_app_on_the_host_network_is_reached_on_loopback(
    runtime: DockerRuntime, image: str
) -> None:
    port = free_port()
    app = resolve(runtime, image, f"listen={port}")
    instance = runtime.create(spec_for(app, port=port, network=Network.NETWORK_HOST))
    instance.open_gate()
    answer = answer_of(instance, port)
    instance.stop()

    assert (instance.address, instance.namespace) == ("127.0.0.1", None)
    assert answer.endswith(b"hello")


def test_a_holder_lends_its_network_to_trial_after_trial(
    runtime: DockerRuntime, image: str, tmp_path: Path
) -> None:
    app = resolve(runtime, image, "listen=8080")
    answers, addresses = [], set()
    for trial in (1, 2):
        spec = spec_for(app, trial=trial, port=8080, network=Network.NETWORK_HOLDER)
        instance = runtime.create(spec)
        instance.open_gate()
        answers.append(answer_of(instance, 8080))
        addresses.add(instance.address)
        instance.stop()
        between = containers_of(tmp_path)
    runtime.close()

    assert all(answer.endswith(b"hello") for answer in answers)
    assert len(addresses) == 1
    assert addresses != {"127.0.0.1"}
    assert between == [f"headstart-{RUN}-1-t1-network"]


def test_a_holder_that_was_removed_is_made_anew(runtime: DockerRuntime, image: str) -> None:
    app = resolve(runtime, image, "wait")
    first = runtime.create(spec_for(app, network=Network.NETWORK_HOLDER))
    first.stop()
    subprocess.run(
        ["docker", "rm", "-f", f"headstart-{RUN}-1-t1-network"],
        check=True,
        capture_output=True,
    )
    second = runtime.create(spec_for(app, trial=2, network=Network.NETWORK_HOLDER))
    waits = second.exited() is None
    second.stop()

    assert waits


def test_stop_may_be_called_again_and_after_others_removed_it(
    runtime: DockerRuntime, image: str
) -> None:
    twice = runtime.create(spec_for(resolve(runtime, image, "wait")))
    twice.stop()
    twice.stop()
    removed = runtime.create(spec_for(resolve(runtime, image, "wait"), trial=2))
    subprocess.run(["docker", "rm", "-f", removed.name], check=True, capture_output=True)
    removed.stop()

    for instance in (twice, removed):
        facts = instance.exited()
        assert facts is not None
        assert facts.status == 137
        assert (instance.pids(), instance.output_tail()) == ([], "")


def test_a_killed_agents_containers_are_removed_at_its_next_start(
    runtime: DockerRuntime, image: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with (
        owner("docker", tmp_path, f"{image} app wait", f"{image} app child wait") as killed,
        owner("docker", other, f"{image} app wait") as alive,
    ):
        ready = [line_of(killed), line_of(alive)]
        killed.kill()
        killed.wait()
        left = containers_of(tmp_path)
        removed = runtime.remove_orphans()
        again = runtime.remove_orphans()
        of_the_other = containers_of(other)
        alive.send_signal(signal.SIGINT)
        alive.wait()

    run, other_run = state_id(tmp_path), state_id(other)
    assert [line.startswith("ready ") for line in ready] == [True, True]
    assert left == removed == [f"headstart-{run}-1-t1", f"headstart-{run}-1-t2"]
    assert again == []
    assert of_the_other == [f"headstart-{other_run}-1-t1"]
    assert containers_of(other) == []


# An instance takes some 80 ms; each of these cuts it at another step.
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.08])
def test_ctrl_c_leaves_no_container_whenever_it_comes(
    tmp_path: Path, image: str, seconds: float
) -> None:
    with owner("docker", tmp_path, f"{image} app wait", f"{image} app wait") as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        process.wait()
    left = containers_of(tmp_path)

    assert left == []
    assert [*(tmp_path / "containers").glob("*")] == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("unix:///nowhere/docker.sock", "No such file or directory; is dockerd running?"),
        ("tcp://127.0.0.1:1", "Connection refused; is dockerd running?"),
    ],
)
def test_without_an_engine_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(RuntimeFault) as fault:
        DockerRuntime.connect(tmp_path, everything_allowed())

    assert fault.value.code == FailureCode.FAILURE_CODE_ENGINE
    assert f"the Docker Engine at {address} could not be reached: {words}" in fault.value.message


def test_an_engine_that_goes_away_is_a_fault_and_the_app_is_dead_nevertheless(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy("/var/run/docker.sock") as way:
        with monkeypatch.context() as patch:
            patch.setenv("DOCKER_HOST", way.address)
            runtime = DockerRuntime.connect(tmp_path, everything_allowed())
        resolved = resolve(runtime, image, "out=hello", "wait")
        instance = runtime.create(spec_for(resolved))
        instance.open_gate()
        output_with(instance, "hello")
        way.cut()
        tail = instance.output_tail()
        with pytest.raises(RuntimeFault) as stopping:
            instance.stop()
        unresolved = runtime.resolve(Variant(name="app", image=image), "/")
        runtime.close()
    wait_until(lambda: not Path(f"/proc/{instance.pid}").exists())
    later = DockerRuntime.connect(tmp_path, everything_allowed())
    removed = later.remove_orphans()
    later.close()

    assert "the Docker Engine at" in tail
    assert stopping.value.code == FailureCode.FAILURE_CODE_ENGINE
    assert "could not remove" in stopping.value.message
    assert unresolved.failure.code == FailureCode.FAILURE_CODE_ENGINE
    assert removed == [instance.name]


@pytest.mark.dotnet
def test_a_dotnet_image_that_dies_at_start_leaves_its_exception(runtime: DockerRuntime) -> None:
    squad = runtime.resolve(Variant(name="aot", image="squad:aot-debian"), "/")
    instance = runtime.create(spec_for(squad))
    instance.open_gate()
    facts, tail = end_of(instance), instance.output_tail()
    instance.stop()

    assert facts.status != 0
    assert "System.TypeInitializationException" in tail
    assert "AutoMapper" in tail


@pytest.mark.dotnet
def test_a_dotnet_image_from_scratch_serves_as_its_own_user(runtime: DockerRuntime) -> None:
    port = free_port()
    variant = Variant(
        name="aot",
        image="players:aot-scratch",
        environment={"ASPNETCORE_URLS": f"http://127.0.0.1:{port}"},
    )
    instance = runtime.create(spec_for(runtime.resolve(variant, "/"), port=port))
    instance.open_gate()
    answer = answer_of(instance, port)
    user = Path(f"/proc/{instance.pid}").stat().st_uid
    instance.stop()

    assert answer.startswith(b"HTTP/1.1 4")  # no Host header, but a server it is
    assert user == 65532
