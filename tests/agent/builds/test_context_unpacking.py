"""An archive that was sent: unpacked as it was packed, and refused where it is anything else."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from headstart.agent.builds.context_archive import pack_archive
from headstart.agent.builds.context_folders import remove_tree
from headstart.agent.builds.context_unpacking import (
    BadArchive,
    UnpackBounds,
    check_archive,
    unpack_archive,
)
from headstart.agent.cancellation import Cancellation, Cancelled
from support.trees import write_tree

BOUNDS = UnpackBounds(10 << 20)


def unpack(data: bytes, folder: Path, bounds: UnpackBounds = BOUNDS) -> None:
    folder.mkdir()
    unpack_archive(io.BytesIO(data), folder, bounds, Cancellation())


def check(data: bytes, sha256: str, bounds: UnpackBounds = BOUNDS) -> None:
    check_archive(io.BytesIO(data), sha256, bounds, Cancellation())


def frame(tar: bytes) -> bytes:
    return zstandard.compress(tar)


def archive(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w", format=form) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return frame(into.getvalue())


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, to: str = ""
) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.mode, found.linkname = kind, mode, to
    return found


def test_what_was_packed_is_unpacked_and_packs_to_the_same_again(tmp_path: Path) -> None:
    source = write_tree(
        tmp_path / "source",
        {"Dockerfile": "FROM scratch", "d" * 90 + "/" + "f" * 90: "x", "src/a.cs": "a" * 70_000},
    )
    (source / "src/link").symlink_to("/etc/shadow")
    (source / "src/a.cs").chmod(0o400)
    (source / "src").chmod(0o555)
    (source / "empty").mkdir()
    into = io.BytesIO()
    packed = pack_archive(source, "Dockerfile", (False,), into)

    check(into.getvalue(), packed.sha256)
    unpack(into.getvalue(), tmp_path / "made")
    again = pack_archive(tmp_path / "made", "Dockerfile", (False,), io.BytesIO())

    assert again == packed
    assert (tmp_path / "made/src/link").readlink() == Path("/etc/shadow")
    remove_tree(tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([entry("../out")], "none below its folder"),
        ([entry("a/../../out")], "none below its folder"),
        ([entry("/etc/out")], "none below its folder"),
        ([entry("./a")], "none below its folder"),
        ([entry("out", tarfile.SYMTYPE, to=".."), entry("out/x")], "which is no folder"),
        ([entry("a", tarfile.SYMTYPE, to="/etc"), entry("a", tarfile.DIRTYPE)], "twice"),
        ([entry("a"), entry("a")], "twice"),
        ([entry("a"), entry("a/b")], "which is no folder"),
        ([entry("a", tarfile.CHRTYPE)], "a device"),
        ([entry("a", tarfile.FIFOTYPE)], "a FIFO"),
        ([entry("b"), entry("a", tarfile.LNKTYPE, to="b")], "a hard link"),
        ([entry("a", mode=0o4755)], "with the mode 4755"),
        ([entry("a", tarfile.DIRTYPE, mode=0o2755)], "with the mode 2755"),
        ([entry("a", tarfile.GNUTYPE_SPARSE)], "a file with holes"),
        ([entry("/".join("d" * 300))], "in 300 parts"),
        ([entry("a", tarfile.SYMTYPE, to="x" * 5000)], "a name of 5001 bytes"),
        ([entry(str(n)) for n in range(20)], "too many"),
        ([entry(f"{n}/x") for n in range(9)], "too many"),
    ],
)
def test_nothing_leaves_the_folder_and_nothing_else_is_made(
    tmp_path: Path, members: list[tarfile.TarInfo], message: str
) -> None:
    data = archive(*((member, b"") for member in members))

    with pytest.raises(BadArchive, match=message):
        unpack(data, tmp_path / "made", UnpackBounds(1 << 20, entries=17))

    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_headers_of_other_formats_are_refused(tmp_path: Path) -> None:
    data = archive((entry("é" * 80), b""), form=tarfile.PAX_FORMAT)

    with pytest.raises(BadArchive, match="of type b'x'"):
        unpack(data, tmp_path / "made")


def test_four_megabytes_that_unpack_to_four_gigabytes_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    """A frame of 4 GiB of zeros, made of one block that is repeated."""
    zeros = bytes(1 << 24)
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    data = b"".join(compressor.compress(zeros) for _ in range(256)) + compressor.flush()
    sparse = entry("a", tarfile.GNUTYPE_SPARSE)

    with pytest.raises(BadArchive, match="unpacks to more than 64 MiB"):
        check(data, "0" * 64, UnpackBounds(64 << 20))
    with pytest.raises(BadArchive, match="a file with holes"):
        unpack(archive((sparse, b"")), tmp_path / "made")

    assert len(data) < 4 << 20


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-20], "is another one"),
        (lambda data: data + b"more", "cannot be read"),
        (lambda data: b"no frame" + data, "cannot be read"),
        (lambda _data: frame(b"x" * 512), "is another one"),
    ],
)
def test_what_is_not_what_was_announced_is_refused(
    damage: Callable[[bytes], bytes], message: str
) -> None:
    tar = zstandard.decompress(archive((entry("a"), b"x" * 3000)), 1 << 20)
    data = frame(tar)

    check(data, hashlib.sha256(tar).hexdigest())
    with pytest.raises(BadArchive, match=message):
        check(damage(data), hashlib.sha256(tar).hexdigest())


@pytest.mark.parametrize("length", [0, 100, 512, 700, 1024])
def test_a_tar_that_is_cut_is_refused(tmp_path: Path, length: int) -> None:
    tar = zstandard.decompress(archive((entry("a"), b"x" * 3000)), 1 << 20)

    with pytest.raises(BadArchive, match="ends too early"):
        unpack(frame(tar[:length]), tmp_path / "made")


def test_a_header_that_is_damaged_is_refused(tmp_path: Path) -> None:
    tar = bytearray(zstandard.decompress(archive((entry("a"), b"x" * 3000)), 1 << 20))
    tar[150] ^= 1

    with pytest.raises(BadArchive, match="a header that is none"):
        unpack(frame(bytes(tar)), tmp_path / "made")


def test_a_cancellation_ends_it(tmp_path: Path) -> None:
    cancelled = Cancellation()
    cancelled.set()

    with pytest.raises(Cancelled):
        unpack_archive(io.BytesIO(archive((entry("a"), b"x"))), tmp_path, BOUNDS, cancelled)
