"""An archive that was sent, unpacked within bounds: a collector and who submitted are not believed.

Only what `context_archive` writes is read: files, folders and links, by names below the folder.
Every folder on the way to a name was made here, so that no link is ever followed.
"""

import hashlib
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from headstart.agent.builds.context_archive import (
    DEEPEST,
    LONGEST_NAME_BYTES,
    LONGEST_TARGET_BYTES,
    MOST_ENTRIES,
    MOST_NAMES_BYTES,
)
from headstart.agent.cancellation import Cancellation

_BLOCK_BYTES = tarfile.BLOCKSIZE
_PIECE_BYTES = 1 << 20
# What zstd asks for at the level that is written with is a fraction of it.
_LARGEST_WINDOW_BYTES = 8 << 20
_ZEROS = bytes(_BLOCK_BYTES)
_OTHERS = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.LNKTYPE: "a hard link",
    tarfile.GNUTYPE_SPARSE: "a file with holes",
}


class BadArchive(Exception):
    """An archive is not what was announced, or none that is unpacked; a sentence's end."""


@dataclass(frozen=True)
class UnpackBounds:
    """`bytes` counts the whole tar."""

    bytes: int
    entries: int = MOST_ENTRIES


def check_archive(
    archive: IO[bytes], sha256: str, bounds: UnpackBounds, cancelled: Cancellation
) -> None:
    """Read all of it and write nothing. BadArchive: another content, or too much of it."""
    reader = _Tar(archive, bounds.bytes, cancelled)
    found = hashlib.sha256()
    while piece := reader.some(_PIECE_BYTES):
        found.update(piece)
    if found.hexdigest() != sha256:
        raise BadArchive(f"is another one: its tar has the SHA-256 {found.hexdigest()}")


def unpack_archive(
    archive: IO[bytes], folder: Path, bounds: UnpackBounds, cancelled: Cancellation
) -> None:
    """Unpack what was checked into an empty folder of the caller's own. BadArchive, OSError."""
    reader = _Tar(archive, bounds.bytes, cancelled)
    made = _Made(folder, bounds.entries)
    while (member := _next_member(reader)) is not None:
        what = _OTHERS.get(member.type, f"of type {member.type!r}")
        if member.mode & ~0o777:
            raise BadArchive(f"has {member.name[:80]!r} with the mode {member.mode:o}")
        if member.type == tarfile.DIRTYPE:
            made.folder(member.name.rstrip("/"), member.mode)
        elif member.type == tarfile.SYMTYPE:
            made.link(member.name, member.linkname)
        elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            made.file(member.name, member.mode, member.size, reader)
        else:
            raise BadArchive(f"has {member.name[:80]!r}, {what}")
    made.end()


class _Tar:
    """The tar within a frame, read forward."""

    def __init__(self, archive: IO[bytes], most_bytes: int, cancelled: Cancellation) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW_BYTES)
        self._frame = decompressor.stream_reader(archive, closefd=False)
        self._left = self._most = most_bytes
        self._cancelled = cancelled

    def some(self, most: int) -> bytes:
        """The next bytes; empty at the end."""
        self._cancelled.raise_if_set()
        try:
            piece = self._frame.read(min(most, _PIECE_BYTES))
        except zstandard.ZstdError as error:
            raise BadArchive(f"cannot be read: {error}") from error
        self._left -= len(piece)
        if self._left < 0:
            raise BadArchive(f"unpacks to more than {self._most / (1 << 20):,.0f} MiB")
        return piece

    def exactly(self, size: int) -> bytes:
        """So many bytes, which are few."""
        found = b""
        while len(found) < size:
            if not (piece := self.some(size - len(found))):
                raise BadArchive("ends too early")
            found += piece
        return found


def _next_member(reader: _Tar) -> tarfile.TarInfo | None:
    """The header of the next entry, with its long names; None at the end."""
    name = target = None
    while True:
        block = reader.exactly(_BLOCK_BYTES)
        if block == _ZEROS:
            return None
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise BadArchive(f"has a header that is none: {error}") from error
        if member.size < 0:
            raise BadArchive(f"has {member.name[:80]!r} with {member.size} bytes")
        if member.type == tarfile.GNUTYPE_LONGNAME:
            name = _long(reader, member.size)
        elif member.type == tarfile.GNUTYPE_LONGLINK:
            target = _long(reader, member.size)
        else:
            member.name = member.name if name is None else name
            member.linkname = member.linkname if target is None else target
            return member


def _long(reader: _Tar, size: int) -> str:
    """A name that has no room in a header."""
    if size > LONGEST_TARGET_BYTES + 1:
        raise BadArchive(f"has a name of {size} bytes")
    text = reader.exactly(-(-size // _BLOCK_BYTES) * _BLOCK_BYTES)[:size]
    return text.rstrip(b"\0").decode("utf-8", "surrogateescape")


class _Made:
    """What was unpacked so far; modes of folders come last, since they may forbid writing."""

    def __init__(self, root: Path, most_entries: int) -> None:
        self._root = root
        self._most = most_entries
        # Folders by name, with their modes; None: not named yet, only on the way to something.
        self._folders: dict[str, int | None] = {"": None}
        self._others: set[str] = set()
        self._names_bytes = 0

    def folder(self, name: str, mode: int) -> None:
        self._count(name)
        if name in self._others or self._folders.get(name) is not None:
            raise BadArchive(f"has {name[:80]!r} twice")
        self._make(name)
        self._folders[name] = mode

    def link(self, name: str, target: str) -> None:
        if not target or "\0" in target or len(os.fsencode(target)) > LONGEST_TARGET_BYTES:
            raise BadArchive(f"has the link {name[:80]!r} to {target[:80]!r}")
        self._claim(name)
        (self._root / name).symlink_to(target)

    def file(self, name: str, mode: int, size: int, reader: _Tar) -> None:
        self._claim(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._root / name, flags, 0o600), "wb") as file:
            left = size
            while left:
                if not (piece := reader.some(left)):
                    raise BadArchive("ends too early")
                file.write(piece)
                left -= len(piece)
            os.fchmod(file.fileno(), mode)
        reader.exactly(-size % _BLOCK_BYTES)

    def end(self) -> None:
        """Give folders their modes, the deepest first."""
        for name in sorted(self._folders, key=len, reverse=True):
            if (mode := self._folders[name]) is not None:
                (self._root / name).chmod(stat.S_IMODE(mode))

    def _claim(self, name: str) -> None:
        """A name that is new, in a folder that is there."""
        self._count(name)
        if name in self._others or name in self._folders:
            raise BadArchive(f"has {name[:80]!r} twice")
        self._make(name.rpartition("/")[0])
        self._others.add(name)

    def _make(self, folder: str) -> None:
        missing = []
        while folder not in self._folders:
            if folder in self._others:
                raise BadArchive(f"has something below {folder[:80]!r}, which is no folder")
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for each in reversed(missing):
            self._count(each)
            (self._root / each).mkdir(mode=0o755)
            self._folders[each] = None

    def _count(self, name: str) -> None:
        """Refuse a name that leads elsewhere, and more than there may be."""
        parts = name.split("/")
        if {"", ".", ".."} & {*parts} or "\0" in name:
            raise BadArchive(f"has the name {name[:80]!r}, which is none below its folder")
        length = len(os.fsencode(name))
        if length > LONGEST_NAME_BYTES or len(parts) > DEEPEST:
            raise BadArchive(f"has a name of {length} bytes in {len(parts)} parts")
        self._names_bytes += length
        self._most -= 1
        if self._most < 0 or self._names_bytes > MOST_NAMES_BYTES:
            raise BadArchive("holds too many files and folders")
