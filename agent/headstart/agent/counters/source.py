"""What a source of counters is: it finds a runtime in a process and asks it, from outside.

What it may say is `headstart.words.counters`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headstart.agent.deadline import Deadline
from headstart.words.counters import Counter

# Files in the folder in which a runtime keeps what tells of it; a temporary folder has a few.
MAXIMUM_NAMES = 10_000
# The kernel's own texts about a process. Its environment is as long as it likes.
_STATUS_BYTES = 1 << 16
_ENVIRONMENT_BYTES = 1 << 20


@dataclass(frozen=True)
class Target:
    """A process of the host, as its own files and its own pid name it."""

    # Its root directory, seen from the host.
    root: Path
    # Its pid within its innermost namespace.
    inner_pid: int
    # Where its runtime keeps what is for its user, such as "/tmp".
    temporary: str


@dataclass(frozen=True)
class Reading:
    """`runtime` tells which it is and how it was read, such as ".NET 10.0.12, EventPipe".

    Values by the name of a counter.
    """

    runtime: str
    values: Mapping[str, float]


class CannotRead(Exception):
    """There is such a runtime, but it does not tell; the message says why, as a sentence."""


class CounterSource(Protocol):
    """One kind of runtime. `offered_by` says what of it must be there to be read."""

    offered_by: str

    @property
    def tells(self) -> Collection[Counter]:
        """The counters that it may know."""

    def read(self, target: Target, deadline: Deadline) -> Reading | None:
        """Its counters now; None: no such runtime is there. Raises CannotRead, or OSError
        when the process is gone or not ours to look at.

        It leaves the app as it was, and ends by the deadline but for what hangs in the kernel.
        """


def target_of(pid: int, proc: Path = Path("/proc")) -> Target:
    """Raises OSError when the process is gone or not ours to look at."""
    status = _start_of(proc / str(pid) / "status", _STATUS_BYTES).decode(errors="replace")
    inner = next(
        (line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:")), str(pid)
    )
    environment = _start_of(proc / str(pid) / "environ", _ENVIRONMENT_BYTES).split(b"\0")
    temporary = next(
        (entry[7:].decode(errors="replace") for entry in environment if entry[:7] == b"TMPDIR="),
        "/tmp",  # noqa: S108  # where both runtimes put it, not a file of ours
    )
    return Target(proc / str(pid) / "root", int(inner), temporary)


def _start_of(path: Path, limit_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit_bytes)
