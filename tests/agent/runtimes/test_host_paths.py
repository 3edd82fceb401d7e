"""What a container is lent of its host: that and no more, as its policy says."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from headstart.agent.instances import RuntimeFault
from headstart.agent.policy import host_paths
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.untrusted import disk
from headstart.v1.experiment_pb2 import ContainerNeeds, Experiment, HostPath, Variant
from headstart.v1.records_pb2 import FailureCode
from support.images import build_app, image_of
from support.instances import end_of, spec_for
from support.policies import everything_allowed

pytestmark = [pytest.mark.docker, pytest.mark.compiler]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test:lent-{os.getpid()}") as name:
        yield name


def root_of_engine() -> str:
    with closing(docker.APIClient()) as client:
        return str(client.info()["DockerRootDir"])


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    found = tmp_path / "srv"
    for name in ("data", "cache", "other"):
        (found / name).mkdir(parents=True)
        (found / name).chmod(0o777)
        (found / name / f"of-{name}").touch()
    return found


@pytest.fixture
def runtime(tmp_path: Path, srv: Path) -> Iterator[DockerRuntime]:
    allowed = (f"{srv}/*", f"{srv}/cache:rw", "/run", root_of_engine(), str(tmp_path))
    policy = replace(everything_allowed(), host_paths=allowed)
    with closing(DockerRuntime.connect(tmp_path / "state", policy)) as runtime:
        yield runtime


def variant(image: str, *instructions: str, **paths: HostPath) -> Variant:
    needs = ContainerNeeds(host_paths=paths.values(), read_only=True)
    return Variant(name="a", image=image, entrypoint=["app", *instructions], needs=needs)


def output_of(runtime: DockerRuntime, asked: Variant) -> str:
    instance = runtime.create(spec_for(runtime.resolve(asked, "/")))
    instance.open_gate()
    end_of(instance)
    output = instance.output_tail()
    instance.stop()
    return output


def test_a_folder_is_lent_to_be_read_and_another_to_be_written_to(
    runtime: DockerRuntime, image: str, srv: Path
) -> None:
    asked = variant(
        image,
        "write=/data/of-data",
        "write=/data/new",
        "write=/cache/new",
        "write=/var/one/file",
        data=HostPath(host=f"{srv}/data", at="/data"),
        cache=HostPath(host=f"{srv}/cache", at="/cache", writable=True),
        file=HostPath(host=f"{srv}/other/of-other", at="/var/one/file"),
    )
    policy = replace(runtime._policy, host_paths=(*runtime._policy.host_paths, f"{srv}/other/*"))
    runtime._policy = policy

    assert output_of(runtime, asked).splitlines() == [
        "write /data/of-data: Read-only file system",
        "write /data/new: Read-only file system",
        "write /cache/new: done",
        "write /var/one/file: Read-only file system",
    ]
    assert sorted(each.name for each in (srv / "cache").iterdir()) == ["new", "of-cache"]
    assert [each.name for each in (srv / "data").iterdir()] == ["of-data"]


@pytest.mark.root
def test_what_is_mounted_within_does_not_come_with_it(
    runtime: DockerRuntime, image: str, srv: Path
) -> None:
    """An engine would bind it too, and leave it writable."""
    inner = srv / "data" / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", inner], check=True)
    try:
        (inner / "file").touch()
        path = HostPath(host=f"{srv}/data", at="/data")
        asked = variant(image, "write=/data/inner/file", data=path)
        output = output_of(runtime, asked)
    finally:
        subprocess.run(["umount", inner], check=True)

    assert "write /data/inner/file: Read-only file system" in output


@pytest.mark.root
def test_what_is_bound_is_what_was_looked_at(
    runtime: DockerRuntime, image: str, srv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody puts a link in its place between the two."""
    right = host_paths.lend

    def swapped(*arguments: object) -> host_paths.LentPath:
        found = right(*arguments)  # type: ignore[arg-type]  # as they are
        (srv / "data").rename(srv / "moved")
        (srv / "data").symlink_to(srv / "other")
        return found

    resolved = runtime.resolve(
        variant(image, "wait", data=HostPath(host=f"{srv}/data", at="/data")), "/"
    )
    monkeypatch.setattr("headstart.agent.runtimes.lending.lend", swapped)
    with pytest.raises(RuntimeFault, match=rf"what /data has is not {srv}/data of this host"):
        runtime.create(spec_for(resolved))


@pytest.mark.parametrize(
    ("host", "words", "code"),
    [
        ("/run", "lent to no container", FailureCode.FAILURE_CODE_REFUSED_BY_POLICY),
        ("{engine}", "lent to no container", FailureCode.FAILURE_CODE_REFUSED_BY_POLICY),
        ("{state}", "lent to no container", FailureCode.FAILURE_CODE_REFUSED_BY_POLICY),
        ("/etc", r"\(host_paths\)", FailureCode.FAILURE_CODE_REFUSED_BY_POLICY),
        ("{srv}/missing", "No such file", FailureCode.FAILURE_CODE_AGENT),
    ],
)
def test_what_cannot_be_lent_is_told_before_the_run_and_stops_a_trial(
    runtime: DockerRuntime, tmp_path: Path, srv: Path, host: str, words: str, code: int, image: str
) -> None:
    named = host.format(state=tmp_path, srv=srv, engine=root_of_engine())
    path = HostPath(host=named, at="/data")
    asked = variant(image, "wait", data=path)
    resolved = runtime.resolve(asked, "/")
    (found,) = runtime.obstacles(Experiment(variants=[asked]))

    assert (found.path, found.code, found.forbids) == (("variants", "a", "volumes"), code, True)
    with pytest.raises(RuntimeFault, match=words) as refused:
        runtime.create(spec_for(resolved))
    assert refused.value.code == code


def test_what_a_trial_leaves_for_the_next_is_told_before_the_run(
    runtime: DockerRuntime, srv: Path
) -> None:
    path = HostPath(host=f"{srv}/cache", at="/cache", writable=True)
    (found,) = runtime.obstacles(Experiment(variants=[variant("any", cache=path)]))

    assert not found.blocks
    assert f"what it writes to /cache stays in {srv}/cache of this host" in found.message


@pytest.mark.parametrize("counted", [True, False])
def test_what_was_there_is_not_the_apps_and_what_it_writes_counts(
    runtime: DockerRuntime,
    srv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counted: bool,
) -> None:
    """A folder that holds more than can be counted is told, and stops no trial."""
    (srv / "cache" / "before").write_bytes(bytes(96 << 20))
    runtime._policy = replace(runtime._policy, disk_limit_bytes=80 << 20)
    if not counted:
        monkeypatch.setattr(disk, "_MAXIMUM_FILES", 1)
    writer = build_app(tmp_path, Path(__file__).parents[2] / "support" / "disk_app.c")
    with image_of(writer, f"headstart-test:lends-{os.getpid()}") as name:
        needs = ContainerNeeds(
            host_paths=[HostPath(host=f"{srv}/cache", at="/cache", writable=True)]
        )
        asked = Variant(name="a", image=name, entrypoint=["app", "/cache/file"], needs=needs)
        instance = runtime.create(spec_for(runtime.resolve(asked, "/")))
        notes = list(instance.notes)
        if counted:
            instance.open_gate()
            facts = end_of(instance)
            assert "MiB to disk, 80 MiB is its limit" in facts.disk
        instance.stop()

    told = [note for note in notes if "folder of the host is not counted" in note]
    assert len(told) == (0 if counted else 1)


def test_an_agents_own_folders_are_kept_back(runtime: DockerRuntime, tmp_path: Path) -> None:
    kept = set(runtime._lender.kept_back())

    assert {tmp_path / "state", Path("/var/run/docker.sock"), Path(root_of_engine())} <= kept


def test_where_a_link_leads_is_told_before_the_run(runtime: DockerRuntime, srv: Path) -> None:
    (srv / "link").symlink_to("data")
    path = HostPath(host=f"{srv}/link", at="/data")
    (found,) = runtime.obstacles(Experiment(variants=[variant("any", data=path)]))

    assert not found.blocks
    assert f"{srv}/link leads to {srv}/data of this host" in found.message
