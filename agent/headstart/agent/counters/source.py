"""What a source of counters is: it finds a runtime in a process and asks it, from outside.

The names are the same for every runtime, so that variants stand beside each other;
what a runtime does not know is left out. Totals count from the start of the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

METHODS_JITTED = "methods_jitted"
# Compiler threads may work side by side: it can exceed the time that passed.
JIT_SECONDS = "jit_seconds"
# IL or bytecode that went into the compiler.
JIT_INPUT_BYTES = "jit_input_bytes"
GC_COLLECTIONS = "gc_collections"
GC_PAUSE_SECONDS = "gc_pause_seconds"
GC_HEAP_BYTES = "gc_heap_bytes"
ALLOCATED_BYTES = "allocated_bytes"
CLASSES_LOADED = "classes_loaded"
ASSEMBLIES_LOADED = "assemblies_loaded"


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
    """`runtime` tells which it is and how it was read, such as ".NET 10.0.12, EventPipe"."""

    runtime: str
    values: Mapping[str, float]


class CannotRead(Exception):
    """There is such a runtime, but it does not tell; the message says why, as a sentence."""


class CounterSource(Protocol):
    """One kind of runtime. `offered_by` says what of it must be there to be read."""

    offered_by: str

    def read(self, target: Target) -> Reading | None:
        """Its counters now; None: no such runtime is there. Raises CannotRead.

        Takes some seconds at most, and leaves the app as it was.
        """


def target_of(pid: int, proc: Path = Path("/proc")) -> Target:
    """Raises OSError when the process is gone or not ours to look at."""
    status = (proc / str(pid) / "status").read_text(errors="replace")
    inner = next(
        (line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:")), str(pid)
    )
    environment = (proc / str(pid) / "environ").read_bytes().split(b"\0")
    temporary = next(
        (entry[7:].decode(errors="replace") for entry in environment if entry[:7] == b"TMPDIR="),
        "/tmp",  # noqa: S108  # where both runtimes put it, not a file of ours
    )
    return Target(proc / str(pid) / "root", int(inner), temporary)
