"""HotSpot JVMs: their performance data, a file that they keep for jstat and the like.

Preferred to jcmd and JFR, which need the attach mechanism to compile and run code in
the app, or tools that a small image has not.
"""

from collections.abc import Iterable, Mapping

from headstart.agent.counters import hsperfdata, source
from headstart.agent.counters.source import CannotRead, Reading, Target

# HotSpot makes 32 kB unless told otherwise (-XX:PerfDataMemorySize).
_MAXIMUM_BYTES = 4 << 20
# Always there, whatever TMPDIR says.
_FOLDER = "tmp"


class JvmSource:
    """See `CounterSource`."""

    offered_by = "a JVM's performance data"

    def read(self, target: Target) -> Reading | None:
        """What the file holds at this moment."""
        # One folder for each user, of whom only the container knows the name.
        paths = (target.root / _FOLDER).glob(f"hsperfdata_*/{target.inner_pid}")
        path = next(paths, None)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                found = hsperfdata.parse(file.read(_MAXIMUM_BYTES))
        except hsperfdata.Malformed as error:
            raise CannotRead(f"the JVM's performance data cannot be read: {error}") from error
        except OSError as error:
            raise CannotRead(f"the JVM's performance data cannot be read: {error}") from error
        version = str(found.get("java.property.java.version", "of unknown version"))
        return Reading(f"JVM {version[:40]}, performance data", values(found))


def values(found: Mapping[str, int | str]) -> dict[str, float]:
    """Our counters from those of HotSpot; what it has not is left out."""
    frequency = _number(found.get("sun.os.hrt.frequency")) or 0
    read = {
        source.METHODS_JITTED: _number(found.get("sun.ci.totalCompiles")),
        source.JIT_SECONDS: _seconds(_number(found.get("java.ci.totalTime")), frequency),
        source.JIT_INPUT_BYTES: _sum(
            found, ("sun.ci.standardBytes", "sun.ci.osrBytes"), complete=True
        ),
        source.GC_COLLECTIONS: _sum(found, _of_collectors(found, "invocations")),
        source.GC_PAUSE_SECONDS: _seconds(_sum(found, _of_collectors(found, "time")), frequency),
        source.GC_HEAP_BYTES: _sum(
            found,
            [n for n in found if n.startswith("sun.gc.generation.") and n.endswith(".used")],
        ),
        source.CLASSES_LOADED: _sum(
            found, ("java.cls.loadedClasses", "java.cls.sharedLoadedClasses"), complete=True
        ),
    }
    if not read[source.GC_COLLECTIONS]:
        # Sizes of spaces are as of the last collection.
        read[source.GC_HEAP_BYTES] = None
    return {name: value for name, value in read.items() if value is not None}


def _of_collectors(found: Mapping[str, int | str], what: str) -> list[str]:
    return [n for n in found if n.startswith("sun.gc.collector.") and n.endswith(f".{what}")]


def _sum(
    found: Mapping[str, int | str], names: Iterable[str], complete: bool = False
) -> float | None:
    """Of those that are there; None when none is or, `complete`, when one is missing."""
    numbers = [_number(found.get(name)) for name in names]
    there = [number for number in numbers if number is not None]
    if not there or (complete and len(there) < len(numbers)):
        return None
    return sum(there)


def _seconds(ticks: float | None, frequency: float) -> float | None:
    return ticks / frequency if ticks is not None and frequency > 0 else None


def _number(value: int | str | None) -> float | None:
    return float(value) if isinstance(value, int) else None
