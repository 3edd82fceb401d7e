"""A build's context as the archive that an engine takes."""

import tarfile
from pathlib import Path
from typing import IO

from docker.utils import exclude_paths

_IGNORE_FILE = ".dockerignore"


def pack_context(folder: Path, dockerfile: str, into: IO[bytes]) -> None:
    """Write the files that .dockerignore leaves, owned by root. OSError when one can't be read.

    GNU's format, because BuildKit takes an archive for one by its first block alone, and
    the POSIX format begins with a header about a header.
    """
    patterns: list[str] = []
    ignore = folder / _IGNORE_FILE
    if ignore.is_file():
        lines = (line.strip() for line in ignore.read_text(encoding="utf-8-sig").splitlines())
        patterns = [line for line in lines if line and not line.startswith("#")]
    paths = exclude_paths(str(folder), patterns, dockerfile=dockerfile)
    with tarfile.open(fileobj=into, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(paths):
            # None for a socket, which no engine would take.
            member: tarfile.TarInfo | None = archive.gettarinfo(str(folder / path), arcname=path)
            if member is None:
                continue
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            if member.isreg():
                with (folder / path).open("rb") as file:
                    archive.addfile(member, file)
            else:
                archive.addfile(member)
    into.seek(0)
