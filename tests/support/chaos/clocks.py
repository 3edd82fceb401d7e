"""A clock that can be set: CLOCK_REALTIME of one process, where gcc is installed.

CLOCK_MONOTONIC stays as it is, as when a machine's clock is set.
"""

import os
import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("wall_clock.c")


def wall_clock(folder: Path) -> Path | None:
    """The library that makes it so, to be preloaded; None: nothing here compiles it."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "wall_clock.so"
    flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library)
    subprocess.run([compiler, *flags, _SOURCE, "-ldl"], check=True)
    return library


class Clock:
    """Right until it is set; `library` is that of `wall_clock`."""

    def __init__(self, file: Path, library: Path | None) -> None:
        self._library = library
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._path = file
        self.set(0)

    @property
    def can_be_set(self) -> bool:
        """Whether there is a library."""
        return self._library is not None

    @property
    def env(self) -> dict[str, str]:
        """What a process and those that it starts need, to go by this clock."""
        if self._library is None:
            return {}
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._path)}

    def set(self, ahead_seconds: int) -> None:
        """Ahead of the machine's clock by so much, at once; negative: behind it."""
        os.pwrite(self._file, struct.pack("q", ahead_seconds), 0)

    def close(self) -> None:
        """It stays as it is."""
        os.close(self._file)
