"""A path of the host is lent where its policy names what it leads to, and some are never."""

import os
import socket
from pathlib import Path

import pytest

from headstart.agent.policy.host_paths import LentPath, NotAllowed, NotThere, lend, pattern_of
from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import ContainerNeeds, Experiment, HostPath, Variant


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    for name in ("data/inner", "other", "state/spool"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data" / "file").touch()
    return tmp_path


def lent(path: Path | str, *patterns: str, writable: bool = False, state: Path) -> LentPath:
    return lend(str(path), "/data", writable, patterns, [state])


def test_what_a_pattern_names_is_lent_and_read_only(srv: Path) -> None:
    found = lent(srv / "data", f"{srv}/data", state=srv / "state")

    assert (found.source, found.target, found.read_only) == (srv / "data", "/data", True)
    status = (srv / "data").stat()
    assert found.identity == (status.st_dev, status.st_ino)
    assert lent(srv / "data" / "file", f"{srv}/*/file", state=srv / "state").read_only


def test_it_is_written_to_only_where_the_pattern_says_so(srv: Path) -> None:
    path, state = srv / "data", srv / "state"
    assert not lent(path, f"{path}:rw", writable=True, state=state).read_only
    assert lent(path, f"{path}:rw", state=state).read_only
    with pytest.raises(NotAllowed, match=rf"asks to write to {path} .* allows {path} \(host_paths"):
        lent(path, str(path), writable=True, state=state)


@pytest.mark.parametrize("patterns", [(), ("{srv}",), ("{srv}/other",), ("{srv}/*",), ("/*",)])
def test_what_no_pattern_names_is_not(srv: Path, patterns: tuple[str, ...]) -> None:
    """A pattern fits no folder below the one that it names."""
    named = [each.format(srv=srv) for each in patterns]
    with pytest.raises(NotAllowed, match=r"the policy of this host allows .*\(host_paths\)"):
        lent(srv / "data" / "inner", *named, state=srv / "state")


def test_a_link_counts_as_what_it_leads_to(srv: Path) -> None:
    (srv / "data" / "link").symlink_to(srv / "other")
    link, state = srv / "data" / "link", srv / "state"

    assert lent(link, f"{srv}/other", state=state).source == srv / "other"
    with pytest.raises(NotAllowed, match=rf"{link} leads to {srv}/other; it asks for"):
        lent(link, f"{srv}/data/*", state=state)


def test_whether_it_is_there_is_told_only_where_it_is_allowed(srv: Path) -> None:
    state = srv / "state"
    with pytest.raises(NotThere, match="No such file or directory"):
        lent(srv / "missing", f"{srv}/*", state=state)
    told = []
    for name in ("missing", "other"):
        with pytest.raises(NotAllowed) as refused:
            lent(srv / name, f"{srv}/data", state=state)
        told.append(str(refused.value).replace(name, "NAME"))
    assert told[0] == told[1]


@pytest.mark.parametrize("path", ["/proc", "/proc/1", "/sys/fs", "/dev", "/dev/shm"])
def test_what_the_kernel_shows_is_never_lent(srv: Path, path: str) -> None:
    with pytest.raises(NotAllowed, match="lent to no container: it is /"):
        lent(path, "/*:rw", "/*/*:rw", state=srv / "state")


def test_the_host_as_a_whole_is_never_lent(srv: Path) -> None:
    (srv / "root").symlink_to("/")
    with pytest.raises(NotAllowed):
        lent(srv / "root", "/*", f"{srv}/*", "/", state=srv / "state")


@pytest.mark.parametrize("path", ["state", "state/spool", "."])
def test_neither_is_what_is_kept_back_nor_what_lies_in_it_nor_where_it_lies(
    srv: Path, path: str
) -> None:
    """The agent's state, the engine's socket and its folder are."""
    asked = srv / path
    with pytest.raises(NotAllowed, match=r"lent to no container: .*state"):
        lent(asked, pattern_of(str(asked), writable=False), state=srv / "state")


@pytest.mark.parametrize("inner", ["", "spool"])
@pytest.mark.root
def test_a_folder_that_the_host_shows_twice_is_known_by_its_inode(srv: Path, inner: str) -> None:
    again = srv / "again"
    again.mkdir()
    assert os.system(f"mount --bind {srv}/state {again}") == 0  # noqa: S605  # a test's own path
    try:
        with pytest.raises(NotAllowed, match="lent to no container: it "):
            lent(again / inner, str(again / inner).rstrip("/"), state=srv / "state")
    finally:
        assert os.system(f"umount {again}") == 0  # noqa: S605


def test_a_socket_is_no_folder_and_no_file(srv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(srv)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        with pytest.raises(NotThere, match="it is no folder and no file"):
            lent(srv / "socket", f"{srv}/*", state=srv / "state")


def test_a_local_run_allows_what_its_file_states_where_it_leads_now(srv: Path) -> None:
    (srv / "link").symlink_to(srv / "odd*name")
    paths = [HostPath(host=f"{srv}/link"), HostPath(host=f"{srv}/data", writable=True)]
    needs = ContainerNeeds(host_paths=paths)
    policy = Policy.for_experiment(Experiment(variants=[Variant(name="a", needs=needs)]))

    assert set(policy.host_paths) == {f"{srv}/odd[*]name", f"{srv}/data:rw"}
