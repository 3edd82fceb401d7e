"""Program files and images whose headers lie cost their reader no time and no memory."""

import os
import random
import struct
import tarfile
import time
from pathlib import Path

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.image.binary import Binary, Program, recognise
from headstart.agent.image.command import HostFiles
from headstart.agent.image.saved import read_saved
from headstart.agent.image.tar_stream import Budget, ByteStream, TarFault, members
from headstart.agent.image.tree import Entry, Tree
from headstart.agent.runtimes import commands
from headstart.agent.runtimes.commands import digest_of
from headstart.v1.records_pb2 import BinaryKind
from support.binaries import BUNDLE_SIGNATURE, IL, READY_TO_RUN, bundle, elf
from support.saved_images import saved, tar

# Some times what a careful reader takes on a busy machine.
_SECONDS = 5


def program(folder: Path, content: bytes) -> Binary:
    path = folder / "program"
    path.write_bytes(content)
    return recognise(HostFiles(), Program([str(path)], "/bin", "/"))


def test_a_bundle_that_ends_within_its_list_is_a_note(tmp_path: Path) -> None:
    """It ended where the kind of the first entry was to stand, with an IndexError."""
    whole = bundle({"other.dll": IL, "program.dll": IL})
    end = whole.rindex(b"program.dll")
    for size in range(end - 120, end):
        found = program(tmp_path, whole[:size])
        assert "is a malformed .NET bundle" in found.problem
        assert found.kind == BinaryKind.BINARY_KIND_UNSPECIFIED


def test_no_random_damage_breaks_a_reader(tmp_path: Path) -> None:
    draw = random.Random(9)
    whole = [
        elf({".text": b"1", ".debug_info": bytes(99)}, True, b"\0names\0", b"symbols"),
        IL,
        READY_TO_RUN,
        bundle({"program.dll": READY_TO_RUN, "other.dll": IL}, compressed=True),
    ]
    for _ in range(1500):
        bent = bytearray(draw.choice(whole))
        for _ in range(draw.randrange(1, 12)):
            at = draw.randrange(4, len(bent))
            bent[at : at + 8] = draw.choice([b"\xff" * 8, bytes(8), draw.randbytes(8)])
        del bent[draw.choice([len(bent), draw.randrange(4, len(bent))]) :]
        found = program(tmp_path, bytes(bent))
        assert 0 <= found.symbol_bytes <= len(bent)


def test_names_of_sections_that_never_end_are_not_read_to_an_end(tmp_path: Path) -> None:
    """All 65,000 sections bear a name of 8 MiB, the same."""
    content = elf({".text": b"1"})
    names = b"x" * (8 << 20)
    sections = struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, 64, len(names), 0, 0, 1, 0) * 65_000
    head = bytearray(content[:64])
    struct.pack_into("<Q", head, 40, 64 + len(names))
    struct.pack_into("<HHHH", head, 56, 0, 64, 65_000, 0)
    begin = time.process_time()
    program(tmp_path, bytes(head) + names + sections)

    assert time.process_time() - begin < _SECONDS


def test_sections_take_no_more_than_their_file(tmp_path: Path) -> None:
    content = bytearray(elf({".debug_info": bytes(1000)}))
    at = content.index(struct.pack("<Q", 1000))
    struct.pack_into("<Q", content, at, 1 << 63)

    assert program(tmp_path, bytes(content)).symbol_bytes <= len(content)


@pytest.mark.parametrize(("offset", "problem"), [(-1, False), (0, False), (1 << 62, True)])
def test_where_a_bundle_s_list_is_is_not_believed(
    offset: int, problem: bool, tmp_path: Path
) -> None:
    host = elf({".data": struct.pack("<q", offset) + BUNDLE_SIGNATURE}, interpreted=True)

    assert bool(program(tmp_path, host).problem) is problem


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_program_that_is_no_file_is_not_opened(make: object, tmp_path: Path) -> None:
    make(tmp_path / "program")  # type: ignore[operator]  # one of those above
    found = recognise(HostFiles(), Program([str(tmp_path / "program")], "/bin", "/"))

    assert "was not found" in found.problem


def test_a_command_s_digest_reads_files_alone_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    for name, words in (("fifo", "a FIFO instead of a file"), ("sparse", "more than 64 GiB")):
        with pytest.raises(OSError, match=words):
            digest_of([tmp_path / name], Cancellation())
    monkeypatch.setattr(commands, "_MAXIMUM_BYTES", 10)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"123456")

    assert digest_of([tmp_path / "a"], Cancellation()).startswith("sha256:")
    with pytest.raises(OSError, match="to read"):
        digest_of([tmp_path / "a", tmp_path / "b"], Cancellation())


def records(count: int) -> bytes:
    """An entry whose extended header has many records."""
    data = b"6 a=b\n" * count
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.XHDTYPE, len(data)
    padded = data + bytes(-len(data) % 512)
    return header.tobuf(tarfile.USTAR_FORMAT) + padded + tar({"a": b"1"})


def test_an_extended_header_is_read_in_time_linear_in_its_records() -> None:
    begin = time.process_time()
    (entry,) = list(members(ByteStream([records(170_000)]), Budget()))

    assert entry.name == "a"
    assert time.process_time() - begin < _SECONDS


@pytest.mark.parametrize(
    ("files", "budget", "words"),
    [
        ({"n" * 5000: b""}, Budget(), "a name in it is 5000 characters long"),
        ({"a": "n" * 5000}, Budget(), "a name in it is 5000 characters long"),
        ({"n" * 60: b"", "m" * 60: b""}, Budget(maximum_name_bytes=100), "its names take more"),
    ],
    ids=["name", "link", "names"],
)
def test_names_are_bounded(
    files: dict[str, bytes | str | None], budget: Budget, words: str
) -> None:
    with pytest.raises(TarFault, match=words):
        list(members(ByteStream([tar(files)]), budget))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tar({f"{n}.json": b'["' + b"x" * (6 << 20) + b'"]' for n in range(3)}), "documents take"),
        (tar({"a.json": b"[" + b" " * (9 << 20) + b"]"}), "a document in it is"),
        (saved([tar({f"f{n}": b""}) for n in range(1025)]), "more than 1024 layers"),
    ],
    ids=["documents", "document", "layers"],
)
def test_documents_and_layers_are_bounded(data: bytes, words: str) -> None:
    with pytest.raises(TarFault, match=words):
        read_saved([data], Budget(), {})


def link(path: str, target: str) -> Entry:
    return Entry(path, tarfile.SYMTYPE, 0, target)


def test_links_through_links_are_followed_as_far_as_the_budget_goes() -> None:
    long = "/".join(["a/.."] * 800)
    layer = [Entry("a", tarfile.DIRTYPE, 0)]
    layer += [link(f"l{n}", f"{long}/l{n + 1}") for n in range(39)]
    layer += [Entry(f"l0/file{n}", tarfile.REGTYPE, 1) for n in range(20_000)]
    begin = time.process_time()

    with pytest.raises(TarFault, match="links lead through more folders"):
        Tree(Budget(maximum_steps=1_000_000).step).add_layer(layer)
    assert time.process_time() - begin < _SECONDS


def test_folders_that_names_imply_are_bounded_too() -> None:
    deep = [Entry(f"{n}/" + "/".join("d" * 500), tarfile.REGTYPE, 1) for n in range(3000)]

    with pytest.raises(TarFault, match="more folders"):
        Tree(Budget().step).add_layer(deep)
