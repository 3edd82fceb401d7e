"""What a run pulled is removed, also when its agent was killed; what was there before stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.pull_ledger import PullLedger
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import FailureCode
from support.registries import (
    faulty_registry,
    forget,
    holds,
    id_of,
    push,
    push_layer,
    registry,
    retag,
)
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.registry]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("hub")) as address:
        yield address


def pull(state: Path, name: str) -> DockerRuntime:
    """A runtime that pulled an image and will remove it; `close` it."""
    hub = name.partition("/")[0]
    runtime = DockerRuntime.connect(state, Policy(images=(f"{hub}/*",), pull=True))
    variants = [Variant(name="a", image=name)]
    failures = runtime.pull(variants, True, lambda _record: None, Cancellation(), lambda _: None)
    assert failures == {}
    return runtime


def test_what_a_run_pulled_goes_with_it(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/goes:1"
    push_layer(1000, name)
    runtime = pull(tmp_path, name)
    image = id_of(name)
    runtime.close()

    assert not holds(image)
    assert PullLedger.of(tmp_path).entries() == []
    assert runtime.left_behind == []


def test_an_image_that_was_here_under_another_name_stays(hub: str, tmp_path: Path) -> None:
    name, own = f"{hub}/team/stays:1", f"headstart-test-stays:{os.getpid()}"
    retag(own)
    push(own, name)
    try:
        pull(tmp_path, name).close()
        assert holds(own)
        assert not holds(name)
    finally:
        forget(own)


def test_an_image_that_was_here_without_a_name_stays(hub: str, tmp_path: Path) -> None:
    name, own = f"{hub}/team/bare:1", f"headstart-test-bare:{os.getpid()}"
    retag(own)
    push(own, name)
    image = id_of(own)
    # Another image takes its name.
    retag(own)
    try:
        pull(tmp_path, name).close()
        assert holds(image)
    finally:
        forget(own, image)


def test_a_name_that_was_another_images_is_given_back(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/moved:1"
    push_layer(1000, name)
    retag(name)
    before = id_of(name)
    try:
        runtime = pull(tmp_path, name)
        assert id_of(name) != before
        runtime.close()
        assert id_of(name) == before
    finally:
        forget(name)


def test_what_is_in_use_stays_until_it_can_go(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/used:1"
    push_layer(1000, name)
    runtime = pull(tmp_path, name)
    image = id_of(name)
    with closing(docker.APIClient()) as client:
        container = client.create_container(image=name)["Id"]
        try:
            runtime.close()
            stayed = holds(image)
        finally:
            client.remove_container(container)
    later = DockerRuntime.connect(tmp_path, Policy())
    removed = later.remove_orphans()
    later.close()

    assert stayed
    assert runtime.left_behind == [f"image {name}"]
    assert removed == [f"image {name}"]
    assert not holds(image)


KILLED = """
import os, signal, sys
from pathlib import Path
from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.experiment_pb2 import Variant

runtime = DockerRuntime.connect(Path(sys.argv[1]), Policy(images=("127.0.0.1:*/*",), pull=True))
variants = [Variant(name="a", image=sys.argv[2])]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
# Something of the layer has come: before, the engine may not have asked for it.
amid = lambda words: "in sight" in words and " 0.0 MB" not in words and die()
doing = amid if sys.argv[3:] else lambda _: None
runtime.pull(variants, True, die, Cancellation(), doing)
"""


def test_an_agent_that_was_killed_leaves_it_to_its_next_life(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/killed:1"
    push_layer(1000, name)
    command = [sys.executable, "-c", KILLED, str(tmp_path), name]
    killed = subprocess.run(command, check=False)
    left = holds(name)
    runtime = DockerRuntime.connect(tmp_path, Policy())
    removed = runtime.remove_orphans()
    runtime.close()

    assert killed.returncode == -signal.SIGKILL
    assert left
    assert removed == [f"image {name}"]
    assert not holds(name)


def test_without_the_key_it_stays_and_a_line_that_was_cut_off_counts_for_nothing(
    hub: str, tmp_path: Path
) -> None:
    name = f"{hub}/team/kept:1"
    push_layer(1000, name)
    (tmp_path / "pulls").write_text('{"reference": "')
    runtime = DockerRuntime.connect(tmp_path, Policy(images=(f"{hub}/*",), pull=True))
    variants = [Variant(name="a", image=name)]
    runtime.pull(variants, False, lambda _record: None, Cancellation(), lambda _: None)
    runtime.close()
    kept = holds(name)
    forget(name)

    assert kept
    assert PullLedger.of(tmp_path).entries() == []


def test_a_pull_ends_with_its_agent_and_nothing_of_it_comes_later(tmp_path: Path) -> None:
    with faulty_registry("stalls") as (hub, behind):
        name = f"{hub}/team/amid:1"
        command = [sys.executable, "-c", KILLED, str(tmp_path), name, "amid"]
        killed = subprocess.run(command, check=False)
        behind.release.set()
        wait_until(behind.finished.is_set)
    runtime = DockerRuntime.connect(tmp_path, Policy())
    removed = runtime.remove_orphans()
    runtime.close()

    assert killed.returncode == -signal.SIGKILL
    assert removed == []
    assert not holds(name)
    assert PullLedger.of(tmp_path).entries() == []


def test_nothing_is_pulled_that_could_not_be_told_later(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/untold:1"
    push_layer(1000, name)
    (tmp_path / "pulls").mkdir()
    runtime = DockerRuntime.connect(tmp_path, Policy(images=(f"{hub}/*",), pull=True))
    variants = [Variant(name="a", image=name)]
    failures = runtime.pull(variants, True, lambda _: None, Cancellation(), lambda _: None)
    (tmp_path / "pulls").rmdir()
    runtime.close()

    assert failures["a"].code == FailureCode.FAILURE_CODE_AGENT
    assert "is not pulled" in failures["a"].message
    assert not holds(name)


@pytest.mark.parametrize(
    "line",
    [
        "5",
        "null",
        '"text"',
        "[1]",
        '{"reference": "x", "came": []}',
        '{"reference": 5, "old": "", "images": [], "names": []}',
        '{"reference": "", "old": "", "images": [], "names": []}',
        '{"reference": "x", "old": "", "images": 5, "names": []}',
        "\udcff\udcfe",
        "[" * 100_000,
    ],
)
def test_a_damaged_line_counts_for_nothing(tmp_path: Path, line: str) -> None:
    (tmp_path / "pulls").write_bytes(line.encode("utf-8", "surrogateescape"))

    assert PullLedger.of(tmp_path).entries() == []


def test_a_ledger_that_cannot_be_read_keeps_no_agent_from_starting(tmp_path: Path) -> None:
    (tmp_path / "pulls").mkdir()
    runtime = DockerRuntime.connect(tmp_path, Policy())
    try:
        assert runtime.remove_orphans() == []
    finally:
        runtime.close()


def test_what_somebody_else_gave_the_name_to_meanwhile_stays(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/taken:1"
    push_layer(1000, name)
    runtime = pull(tmp_path, name)
    pulled = id_of(name)
    retag(name)
    theirs = id_of(name)
    try:
        runtime.close()
        assert id_of(name) == theirs
        assert not holds(pulled)
    finally:
        forget(name)


def test_what_somebody_else_pulled_after_a_pull_that_failed_stays(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/later:1"
    runtime = DockerRuntime.connect(tmp_path, Policy(images=(f"{hub}/*",), pull=True))
    variants = [Variant(name="a", image=name)]
    failures = runtime.pull(variants, True, lambda _: None, Cancellation(), lambda _: None)
    retag(name)
    try:
        runtime.close()
        assert list(failures) == ["a"]
        assert holds(name)
    finally:
        forget(name)


def test_another_tag_of_the_same_image_keeps_its_digest(hub: str, tmp_path: Path) -> None:
    name, other = f"{hub}/team/tagged:1", f"{hub}/team/tagged:2"
    push_layer(1000, name)
    runtime = pull(tmp_path, name)
    with closing(docker.APIClient()) as client:
        repository, _, tag = other.rpartition(":")
        client.tag(name, repository, tag)
        digest = client.inspect_image(name)["RepoDigests"][0]  # type: ignore[no-untyped-call]  # stub
    try:
        runtime.close()
        assert not holds(name)
        assert holds(digest)
    finally:
        forget(other)
