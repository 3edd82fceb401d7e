"""A build's context: what is in the archive, and in which form."""

import io
import os
import socket
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from docker.utils.build import PatternMatcher

from headstart.agent.builds.context import pack_context
from headstart.agent.builds.ignore import context_paths
from headstart.agent.cancellation import Cancellation
from support.trees import write_tree


def packed(folder: Path, dockerfile: str = "Dockerfile") -> bytes:
    into = io.BytesIO()
    pack_context(folder, dockerfile, into)
    return into.read()


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return sorted(member.name for member in archive if not member.isdir())


def test_what_dockerignore_names_stays_out_but_for_the_dockerfile(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".dockerignore": "# comment\n\nbin/\n**/*.log\n*\n!src\nsrc/secret\n",
            "Dockerfile.aot": "FROM scratch",
            "bin/x": "",
            "src/a.cs": "",
            "src/deep/b.cs": "",
            "src/deep/build.log": "",
            "src/secret": "",
            "top.txt": "",
        },
    )

    assert names(packed(tmp_path, "Dockerfile.aot")) == [
        ".dockerignore",
        "Dockerfile.aot",
        "src/a.cs",
        "src/deep/b.cs",
        "src/deep/build.log",
    ]


def test_a_large_context_keeps_modes_and_links_and_begins_as_buildkit_wants(
    tmp_path: Path,
) -> None:
    long = "d" * 90 + "/" + "f" * 90
    write_tree(tmp_path, {"Dockerfile": "FROM scratch", long: "content", "run.sh": "#!/bin/sh"})
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("run.sh")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        data = packed(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        script, link = archive.getmember("run.sh"), archive.getmember("link")
        content = archive.extractfile(long)
        assert content is not None
        text = content.read()

    assert b"PAXHEADER" not in data[:1024]
    assert (script.mode & 0o777, script.uid, script.uname) == (0o755, 0, "root")
    assert (link.issym(), link.linkname) == (True, "run.sh")
    assert text == b"content"
    assert "socket" not in names(data)


def test_a_pattern_of_many_stars_takes_no_time(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "", ".dockerignore": "*a" * 40 + "b\n", "a" * 200: ""})
    began = time.monotonic()

    assert names(packed(tmp_path)) == [".dockerignore", "Dockerfile", "a" * 200]
    assert time.monotonic() - began < 5


def test_folders_nested_deeper_than_python_calls_are_packed(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    inner = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        deeper = os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = deeper
    os.close(inner)

    try:
        assert names(packed(tmp_path)) == ["Dockerfile"]
    finally:
        # What removes a test's folder calls itself for each level.
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ok\n[z-a]\n", r"the pattern '\[z-a\]'"),
        (b"x\n" * 501, "has 501 patterns; at most 500"),
        (b"#" * (1 << 20), "in 256 KiB are read"),
    ],
)
def test_an_ignore_file_that_cannot_be_used_is_told(
    tmp_path: Path, content: bytes, message: str
) -> None:
    write_tree(tmp_path, {"Dockerfile": ""})
    (tmp_path / ".dockerignore").write_bytes(content)

    with pytest.raises(OSError, match=message):
        packed(tmp_path)


def test_an_ignore_file_that_is_none_is_told(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": ""})
    os.mkfifo(tmp_path / ".dockerignore")

    with pytest.raises(OSError, match="a FIFO instead of a file"):
        packed(tmp_path)


# Those of docker-py's own matcher, which decides what `docker build` of docker-py packs.
TREE = ("a", "a/b", "a/b/c.log", "a/d.txt", "e f", "é/ü.txt", "A.TXT", "x.y-z", "{n}", "(p)+")
IGNORED = (
    ["a"],
    ["a/*", "!a/b"],
    ["**/*.log"],
    ["**"],
    ["*", "!a/**/c.log"],
    ["a/b/../d.txt", "/e f/"],
    ["a.txt"],
    ["[ae]*"],
    ["[!a]*"],
    ["?.y-z", "{n}", "(p)+"],
    ["é", "!é/ü.txt"],
    ["."],
    ["a/b/c.log", "!a", "a/d*"],
)


@pytest.mark.parametrize("patterns", IGNORED, ids=str)
def test_patterns_mean_what_they_mean_to_docker(tmp_path: Path, patterns: list[str]) -> None:
    write_tree(tmp_path, {path: "" for path in (*TREE, "Dockerfile") if path not in ("a", "a/b")})
    (tmp_path / ".dockerignore").write_text("\n".join(patterns))
    matcher = PatternMatcher([*patterns, "!Dockerfile"])

    assert sorted(context_paths(tmp_path, "Dockerfile", Cancellation())) == sorted(
        matcher.walk(str(tmp_path))
    )


def test_buildkits_ignore_file_of_a_dockerfile_stands_for_the_contexts(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".dockerignore": "a.txt\n",
            "Dockerfile.aot.dockerignore": "b.txt\n",
            "Dockerfile.aot": "FROM scratch",
            "a.txt": "",
            "b.txt": "",
        },
    )
    into = io.BytesIO()
    pack_context(tmp_path, "Dockerfile.aot", into, buildkit=True)

    assert {"a.txt", "b.txt"} & set(names(into.read())) == {"a.txt"}
    assert {"a.txt", "b.txt"} & set(names(packed(tmp_path, "Dockerfile.aot"))) == {"b.txt"}


def test_a_context_that_is_too_large_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Dockerfile": "FROM scratch", "large": "x" * 100_000})

    with pytest.raises(OSError, match=r"more than .* GiB, at large: leave out in \.dockerignore"):
        pack_context(tmp_path, "Dockerfile", io.BytesIO(), largest_bytes=50_000)
