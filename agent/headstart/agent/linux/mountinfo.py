"""Mounts as a process sees them. Source: proc_pid_mountinfo(5)."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mount:
    """One line of /proc/PID/mountinfo."""

    # As `st_dev`; 0: none that can be read.
    device: int
    # The folder of the file system that is mounted, and where.
    root: str
    point: str
    options: tuple[str, ...]
    kind: str
    # Options of the file system itself, as they stand: names of files in them are escaped.
    super_options: str


def parse_mountinfo(text: str) -> Iterator[Mount]:
    """The mounts in their order; a line that is cut short is left out."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, system = before.split(), after.split()
        if len(fields) >= 6 and len(system) >= 3:
            yield Mount(
                device=_device(fields[2]),
                root=unescaped(fields[3]),
                point=unescaped(fields[4]),
                options=tuple(fields[5].split(",")),
                kind=system[0],
                super_options=system[2],
            )


def _device(text: str) -> int:
    numbers = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text, re.ASCII)
    return os.makedev(int(numbers[1]), int(numbers[2])) if numbers else 0


def unescaped(text: str) -> str:
    """Blanks and backslashes stand there as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
