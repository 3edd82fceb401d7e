"""HotSpot JVMs: their performance data, a file that they keep for jstat and the like.

Preferred to jcmd and JFR, which need the attach mechanism to compile and run code in
the app, or tools that a small image has not.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from headstart.agent.counters import hsperfdata
from headstart.agent.counters.source import MAXIMUM_NAMES, CannotRead, Reading, Target
from headstart.agent.deadline import Deadline
from headstart.agent.untrusted import Refused, Root
from headstart.words import counters
from headstart.words.counters import Counter

# HotSpot makes 32 kB unless told otherwise (-XX:PerfDataMemorySize).
_MAXIMUM_BYTES = 4 << 20
# Always there, whatever TMPDIR says.
_FOLDER = "tmp"
# A container has one user or a few.
_MAXIMUM_USERS = 32

# Its own counters by name.
_Found = Mapping[str, int | str]


class JvmSource:
    """See `CounterSource`."""

    offered_by = "a JVM's performance data"

    @property
    def tells(self) -> Collection[Counter]:
        """See `CounterSource`."""
        return _READ.keys()

    def read(self, target: Target, deadline: Deadline) -> Reading | None:  # noqa: ARG002  # reads
        """What the file holds at this moment."""
        with Root(target.root) as root:
            data = _performance_data(root, target.inner_pid)
        if data is None:
            return None
        try:
            found = hsperfdata.parse(data)
        except hsperfdata.Malformed as error:
            raise CannotRead(f"the JVM's performance data cannot be read: {error}") from error
        version = str(found.get("java.property.java.version", "of unknown version"))
        return Reading(f"JVM {version[:40]}, performance data", values(found))


def _performance_data(root: Root, inner_pid: int) -> bytes | None:
    """Each user has a folder, of whom only the container knows the name; None: none has it."""
    refused: Refused | None = None
    for folder in _users_folders(root):
        try:
            return root.read(f"{folder}/{inner_pid}", _MAXIMUM_BYTES)
        except Refused as error:
            refused = error
        except OSError:
            continue  # another user's
    if refused is not None:
        raise refused
    return None


def _users_folders(root: Root) -> list[str]:
    try:
        names = root.names(_FOLDER, MAXIMUM_NAMES)
    except FileNotFoundError:
        return []
    found = [f"{_FOLDER}/{name}" for name in names if name.startswith("hsperfdata_")]
    return sorted(found)[:_MAXIMUM_USERS]


def _of_collectors(found: _Found, what: str) -> list[str]:
    return [n for n in found if n.startswith("sun.gc.collector.") and n.endswith(f".{what}")]


def _sum(found: _Found, names: Iterable[str], complete: bool = False) -> float | None:
    """Of those that are there; None when none is or, `complete`, when one is missing."""
    numbers = [_number(found.get(name)) for name in names]
    there = [number for number in numbers if number is not None]
    if not there or (complete and len(there) < len(numbers)):
        return None
    return sum(there)


def _seconds(found: _Found, ticks: float | None) -> float | None:
    frequency = _number(found.get("sun.os.hrt.frequency")) or 0
    return ticks / frequency if ticks is not None and frequency > 0 else None


def _number(value: int | str | None) -> float | None:
    return float(value) if isinstance(value, int) else None


# Our counter -> what it is of HotSpot's; None: it has it not.
_READ: dict[Counter, Callable[[_Found], float | None]] = {
    counters.METHODS_JITTED: lambda found: _number(found.get("sun.ci.totalCompiles")),
    counters.JIT_SECONDS: lambda found: _seconds(found, _number(found.get("java.ci.totalTime"))),
    counters.JIT_INPUT_BYTES: lambda found: _sum(
        found, ("sun.ci.standardBytes", "sun.ci.osrBytes"), complete=True
    ),
    counters.GC_COLLECTIONS: lambda found: _sum(found, _of_collectors(found, "invocations")),
    counters.GC_PAUSE_SECONDS: lambda found: _seconds(
        found, _sum(found, _of_collectors(found, "time"))
    ),
    counters.GC_HEAP_BYTES: lambda found: _sum(
        found, [n for n in found if n.startswith("sun.gc.generation.") and n.endswith(".used")]
    ),
    counters.CLASSES_LOADED: lambda found: _sum(
        found, ("java.cls.loadedClasses", "java.cls.sharedLoadedClasses"), complete=True
    ),
}


def values(found: _Found) -> dict[str, float]:
    """Our counters from those of HotSpot; what it has not is left out."""
    read = {
        counter.name: value for counter, take in _READ.items() if (value := take(found)) is not None
    }
    if not read.get(counters.GC_COLLECTIONS.name):
        # Sizes of spaces are as of the last collection.
        read.pop(counters.GC_HEAP_BYTES.name, None)
    return read
