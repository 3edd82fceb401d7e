"""The archive of a context that is sent: the same bytes for the same tree, and nothing unsaid."""

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest
import zstandard

from headstart.agent.builds.context import pack_context
from headstart.agent.builds.context_archive import CannotBeSent, Packed, pack_archive
from headstart.agent.builds.context_hash import hash_of_packed
from headstart.agent.cancellation import Cancellation
from support.trees import write_tree

FILES = {"Dockerfile": "FROM scratch", "src/b.cs": "b", "src/a.cs": "a" * 5000, "run.sh": "#!"}
LONG = "d" * 90 + "/" + "f" * 90


def packed(
    folder: Path, buildkit: tuple[bool, ...] = (False,), largest_bytes: int = 1 << 30
) -> tuple[Packed, bytes]:
    into = io.BytesIO()
    found = pack_archive(folder, "Dockerfile", buildkit, into, None, largest_bytes)
    return found, into.getvalue()


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    tar = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {member.name: member for member in archive}


def test_the_same_tree_has_the_same_bytes_whenever_and_wherever_it_was_made(
    tmp_path: Path,
) -> None:
    one = write_tree(tmp_path / "one", FILES | {LONG: "x"})
    other = write_tree(tmp_path / "other", {LONG: "x"} | dict(reversed(FILES.items())))
    for folder in (one, other):
        (folder / "link").symlink_to("/etc/passwd")
        (folder / "run.sh").chmod(0o755)
    os.utime(other / "Dockerfile", (0, 0))

    first, data = packed(one)
    second, same = packed(other)
    (other / "run.sh").chmod(0o644)

    assert data == same
    assert first == second
    assert packed(other)[0].sha256 != first.sha256
    assert list(members(data)) == sorted(members(data))
    assert members(data)["link"].linkname == "/etc/passwd"
    assert members(data)["run.sh"].mode == 0o755
    assert {(m.uid, m.uname, m.mtime) for m in members(data).values()} == {(0, "root", 946684800)}
    assert (first.stored_bytes, first.entries) == (len(data), len(members(data)))


def test_a_file_with_two_names_is_two_files(tmp_path: Path) -> None:
    write_tree(tmp_path, FILES)
    alike, _ = packed(write_tree(tmp_path / "alike", FILES | {"run.copy": "#!"}))
    (tmp_path / "alike/run.copy").unlink()
    os.link(tmp_path / "alike/run.sh", tmp_path / "alike/run.copy")

    assert packed(tmp_path / "alike")[0].sha256 == alike.sha256


def test_what_is_ignored_stays_out_and_what_either_builder_sees_comes(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".dockerignore": "a.txt\nbin\n",
            "Dockerfile.dockerignore": "b.txt\nbin\n",
            "Dockerfile": "",
            "a.txt": "",
            "b.txt": "",
            "bin/x": "",
        },
    )
    ignores = {".dockerignore", "Dockerfile.dockerignore"}

    assert set(members(packed(tmp_path)[1])) == {*ignores, "Dockerfile", "b.txt"}
    assert set(members(packed(tmp_path, (False, True))[1])) == {
        *ignores,
        "Dockerfile",
        "a.txt",
        "b.txt",
    }


def test_special_files_are_refused_by_name(tmp_path: Path) -> None:
    write_tree(tmp_path, FILES)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "run.sh").chmod(0o4755)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "sock"))
        with pytest.raises(CannotBeSent) as refused:
            packed(tmp_path)

    assert str(refused.value) == (
        "holds what cannot be sent: pipe (a FIFO), run.sh (a program that changes its user:"
        " setuid or setgid), sock (a socket)"
    )


def test_too_much_is_refused_and_the_largest_files_are_known(tmp_path: Path) -> None:
    write_tree(tmp_path, FILES)

    found, _ = packed(tmp_path)
    with pytest.raises(CannotBeSent, match=r"more than .* GiB: leave out in \.dockerignore"):
        packed(tmp_path, largest_bytes=4096)

    assert found.largest[0][1] == "src/a.cs"


def test_what_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "", "/".join(["d"] * 257): ""})

    with pytest.raises(CannotBeSent, match="deeper than 256 folders"):
        packed(tmp_path)


def test_what_is_built_in_place_has_the_hash_that_it_would_be_sent_by(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "context", FILES | {LONG: "x", ".dockerignore": "run.sh"})
    (folder / "link").symlink_to("src")
    (folder / "src").chmod(0o2755)
    os.link(folder / "src/a.cs", folder / "again")
    for name in ("z" * 120, "src/e"):
        (folder / name).mkdir()
    into = io.BytesIO()
    pack_context(folder, "Dockerfile", into)

    assert hash_of_packed(into, Cancellation()) == packed(folder)[0].sha256


def test_what_could_not_be_sent_has_no_hash(tmp_path: Path) -> None:
    folder = write_tree(tmp_path, FILES)
    (folder / "run.sh").chmod(0o4755)
    setuid, fifo = io.BytesIO(), io.BytesIO()
    pack_context(folder, "Dockerfile", setuid)
    (folder / "run.sh").unlink()
    os.mkfifo(folder / "run.sh")
    pack_context(folder, "Dockerfile", fifo)

    assert [hash_of_packed(each, Cancellation()) for each in (setuid, fifo)] == ["", ""]
