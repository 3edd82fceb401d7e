"""Disks that fill up: file systems of their own, in memory."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of its own in memory; needs root."""
    folder.mkdir(parents=True)
    size = f"size={mebibytes}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave_bytes: int = 0) -> None:
    """Take all the room there is but so much."""
    # Unbuffered: what finds no room must not be tried again at the end.
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        for _ in range(max(0, shutil.disk_usage(folder).free - leave_bytes) >> 12):
            file.write(bytes(4096))


def free(folder: Path) -> None:
    """Give back what `fill` took."""
    (folder / "filler").unlink(missing_ok=True)
