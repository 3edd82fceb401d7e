"""Reading tar archives that others made, as they stream by, within bounds.

Images are untrusted. Nothing is extracted and no name is ever used as a path of this
host; what is left to guard against is size: of the whole, of headers (tarfile reads a
header of any length into memory), of what a few compressed bytes unfold to, and time.
"""

import tarfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import zstandard

_BLOCK = 512
PIECE = 1 << 20
# Digits of the length of a record in an extended header.
_LENGTH_DIGITS = 7
# Linux takes no longer path.
_NAME_BYTES = 4096
# Steps between two looks at the clock.
_STEPS = 4096
# Go's archive/tar, which engines read with, takes no more either.
_HEADER_BYTES = 1 << 20


class TarFault(Exception):
    """The archive is malformed, or reading it costs more than it may; the text says which."""


@dataclass
class Budget:
    """What reading one image may cost in all; TarFault when it is spent."""

    maximum_bytes: int = 16 << 30
    maximum_members: int = 400_000
    # All names and targets of links together, which are kept.
    maximum_name_bytes: int = 64 << 20
    # Components of paths that are looked up: links may lead through links.
    maximum_steps: int = 50_000_000
    maximum_seconds: float = 120.0
    cancelled: Callable[[], bool] = lambda: False
    _bytes: int = 0
    _members: int = 0
    _name_bytes: int = 0
    _steps: int = 0
    _began: float = field(default_factory=time.monotonic)

    def spend(self, count: int) -> None:
        """For bytes read or unfolded."""
        self._bytes += count
        if self._bytes > self.maximum_bytes:
            raise TarFault(f"it holds more than {self.maximum_bytes >> 20} MiB")
        self._look()

    def _look(self) -> None:
        if time.monotonic() - self._began > self.maximum_seconds:
            raise TarFault(f"reading it takes longer than {self.maximum_seconds:g} s")
        if self.cancelled():
            raise TarFault("the run was cancelled")

    def step(self, count: int) -> None:
        """For components of a path that are looked up."""
        before, self._steps = self._steps, self._steps + count
        if self._steps > self.maximum_steps:
            raise TarFault("its links lead through more folders than can be followed")
        if before // _STEPS != self._steps // _STEPS:
            self._look()

    def names(self, *names: str) -> None:
        """For what an entry is called and what it links to."""
        for name in names:
            if len(name) > _NAME_BYTES:
                raise TarFault(f"a name in it is {len(name)} characters long")
            self._name_bytes += len(name)
        if self._name_bytes > self.maximum_name_bytes:
            raise TarFault(f"its names take more than {self.maximum_name_bytes >> 20} MiB")

    def member(self) -> None:
        """For an entry of an archive."""
        self._members += 1
        if self._members > self.maximum_members:
            raise TarFault(f"it holds more than {self.maximum_members} files")


class ByteStream:
    """Pieces of any length, read in lengths that the reader wants.

    `tap` is given every byte once, in order.
    """

    def __init__(
        self, pieces: Iterable[bytes], tap: Callable[[bytes], object] = lambda _: None
    ) -> None:
        self._pieces = iter(pieces)
        self._tap = tap
        self._piece = memoryview(b"")

    def take(self, size: int) -> Iterator[bytes]:
        """Up to `size` bytes, in pieces; fewer at the end of the stream."""
        while size > 0:
            while not self._piece:
                fresh = next(self._pieces, None)
                if fresh is None:
                    return
                self._tap(fresh)
                self._piece = memoryview(fresh)
            piece, self._piece = bytes(self._piece[:size]), self._piece[size:]
            size -= len(piece)
            yield piece

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer at the end."""
        return b"".join(self.take(size))

    def drain(self) -> None:
        """Read to the end, so that the tap has seen all."""
        for _ in self.take(1 << 62):
            pass


@dataclass(frozen=True)
class Member:
    """An entry. Its content can be read until the next one is asked for."""

    name: str
    size: int
    # As in tarfile: REGTYPE, DIRTYPE, SYMTYPE, LNKTYPE...
    type: bytes
    link: str
    content: Iterator[bytes]


def members(stream: ByteStream, budget: Budget) -> Iterator[Member]:
    """The entries of an archive, names as they are written; TarFault when it is malformed."""
    extended: dict[str, str] = {}
    while True:
        info = _header(stream)
        if info is None:
            return
        budget.member()
        if info.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            extended |= _extended(info, _whole(stream, info))
            continue
        if info.type in (tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE):
            _whole(stream, info)
            continue
        holds = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
        size = _size(extended, info.size) if holds else 0
        content = stream.take(size)
        name, link = extended.get("path", info.name), extended.get("linkpath", info.linkname)
        budget.names(name, link)
        yield Member(
            name=name,
            size=size,
            type=tarfile.REGTYPE if info.isreg() else info.type,
            link=link,
            content=content,
        )
        for _ in content:
            pass
        stream.read(-size % _BLOCK)
        extended = {}


def unfolded(stream: ByteStream, budget: Budget) -> Iterator[bytes]:
    """What gzip compressed, never more than a piece at a time."""
    unzip = zlib.decompressobj(wbits=31)
    for piece in stream.take(1 << 62):
        rest = piece
        while rest:
            try:
                out = unzip.decompress(rest, PIECE)
            except zlib.error as error:
                raise TarFault(f"a layer is no valid gzip: {error}") from error
            budget.spend(len(out))
            if out:
                yield out
            rest = unzip.unconsumed_tail
            if unzip.eof:
                # A file of several members, as parallel compressors write them.
                rest, unzip = unzip.unused_data, zlib.decompressobj(wbits=31)


def unfolded_zstd(stream: ByteStream, budget: Budget) -> Iterator[bytes]:
    """What zstd compressed, never more than a piece at a time."""
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        stream,  # type: ignore[arg-type]  # reads with read(size) only
        read_across_frames=True,
    )
    try:
        while out := reader.read(PIECE):
            budget.spend(len(out))
            yield out
    except zstandard.ZstdError as error:
        raise TarFault(f"a layer is no valid zstd: {error}") from error


def _header(stream: ByteStream) -> tarfile.TarInfo | None:
    """None at the end of the archive."""
    block = stream.read(_BLOCK)
    if not block.strip(b"\0"):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise TarFault(f"a header of its archive is malformed: {error}") from error
    if info.type == tarfile.GNUTYPE_SPARSE or info.size < 0:
        raise TarFault("its archive has entries of an unusual form")
    return info


def _whole(stream: ByteStream, info: tarfile.TarInfo) -> bytes:
    if info.size > _HEADER_BYTES:
        raise TarFault(f"a header of its archive is {info.size} bytes long")
    data = stream.read(info.size)
    stream.read(-info.size % _BLOCK)
    return data


def _extended(info: tarfile.TarInfo, data: bytes) -> dict[str, str]:
    """What an extended header says of the entry after it."""
    if info.type == tarfile.XHDTYPE:
        return _pax(data)
    key = "path" if info.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
    return {key: data.rstrip(b"\0").decode("utf-8", "surrogateescape")}


def _pax(data: bytes) -> dict[str, str]:
    """Records "LENGTH KEY=VALUE\\n"; what is no such record ends the reading (pax, POSIX.1)."""
    found = {}
    at = 0
    while at < len(data):
        digits = data[at : at + _LENGTH_DIGITS + 1].partition(b" ")
        length = int(digits[0]) if digits[1] and digits[0].isdigit() else 0
        if length <= len(digits[0]) + 1:
            break
        record = data[at + len(digits[0]) + 1 : at + length]
        at += length
        key, equals, value = record.rstrip(b"\n").partition(b"=")
        if equals and key in (b"path", b"linkpath", b"size"):
            found[key.decode()] = value.decode("utf-8", "surrogateescape")
    return found


def _size(extended: dict[str, str], otherwise: int) -> int:
    said = extended.get("size", "")
    return int(said) if said.isdecimal() and len(said) < 19 else otherwise
