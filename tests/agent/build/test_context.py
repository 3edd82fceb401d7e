"""A build's context: what is in the archive, and in which form."""

import io
import socket
import tarfile
from pathlib import Path

from headstart.agent.build.context import pack_context
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
