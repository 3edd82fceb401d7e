"""A build's context as the archive that an engine takes."""

import tarfile
from pathlib import Path
from typing import IO

from headstart.agent.builds.ignore import context_paths
from headstart.agent.cancellation import Cancellation


def pack_context(
    folder: Path, dockerfile: str, into: IO[bytes], cancelled: Cancellation | None = None
) -> None:
    """Write the files that .dockerignore leaves, owned by root.

    OSError when one can't be read, Cancelled when the run is meanwhile.

    GNU's format, because BuildKit takes an archive for one by its first block alone, and
    the POSIX format begins with a header about a header.
    """
    cancelled = cancelled or Cancellation()
    paths = context_paths(folder, dockerfile, cancelled)
    with tarfile.open(fileobj=into, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in paths:
            cancelled.raise_if_set()
            # None for a socket, which no engine would take.
            member: tarfile.TarInfo | None = archive.gettarinfo(str(folder / path), arcname=path)
            if member is None:
                continue
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            if member.isreg():
                with (folder / path).open("rb") as file:
                    archive.addfile(member, _Cancellable(file, cancelled))
            else:
                archive.addfile(member)
    into.seek(0)


class _Cancellable:
    """A file whose reading a cancellation ends."""

    def __init__(self, file: IO[bytes], cancelled: Cancellation) -> None:
        self._file = file
        self._cancelled = cancelled

    def read(self, size: int = -1) -> bytes:
        self._cancelled.raise_if_set()
        return self._file.read(size)
