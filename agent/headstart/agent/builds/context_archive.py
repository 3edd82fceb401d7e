"""A build's context as one archive that is sent: the same bytes for the same tree and modes.

A tar of GNU's format in a frame of zstd. It is known by the SHA-256 of the tar, since another
release of zstd may compress otherwise. Names are sorted; owners and times are the same everywhere:
what they are on one machine is nothing of the app's.
"""

import hashlib
import heapq
import os
import stat
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from headstart.agent.builds.ignore import context_paths
from headstart.agent.cancellation import Cancellation

# 2000-01-01: formats that tools make of files, such as zip, know no time before 1980.
SENT_TIME = 946_684_800
MOST_ENTRIES = 200_000
MOST_NAMES_BYTES = 64 << 20
# Together with the folder that an agent unpacks to it stays below what a path may have.
LONGEST_NAME_BYTES = 3500
DEEPEST = 256
LONGEST_TARGET_BYTES = 4095
# Of what is packed; what is taken is the collector's to say.
_LARGEST_BYTES = 8 << 30
_LARGEST_SHOWN = 5
_SPECIAL_SHOWN = 5
_LEVEL = 3
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class CannotBeSent(Exception):
    """A context is none that can be sent; the message is a sentence's end, with the names."""


@dataclass(frozen=True)
class Packed:
    """An archive that was written."""

    sha256: str
    tar_bytes: int
    # As it is sent and kept.
    stored_bytes: int
    entries: int
    # Sizes and names of its largest files.
    largest: tuple[tuple[int, str], ...] = ()


def pack_archive(
    folder: Path,
    dockerfile: str,
    buildkit: Sequence[bool],
    into: IO[bytes],
    cancelled: Cancellation | None = None,
    largest_bytes: int = _LARGEST_BYTES,
) -> Packed:
    """Write what the ignore file leaves of a folder. CannotBeSent, OSError.

    `buildkit`: the builders that may be asked to build it, whose ignore files differ. What one
    of them sees is packed; the agent leaves out again what its own does not.
    """
    cancelled = cancelled or Cancellation()
    paths = _sorted_paths(folder, dockerfile, buildkit, cancelled)
    sink = _Sink(into, largest_bytes)
    largest: list[tuple[int, str]] = []
    special: list[str] = []
    with sink.archive() as archive:
        for path in paths:
            cancelled.raise_if_set()
            if what := _add(archive, folder, path):
                special.append(f"{path} ({what})")
                continue
            size = archive.offset - sink.member_began
            heapq.heappush(largest, (size, path))
            if len(largest) > _LARGEST_SHOWN:
                heapq.heappop(largest)
            sink.member_began = archive.offset
    if special:
        raise CannotBeSent(f"holds what cannot be sent: {_listed(special, _SPECIAL_SHOWN)}")
    return Packed(
        sha256=sink.hash.hexdigest(),
        tar_bytes=sink.bytes,
        stored_bytes=sink.finish(),
        entries=len(paths),
        largest=tuple(sorted(largest, reverse=True)),
    )


def _sorted_paths(
    folder: Path, dockerfile: str, buildkit: Sequence[bool], cancelled: Cancellation
) -> list[str]:
    found: set[str] = set()
    names_bytes = 0
    for each in buildkit:
        for path in context_paths(folder, dockerfile, cancelled, each):
            if path in found:
                continue
            found.add(path)
            name = os.fsencode(path)
            names_bytes += len(name)
            if len(found) > MOST_ENTRIES or names_bytes > MOST_NAMES_BYTES:
                raise CannotBeSent(
                    f"holds more than {MOST_ENTRIES:,} files and folders, or"
                    f" {MOST_NAMES_BYTES >> 20} MiB of their names: leave out in .dockerignore what"
                    " the build does not need"
                )
            if len(name) > LONGEST_NAME_BYTES or path.count("/") >= DEEPEST:
                raise CannotBeSent(
                    f"nests {path[:80]}... deeper than {DEEPEST} folders, or gives it a name of"
                    f" more than {LONGEST_NAME_BYTES} bytes"
                )
    return sorted(found, key=os.fsencode)


def _add(archive: tarfile.TarFile, folder: Path, path: str) -> str:
    """Add what stands at a path; what it is instead, where it cannot be sent."""
    place = folder / path
    status = os.lstat(place)  # a text, of which there are many
    if stat.S_ISDIR(status.st_mode):
        archive.addfile(member_of(path, tarfile.DIRTYPE, status.st_mode))
    elif stat.S_ISLNK(status.st_mode):
        member = member_of(path, tarfile.SYMTYPE, status.st_mode)
        member.linkname = os.readlink(place)  # noqa: PTH115
        archive.addfile(member)
    elif stat.S_ISREG(status.st_mode):
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            return "a program that changes its user: setuid or setgid"
        # Nothing is followed or waited for, whatever stands there by now.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(place, flags), "rb") as file:
            member = member_of(path, tarfile.REGTYPE, status.st_mode)
            member.size = os.fstat(file.fileno()).st_size
            archive.addfile(member, file)
    else:
        return _KINDS.get(stat.S_IFMT(status.st_mode), "of an unknown kind")
    return ""


def member_of(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """An entry as it is everywhere.

    Whose group what is made in a folder belongs to, by its bits, is the machine's matter.
    """
    member = tarfile.TarInfo(name)
    member.type = kind
    member.uname = member.gname = "root"
    member.mtime = SENT_TIME
    member.mode = 0o777 if kind == tarfile.SYMTYPE else stat.S_IMODE(mode) & 0o777
    return member


def _listed(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


class HashingSink:
    """Hashes and counts a tar."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.bytes = 0

    def archive(self) -> tarfile.TarFile:
        """To write into; it never goes back to what was hashed already."""
        archive: tarfile.TarFile = tarfile.open(  # noqa: SIM115  # the caller's to close
            fileobj=self,  # type: ignore[call-overload]  # "w|" only writes
            mode="w|",
            format=tarfile.GNU_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
        )
        return archive

    def write(self, data: bytes) -> int:
        """Take some of it."""
        self.hash.update(data)
        self.bytes += len(data)
        return len(data)


class _Sink(HashingSink):
    """The same on its way into a frame."""

    def __init__(self, into: IO[bytes], largest_bytes: int) -> None:
        super().__init__()
        self.member_began = 0
        self._into = into
        self._largest_bytes = largest_bytes
        compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._frame = compressor.stream_writer(into, closefd=False)

    def write(self, data: bytes) -> int:
        """Take some of it. CannotBeSent: it is too much."""
        super().write(data)
        if self.bytes > self._largest_bytes:
            raise CannotBeSent(
                f"holds more than {self._largest_bytes / (1 << 30):g} GiB: leave out in"
                " .dockerignore what the build does not need"
            )
        self._frame.write(data)
        return len(data)

    def finish(self) -> int:
        """End the frame; the size of all that was written."""
        self._frame.flush(zstandard.FLUSH_FRAME)
        return self._into.tell()
