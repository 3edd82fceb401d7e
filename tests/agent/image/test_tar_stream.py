"""Archives read as they stream by: what is in them, and what they may not cost."""

import gzip
import tarfile
import time
from collections.abc import Callable, Iterator

import pytest
import zstandard

from headstart.agent.image.tar_stream import (
    Budget,
    ByteStream,
    Member,
    TarFault,
    members,
    unfolded,
    unfolded_zstd,
)
from support.saved_images import tar


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes, size: int = 700, budget: Budget | None = None) -> list[Member]:
    return list(members(ByteStream(in_pieces(data, size)), budget or Budget()))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("size", [1, 511, 512, 100_000])
def test_entries_are_those_that_tarfile_wrote(form: int, size: int) -> None:
    data = tar({"app": None, "app/server": b"x" * 1000, "bin/sh": "busybox", "empty": b""}, form)

    found = [(m.name.rstrip("/"), m.type, m.size, m.link) for m in read(data, size)]
    assert found == [
        ("app", tarfile.DIRTYPE, 0, ""),
        ("app/server", tarfile.REGTYPE, 1000, ""),
        ("bin/sh", tarfile.SYMTYPE, 0, "busybox"),
        ("empty", tarfile.REGTYPE, 0, ""),
    ]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_whole(form: int) -> None:
    names = ["d/" * 90 + "file", "players/größe", "l" * 300]
    data = tar({**dict.fromkeys(names[:2], b"1"), names[2]: "t" * 300}, form)

    found = read(data)
    assert [member.name for member in found] == names
    assert found[2].link == "t" * 300


def test_content_can_be_read_in_part_or_not_at_all() -> None:
    stream = ByteStream(in_pieces(tar({"a": b"1" * 2000, "b": b"2" * 10, "c": b"3" * 600}), 300))
    found = {}
    for member in members(stream, Budget()):
        if member.name == "b":
            continue
        found[member.name] = next(member.content)[:1]

    assert found == {"a": b"1", "c": b"3"}


def test_a_header_that_claims_to_be_huge_is_refused_before_it_is_read() -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30
    fed = 0

    def endless() -> Iterator[bytes]:
        nonlocal fed
        yield info.tobuf(tarfile.USTAR_FORMAT)
        while True:
            fed += 1
            yield bytes(1 << 20)

    with pytest.raises(TarFault, match="header of its archive is 4294967296 bytes"):
        list(members(ByteStream(endless()), Budget()))
    assert fed == 0


@pytest.mark.parametrize(
    "data",
    [b"x" * 512, tar({"a": b"1"})[:300], b"\xff" * 1024],
    ids=["no checksum", "cut", "binary"],
)
def test_what_is_no_archive_is_a_fault(data: bytes) -> None:
    with pytest.raises(TarFault):
        read(data)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        # Made when the test runs: a budget's time counts from its making.
        (lambda: Budget(maximum_members=3), "more than 3 files"),
        (lambda: Budget(maximum_bytes=1 << 20), "more than 1 MiB"),
        (lambda: Budget(cancelled=lambda: True), "cancelled"),
        (lambda: Budget(maximum_seconds=1, _began=time.monotonic() - 2), "longer than 1 s"),
    ],
    ids=["files", "bytes", "cancelled", "time"],
)
def test_reading_ends_when_the_budget_is_spent(make: Callable[[], Budget], words: str) -> None:
    budget = make()
    data = tar({f"f{index}": bytes(1 << 18) for index in range(8)})

    def spend() -> None:
        for member in members(ByteStream(in_pieces(data, 1 << 16)), budget):
            for piece in member.content:
                budget.spend(len(piece))

    with pytest.raises(TarFault, match=words):
        spend()


def test_compressed_pieces_unfold_whole() -> None:
    data = bytes(range(256)) * 20_000
    zipped = gzip.compress(data[:1_000_000]) + gzip.compress(data[1_000_000:])

    assert b"".join(unfolded(ByteStream(in_pieces(zipped, 999)), Budget())) == data
    packed = zstandard.compress(data)
    assert b"".join(unfolded_zstd(ByteStream(in_pieces(packed, 999)), Budget())) == data


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_is_stopped_at_the_budget(packing: str) -> None:
    """64 MiB of zeros are 64 kB of gzip and 6 kB of zstd."""
    budget = Budget(maximum_bytes=4 << 20)
    sizes: list[int] = []
    if packing == "gzip":
        pieces = unfolded(ByteStream([gzip.compress(bytes(64 << 20))]), budget)
    else:
        pieces = unfolded_zstd(ByteStream([zstandard.compress(bytes(64 << 20))]), budget)
    with pytest.raises(TarFault, match="more than 4 MiB"):
        sizes.extend(map(len, pieces))

    assert max(sizes) <= 1 << 20
    assert sum(sizes) <= 4 << 20


@pytest.mark.parametrize("unfold", [unfolded, unfolded_zstd])
def test_damaged_compression_is_a_fault(unfold: object) -> None:
    with pytest.raises(TarFault, match="no valid"):
        list(unfold(ByteStream([b"\x1f\x8b\x08\x00" + b"no" * 20]), Budget()))  # type: ignore[operator]
