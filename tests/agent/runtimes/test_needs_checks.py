"""What a variant asks of its container is what the container gets, and no more than may be."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.needs_checks import beyond_kernel, beyond_memory, problems_of
from headstart.v1.experiment_pb2 import ContainerNeeds, Experiment, HostPath, Network, Plan, Variant
from headstart.v1.records_pb2 import FailureCode
from support.images import build_app, image_of
from support.instances import end_of, output_with, spec_for
from support.policies import everything_allowed

MIB = 1 << 20
ALL = ContainerNeeds(
    user="1000:1001", read_only=True, tmpfs_bytes={"/scratch": 2 * MIB}, shm_bytes=3 * MIB
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test:needs-{os.getpid()}") as name:
        yield name


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as runtime:
        yield runtime


def variant(image: str, needs: ContainerNeeds, *instructions: str) -> Variant:
    return Variant(name="a", image=image, entrypoint=["app", *instructions], needs=needs)


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.parametrize("network", [Network.NETWORK_OWN, Network.NETWORK_HOLDER])
def test_a_container_is_made_as_its_variant_says(
    runtime: DockerRuntime, image: str, network: Network.ValueType
) -> None:
    asked = variant(image, ALL, "id", "write=/file", "write=/scratch/file", "out=end", "wait")
    resolved = runtime.resolve(asked, "/")
    instance = runtime.create(spec_for(resolved, network=network))
    mounts = Path(f"/proc/{instance.pid}/mountinfo").read_text().splitlines()
    with closing(docker.APIClient()) as client:
        host = client.inspect_container(instance.container)["HostConfig"]
    instance.open_gate()
    output = output_with(instance, "end")
    instance.stop()

    assert (resolved.user, resolved.needs) == ("1000:1001", ALL)
    assert output.splitlines()[0].startswith("uid=1000 ")
    assert "write /file: Read-only file system" in output
    assert "write /scratch/file: done" in output
    sizes = {line.split()[4]: line for line in mounts}
    assert "size=2048k" in sizes["/scratch"]
    assert "noexec" not in sizes["/scratch"].split(" - ")[0]
    assert "size=3072k" in sizes["/dev/shm"]  # the container's
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])


@pytest.mark.docker
@pytest.mark.compiler
def test_what_is_kept_in_memory_is_charged_to_the_memory_limit(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    """A program that touches 1 MiB of its own fills a folder, until the limit kills it."""
    writer = build_app(tmp_path, Path(__file__).parents[2] / "support" / "disk_app.c")
    needs = ContainerNeeds(tmpfs_bytes={"/scratch": 32 * MIB})
    with image_of(writer, f"headstart-test:fills-{os.getpid()}") as name:
        asked = Variant(name="a", image=name, entrypoint=["app", "/scratch/file"], needs=needs)
        resolved = runtime.resolve(asked, "/")
        instance = runtime.create(spec_for(resolved, memory_limit_bytes=32 * MIB))
        instance.open_gate()
        facts = end_of(instance)
        instance.stop()

    assert facts.oom_killed


@pytest.mark.docker
@pytest.mark.compiler
def test_a_volume_is_fresh_in_every_trial_and_goes_with_it(
    runtime: DockerRuntime, image: str
) -> None:
    needs = ContainerNeeds(read_only=True, volumes=["/data"])
    with closing(docker.APIClient()) as client:
        before = names_of_volumes(client)
        for _ in range(2):
            resolved = runtime.resolve(variant(image, needs, "write=/data/file", "wait"), "/")
            instance = runtime.create(spec_for(resolved))
            made = names_of_volumes(client) - before
            found = list(Path(f"/proc/{instance.pid}/root/data").iterdir())
            instance.open_gate()
            output = output_with(instance, "write /data/file: done")
            instance.stop()

            assert len(made) == 1
            assert found == []
            assert "Read-only" not in output
        assert names_of_volumes(client) == before


@pytest.mark.docker
@pytest.mark.compiler
def test_limits_of_resources_are_those_that_are_asked_for(
    runtime: DockerRuntime, image: str
) -> None:
    needs = ContainerNeeds(ulimits={"nofile": 1234, "stack": MIB})
    resolved = runtime.resolve(variant(image, needs, "wait"), "/")
    instance = runtime.create(spec_for(resolved))
    limits = Path(f"/proc/{instance.pid}/limits").read_text()
    instance.stop()

    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert found["Max open files"] == ["1234", "1234"]
    assert found["Max stack size"] == [str(MIB), str(MIB)]
    assert found["Max core file size"] == ["0", "0"]


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.parametrize("limit", ["nofile", "stack"])
def test_a_container_that_cannot_begin_within_its_limits_names_them(
    runtime: DockerRuntime, image: str, limit: str
) -> None:
    """The engine cannot open a file for it; its program is killed as soon as it is one."""
    needs = ContainerNeeds(ulimits={limit: 0})
    resolved = runtime.resolve(variant(image, needs, "wait"), "/")

    with pytest.raises(RuntimeFault, match=rf"the variant states ulimits \({limit}: 0\)"):
        runtime.create(spec_for(resolved))


@pytest.mark.parametrize(("nofile", "found"), [(-1, 1), (1001, 1), (1000, 0)])
def test_no_process_may_have_more_open_files_than_the_kernel_allows(
    nofile: int, found: int
) -> None:
    needs = ContainerNeeds(ulimits={"nofile": nofile, "memlock": -1})

    assert [key for key, *_ in beyond_kernel(needs, 1000)] == ["ulimits"] * found


@pytest.mark.docker
@pytest.mark.compiler
def test_a_container_has_the_capabilities_that_it_asks_for_and_its_policy_allows(
    tmp_path: Path, image: str
) -> None:
    policy = replace(everything_allowed(), capabilities=("SETUID", "SETGID", "CHOWN"))
    with closing(DockerRuntime.connect(tmp_path, policy)) as runtime:
        asked = variant(image, ContainerNeeds(capabilities=["SETUID", "CHOWN"]), "out=up", "wait")
        instance = runtime.create(spec_for(runtime.resolve(asked, "/")))
        instance.open_gate()
        output_with(instance, "up")
        status = Path(f"/proc/{instance.pid}/status").read_text()
        instance.stop()
        beyond = variant(image, ContainerNeeds(capabilities=["MKNOD"]), "wait")
        with pytest.raises(RuntimeFault, match=r"MKNOD.*\(capabilities\)") as refused:
            runtime.create(spec_for(runtime.resolve(beyond, "/")))

    # Bits 0 (CHOWN) and 7 (SETUID) of capabilities(7): in the app, not in its gate alone.
    found = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Cap"))
    assert (int(found["CapEff"], 16), int(found["CapBnd"], 16)) == (1 << 7 | 1, 1 << 7 | 1)
    assert refused.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.parametrize("network", [Network.NETWORK_OWN, Network.NETWORK_HOLDER])
def test_a_container_knows_the_names_of_its_variant_and_its_own(
    runtime: DockerRuntime, image: str, network: Network.ValueType
) -> None:
    """The engine refuses `--add-host` in a network that is another container's."""
    plain = runtime.create(
        spec_for(runtime.resolve(variant(image, ContainerNeeds(), "wait"), "/"), network=network)
    )
    usual = (Path(f"/proc/{plain.pid}/root/etc/hosts")).read_text()
    plain.stop()
    needs = ContainerNeeds(hosts={"db.internal": "127.0.0.1", "cache": "::1"})
    resolved = runtime.resolve(variant(image, needs, "wait"), "/")
    instance = runtime.create(spec_for(resolved, trial=2, network=network))
    named = (Path(f"/proc/{instance.pid}/root/etc/hosts")).read_text()
    instance.stop()

    assert named.removeprefix(usual).splitlines() == ["::1\tcache", "127.0.0.1\tdb.internal"]
    assert ("172." in usual) == (network == Network.NETWORK_HOLDER)


def names_of_volumes(client: docker.APIClient) -> set[str]:
    return {each["Name"] for each in client.volumes()["Volumes"] or []}


@pytest.mark.docker
@pytest.mark.compiler
def test_without_needs_nothing_changes(runtime: DockerRuntime, image: str) -> None:
    resolved = runtime.resolve(Variant(name="a", image=image, entrypoint=["app", "write=/f"]), "/")
    instance = runtime.create(spec_for(resolved))
    instance.open_gate()
    end_of(instance)
    output = instance.output_tail()
    instance.stop()

    assert not resolved.HasField("needs")
    assert output == "write /f: done\n"


@pytest.mark.docker
@pytest.mark.compiler
def test_a_user_of_the_variants_takes_the_place_of_a_root_that_may_not_be(
    tmp_path: Path, image: str
) -> None:
    policy = Policy(images=("*",), root=False)
    with closing(DockerRuntime.connect(tmp_path, policy)) as runtime:
        plain = runtime.resolve(Variant(name="a", image=image, entrypoint=["app"]), "/")
        stated = runtime.resolve(variant(image, ContainerNeeds(user="1000")), "/")
        root = runtime.resolve(variant(image, ContainerNeeds(user="root")), "/")
        with pytest.raises(RuntimeFault, match="root = false") as refused:
            runtime.create(spec_for(root))

    assert plain.failure.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert not stated.HasField("failure")
    assert refused.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY


@pytest.mark.docker
@pytest.mark.compiler
def test_what_cannot_be_stops_the_run_at_its_key(runtime: DockerRuntime, image: str) -> None:
    asked = Experiment(
        variants=[variant(image, ContainerNeeds(tmpfs_bytes={"/scratch": 64 * MIB}))],
        plan=Plan(memory_limit_bytes=32 * MIB),
    )
    (found,) = runtime.obstacles(asked)

    assert found.path == ("variants", "a", "tmpfs")
    assert found.forbids
    assert "64 MiB are kept in memory and charged to the memory limit, which is 32 MiB" in (
        found.message
    )


@pytest.mark.parametrize(
    ("needs", "key"),
    [
        (ContainerNeeds(user="-1"), "user"),
        (ContainerNeeds(user="a b"), "user"),
        (ContainerNeeds(user="1:2:3"), "user"),
        (ContainerNeeds(tmpfs_bytes={"/": MIB}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"scratch": MIB}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"/a/../proc": MIB}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"/proc/sys": MIB}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"/.headstart": MIB}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"/dev/shm": MIB}), "tmpfs"),  # the container's
        (ContainerNeeds(tmpfs_bytes={"/a\n": MIB}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"/a": 1}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={"/a": 1 << 40}), "tmpfs"),
        (ContainerNeeds(tmpfs_bytes={f"/{n}": MIB for n in range(17)}), "tmpfs"),
        (ContainerNeeds(shm_bytes=1), "shm_size"),
        (ContainerNeeds(shm_bytes=1 << 60), "shm_size"),
        (ContainerNeeds(volumes=["/:/host"]), "volumes"),
        (ContainerNeeds(volumes=["data"]), "volumes"),
        (ContainerNeeds(volumes=["/data", "/data"]), "volumes"),
        (ContainerNeeds(volumes=["/a"], tmpfs_bytes={"/a": MIB}), "volumes"),
        (ContainerNeeds(volumes=[f"/{n}" for n in range(17)]), "volumes"),
        (ContainerNeeds(ulimits={"core": 1}), "ulimits"),
        (ContainerNeeds(ulimits={"rtprio": 99}), "ulimits"),
        (ContainerNeeds(ulimits={"nofile": -2}), "ulimits"),
        (ContainerNeeds(host_paths=[HostPath(host="srv", at="/a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/", at="/a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a/../b", at="/a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a:rw", at="/a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a\n", at="/a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/" + "a" * 1024, at="/a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a", at="a")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a", at="/")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a", at="/.headstart")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a", at="/etc")]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a", at="/a")], volumes=["/a/b"]), "volumes"),
        (ContainerNeeds(host_paths=[HostPath(host="/a", at="/a")], volumes=["/a"]), "volumes"),
        (
            ContainerNeeds(
                host_paths=[HostPath(host="/a", at="/a"), HostPath(host="/b", at="/a/b")]
            ),
            "volumes",
        ),
        (
            ContainerNeeds(host_paths=[HostPath(host="/a", at=f"/{n}") for n in range(17)]),
            "volumes",
        ),
        (
            ContainerNeeds(host_paths=[HostPath(host="/a", at="/etc/hosts")], hosts={"a": "::1"}),
            "hosts",
        ),
        (ContainerNeeds(hosts={"localhost": "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={"a.localhost": "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={"DB": "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={"a b": "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={"a\n10.0.0.1 b": "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={"a" * 64: "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={".".join(["a"] * 128): "10.0.0.1"}), "hosts"),
        (ContainerNeeds(hosts={"10.0.0.1": "10.0.0.2"}), "hosts"),
        (ContainerNeeds(hosts={"a": "b"}), "hosts"),
        (ContainerNeeds(hosts={"a": "10.0.0.1\n10.0.0.2 b"}), "hosts"),
        (ContainerNeeds(hosts={"a": "fe80::1%eth0"}), "hosts"),
        (ContainerNeeds(hosts={f"a{n}": "10.0.0.1" for n in range(65)}), "hosts"),
        (ContainerNeeds(hosts={"a": "::1"}, volumes=["/etc/hosts"]), "hosts"),
        (ContainerNeeds(capabilities=["SYS_ADMIN"]), "capabilities"),
        # Known, but this policy allows none.
        (ContainerNeeds(capabilities=["CHOWN"]), "capabilities"),
    ],
)
def test_an_agent_takes_no_value_that_a_collector_should_have_refused(
    needs: ContainerNeeds, key: str
) -> None:
    assert [found[0] for found in problems_of(needs, everything_allowed())] == [key]


def test_what_may_be_asked_for_is_no_problem() -> None:
    assert [*problems_of(ALL, everything_allowed()), *beyond_memory(ALL, 3 * MIB)] == []
    assert [key for key, *_ in beyond_memory(ALL, 1 * MIB)] == ["tmpfs", "shm_size"]
