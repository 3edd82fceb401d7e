"""What a container writes to disk is seen wherever it writes it, and ends it beyond its limit."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from headstart.agent.deadline import Deadline
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.untrusted import disk
from headstart.agent.untrusted.disk import (
    TooMuch,
    bytes_below,
    deleted_bytes,
    devices_in_memory,
    writable,
)
from headstart.v1.experiment_pb2 import ContainerNeeds, Variant
from headstart.v1.records_pb2 import FailureCode
from support.images import build_app, image_of
from support.instances import end_of, spec_for

MOUNTS = """\
74 49 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/l,upperdir=/o/diff
75 74 0:42 / /proc rw,nosuid - proc proc rw
76 74 0:43 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k
80 79 0:29 /docker/73 /sys/fs/cgroup/cpu ro,nosuid - cgroup cgroup rw,cpu
93 74 254:0 /containers/73/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
94 74 254:0 /gate /.headstart ro,relatime - ext4 /dev/vda rw
95 74 254:0 /gate/stamp /.headstart/stamp rw,relatime shared:1 - ext4 /dev/vda rw
96 74 254:0 /volumes/1/_data /my\\040data rw,relatime - ext4 /dev/vda rw
a line that is none
"""


def test_what_can_be_written_to_is_the_upper_layer_and_every_writable_mount_on_a_disk() -> None:
    assert writable(MOUNTS) == ("/o/diff", ["/etc/hosts", "/.headstart/stamp", "/my data"])


def test_what_is_mounted_from_memory_is_known_by_its_device() -> None:
    assert devices_in_memory(MOUNTS) == {os.makedev(0, minor) for minor in (42, 43, 29)}


def below(*folders: Path) -> int:
    return bytes_below([os.open(folder, os.O_PATH) for folder in folders], Deadline(5))


def test_a_volume_within_a_volume_counts_once(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "data").write_bytes(bytes(1 << 20))

    assert below(tmp_path, inner) == below(inner, tmp_path) == below(tmp_path)


def test_memory_within_a_volume_is_not_on_disk(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "data").write_bytes(bytes(1 << 20))
    device = tmp_path.stat().st_dev

    place = os.open(tmp_path, os.O_PATH)
    assert bytes_below([place], Deadline(5), in_memory={device}) == 0


def test_blocks_count_and_not_lengths_and_links_only_once(tmp_path: Path) -> None:
    empty = below(tmp_path)
    (tmp_path / "data").write_bytes(bytes(1 << 20))
    (tmp_path / "link").hardlink_to(tmp_path / "data")
    (tmp_path / "away").symlink_to("/")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)

    assert 1 << 20 <= below(tmp_path) - empty < (1 << 20) + 65536


def test_more_files_than_can_be_counted_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_MAXIMUM_FILES", 20)
    for name in range(21):
        (tmp_path / str(name)).touch()

    with pytest.raises(TooMuch, match="more than 20 files"):
        below(tmp_path)


def test_folders_that_nest_without_end_are_too_much(tmp_path: Path) -> None:
    """Deeper than any path can name, as an app makes them with relative calls."""
    top = os.open(tmp_path, os.O_RDONLY)
    descriptor = os.dup(top)
    for _ in range(150):
        os.mkdir("folder" * 20, dir_fd=descriptor)
        inner = os.open("folder" * 20, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(TooMuch, match="100 deep"):
        bytes_below([top], Deadline(5))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    os.close(top)


def test_a_walk_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    for name in range(300):
        (tmp_path / str(name)).touch()
    place = os.open(tmp_path, os.O_PATH)

    with pytest.raises(TooMuch, match="more than can be counted in 0 s"):
        bytes_below([place], Deadline(0))
    os.close(place)


def test_a_file_without_a_name_counts_as_long_as_it_is_open(tmp_path: Path) -> None:
    before = deleted_bytes([os.getpid()])
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(bytes(1 << 20))
        assert deleted_bytes([os.getpid()]) == before
        (tmp_path / "file").unlink()
        assert deleted_bytes([os.getpid()]) - before >= 1 << 20

    assert deleted_bytes([os.getpid()]) == before


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source = Path(__file__).parents[2] / "support" / "disk_app.c"
    program = build_app(tmp_path_factory.mktemp("app"), source)
    volume = ["VOLUME /volume", 'ENTRYPOINT ["app"]']
    with image_of(program, f"headstart-test:disk-{os.getpid()}", volume) as name:
        yield name


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime.connect(
        tmp_path, Policy(images=("*",), networks=("own",), disk_limit_bytes=64 << 20)
    )
    yield runtime
    runtime.close()


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.root
@pytest.mark.parametrize(
    "arguments",
    [["/file"], ["/file", "deleted"], ["/volume/file"], ["/etc/hosts"], ["/.headstart/stamp"]],
    ids=["layer", "deleted", "volume", "hosts", "stamp"],
)
def test_a_container_that_fills_the_disk_is_killed_and_says_why(
    arguments: list[str], runtime: DockerRuntime, image: str
) -> None:
    variant = Variant(name="app", image=image, entrypoint=["app", *arguments])
    instance = runtime.create(spec_for(runtime.resolve(variant, "/")))
    instance.open_gate()
    ended = end_of(instance)
    instance.stop()

    limit = ended.limit()
    assert limit is not None
    assert limit[0] == FailureCode.FAILURE_CODE_OUT_OF_DISK
    assert "MiB to disk, 64 MiB is its limit" in limit[1]
    assert not [thread for thread in threading.enumerate() if thread.name == "disk"]


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.root
def test_folders_of_a_variant_that_lie_in_each_other_are_held_to_the_limit_once(
    runtime: DockerRuntime, image: str
) -> None:
    needs = ContainerNeeds(
        volumes=["/volume", "/volume/a", "/volume/a/b"], tmpfs_bytes={"/volume/memory": 64 << 20}
    )
    variant = Variant(name="app", image=image, entrypoint=["app", "/unused"], needs=needs)
    instance = runtime.create(spec_for(runtime.resolve(variant, "/")))
    try:
        with ExitStack() as opened:
            mounts = Path(f"/proc/{instance.pid}/mountinfo").read_text()
            root = Path(f"/proc/{instance.pid}/root")
            (root / "volume/a/b/data").write_bytes(bytes(4 << 20))
            (root / "volume/memory/data").write_bytes(bytes(8 << 20))
            places = []
            for point in writable(mounts)[1]:
                places.append(os.open(f"{root}{point}", os.O_PATH))
                opened.callback(os.close, places[-1])
            used = bytes_below(places, Deadline(5), in_memory=devices_in_memory(mounts))
    finally:
        instance.stop()

    assert 4 << 20 <= used < 5 << 20


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.root
def test_a_disk_that_is_filled_by_what_no_list_of_files_has_ends_the_container_too(
    runtime: DockerRuntime, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_HIDDEN_SHARE", 0)
    variant = Variant(name="app", image=image, entrypoint=["app", "/file", "mapped"])
    instance = runtime.create(spec_for(runtime.resolve(variant, "/")))
    try:
        instance.open_gate()
        limit = end_of(instance).limit()
    finally:
        instance.stop()

    assert limit is not None
    assert limit[0] == FailureCode.FAILURE_CODE_OUT_OF_DISK
    assert "more are gone that no file accounts for, 64 MiB is its limit" in limit[1]


def test_an_agent_that_does_not_see_the_layer_does_not_take_a_lent_file_for_it(
    tmp_path: Path,
) -> None:
    mounts = f"""\
1 0 0:1 / / rw - overlay overlay rw,lowerdir=/l,upperdir={tmp_path}/layer,workdir=/w
2 1 8:1 / {tmp_path} rw - ext4 /dev/vda rw
"""
    with ExitStack() as undo:
        without = disk.opened(os.getpid(), mounts, undo)
        (tmp_path / "layer").mkdir()
        with_it = disk.opened(os.getpid(), mounts, undo)

    assert (len(without[0]), without[1]) == (1, False)
    assert (len(with_it[0]), with_it[1]) == (2, True)
