"""A build's context as the archive that an engine takes."""

import tarfile
import time
from pathlib import Path
from typing import IO

from headstart.agent.builds.ignore import context_paths
from headstart.agent.cancellation import Cancellation

# A monorepo with its history is some GB; more is a folder that was not meant.
_LARGEST_BYTES = 8 << 30
_MOST_PATHS = 500_000
_LONGEST_SECONDS = 600.0


def pack_context(
    folder: Path,
    dockerfile: str,
    into: IO[bytes],
    cancelled: Cancellation | None = None,
    buildkit: bool = False,
    largest_bytes: int = _LARGEST_BYTES,
    time_of_all: int | None = None,
) -> None:
    """Write the files that the context's ignore file leaves, owned by root.

    OSError when one can't be read or the context is too large or takes too long, Cancelled
    when the run is meanwhile. `time_of_all`: instead of when each was changed.

    GNU's format, because BuildKit takes an archive for one by its first block alone, and
    the POSIX format begins with a header about a header.
    """
    cancelled = cancelled or Cancellation()
    paths = context_paths(folder, dockerfile, cancelled, buildkit)
    ends = time.monotonic() + _LONGEST_SECONDS
    with tarfile.open(fileobj=into, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for count, path in enumerate(paths, 1):
            cancelled.raise_if_set()
            if count > _MOST_PATHS:
                raise _too_much(f"holds more than {_MOST_PATHS:,} files")
            if time.monotonic() > ends:
                raise _too_much(f"could not be packed within {_LONGEST_SECONDS / 60:g} minutes")
            # None for a socket, which no engine would take.
            member: tarfile.TarInfo | None = archive.gettarinfo(str(folder / path), arcname=path)
            if member is None:
                continue
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            if time_of_all is not None:
                member.mtime = time_of_all
            if archive.offset + member.size > largest_bytes:
                raise _too_much(f"holds more than {largest_bytes / (1 << 30):g} GiB, at {path}")
            if member.isreg():
                with (folder / path).open("rb") as file:
                    archive.addfile(member, _Cancellable(file, cancelled))
            else:
                archive.addfile(member)
    into.seek(0)


def _too_much(what: str) -> OSError:
    return OSError(f"it {what}: leave out in .dockerignore what the build does not need")


class _Cancellable:
    """A file whose reading a cancellation ends."""

    def __init__(self, file: IO[bytes], cancelled: Cancellation) -> None:
        self._file = file
        self._cancelled = cancelled

    def read(self, size: int = -1) -> bytes:
        self._cancelled.raise_if_set()
        return self._file.read(size)
