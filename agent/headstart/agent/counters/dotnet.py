""".NET: its own counters through EventPipe, from the diagnostics socket of the process.

From .NET 9 on the meter `System.Runtime` tells totals since the start; before, the
EventCounters of the same name tell some of them, but neither the time in the JIT nor
collections before the session began. Native AOT answers too where it was built with
EventSourceSupport; without, there is no socket.
"""

import math
from collections.abc import Collection, Iterable

from headstart.agent.counters.diagnostics_ipc import IpcFault, Provider, runtime_version, trace
from headstart.agent.counters.nettrace import Event, Malformed, events
from headstart.agent.counters.source import MAXIMUM_NAMES, CannotRead, Reading, Target
from headstart.agent.deadline import Deadline
from headstart.agent.untrusted import Root
from headstart.words import counters
from headstart.words.counters import Counter

# The shortest that the runtime takes for meters; one collection comes at each of these.
_REFRESH_SECONDS = 0.1
# Collecting begins in a process that may be busy and, under a JIT, first has to compile it.
_SESSION_SECONDS = 5.0
_INFORMATIONAL = 4
_FIRST_WITH_METERS = 9

_METERS = Provider(
    "System.Diagnostics.Metrics",
    keywords=0x2,  # values over time, without messages and errors
    level=_INFORMATIONAL,
    arguments=f"SessionId=headstart;Metrics=System.Runtime;RefreshInterval={_REFRESH_SECONDS};"
    "MaxTimeSeries=200;MaxHistograms=1",
)
_EVENT_COUNTERS = Provider(
    "System.Runtime",
    keywords=0xFFFF_FFFF,
    level=_INFORMATIONAL,
    arguments=f"EventCounterIntervalSec={_REFRESH_SECONDS}",
)

# Instrument of the meter -> our counter. Tagged ones (generations) are summed.
_INSTRUMENTS = {
    "dotnet.jit.compiled_methods": counters.METHODS_JITTED,
    "dotnet.jit.compilation.time": counters.JIT_SECONDS,
    "dotnet.jit.compiled_il.size": counters.JIT_INPUT_BYTES,
    "dotnet.gc.collections": counters.GC_COLLECTIONS,
    "dotnet.gc.pause.time": counters.GC_PAUSE_SECONDS,
    "dotnet.gc.last_collection.heap.size": counters.GC_HEAP_BYTES,
    "dotnet.gc.heap.total_allocated": counters.ALLOCATED_BYTES,
    "dotnet.assembly.count": counters.ASSEMBLIES_LOADED,
}
# EventCounter -> our counter and its unit; only those whose `Mean` is a total or a size.
_COUNTERS = {
    "methods-jitted-count": (counters.METHODS_JITTED, 1.0),
    "il-bytes-jitted": (counters.JIT_INPUT_BYTES, 1.0),
    "gc-heap-size": (counters.GC_HEAP_BYTES, 1e6),
    "assembly-count": (counters.ASSEMBLIES_LOADED, 1.0),
}
_PUBLISHED = ("CounterRateValuePublished", "UpDownCounterRateValuePublished")


class DotnetSource:
    """See `CounterSource`."""

    offered_by = "a .NET diagnostics socket"

    @property
    def tells(self) -> Collection[Counter]:
        """See `CounterSource`."""
        return {*_INSTRUMENTS.values(), *(counter for counter, _ in _COUNTERS.values())}

    def read(self, target: Target, deadline: Deadline) -> Reading | None:
        """The first collection of a session of its own, which is ended at once."""
        with Root(target.root) as root:
            path = _socket_of(root, target)
            if path is None:
                return None
            with root.socket(path) as address:
                try:
                    return _ask(address, deadline)
                except Malformed as error:
                    raise CannotRead(f"its trace cannot be read: {error}") from error
                except IpcFault as error:
                    raise CannotRead(f"its diagnostics socket does not serve: {error}") from error
                except OSError as error:
                    raise CannotRead(f"its diagnostics socket does not answer: {error}") from error


def _socket_of(root: Root, target: Target) -> str | None:
    """With the start time of the process in its name; a process has one."""
    try:
        names = root.names(target.temporary, MAXIMUM_NAMES)
    except FileNotFoundError:
        return None
    prefix = f"dotnet-diagnostic-{target.inner_pid}-"
    found = (name for name in names if name.startswith(prefix) and name.endswith("-socket"))
    name = next(found, None)
    return None if name is None else f"{target.temporary}/{name}"


def _ask(address: str, deadline: Deadline) -> Reading:
    version = runtime_version(address, deadline)
    if _major(version) >= _FIRST_WITH_METERS:
        provider, values_of = _METERS, meter_values
    else:
        provider, values_of = _EVENT_COUNTERS, counter_values
    session = deadline.within(_SESSION_SECONDS)
    stream = trace(address, provider, lambda found: bool(values_of(found)), session, deadline)
    values = values_of(stream)
    if not values:
        raise CannotRead(
            f".NET {version[:40]} has a diagnostics socket but sent no counter within"
            f" {_SESSION_SECONDS:g} s"
        )
    return Reading(f".NET {version[:40]}, EventPipe", values)


def meter_values(stream: bytes) -> dict[str, float]:
    """The first complete collection of the meter in a nettrace stream; empty: none is in it."""
    found: dict[tuple[str, str], float] = {}
    for event in events(stream):
        if event.provider != _METERS.name:
            continue
        if event.name == "CollectionStop":
            break
        instrument = str(event.fields.get("instrumentName"))
        counter = _INSTRUMENTS.get(instrument)
        value = _number(event.fields.get("value"))
        if event.name in _PUBLISHED and counter and value is not None:
            found.setdefault((counter.name, str(event.fields.get("tags"))), value)
    else:
        return {}
    sums = _summed((name, value) for (name, _), value in found.items())
    if not sums.get(counters.GC_COLLECTIONS.name):
        # As of the last collection: a zero that means that there was none.
        sums.pop(counters.GC_HEAP_BYTES.name, None)
    return sums


def counter_values(stream: bytes) -> dict[str, float]:
    """The first value of each EventCounter in a nettrace stream; empty: not all are in it yet."""
    found: dict[str, float] = {}
    for event in events(stream):
        counter, unit = _COUNTERS.get(_counter(event), (None, 0.0))
        value = _number(event.fields.get("Mean"))
        if counter and value is not None:
            found.setdefault(counter.name, value * unit)
    return found if len(found) == len(_COUNTERS) else {}


def _counter(event: Event) -> str:
    if (event.provider, event.name) != (_EVENT_COUNTERS.name, "EventCounters"):
        return ""
    return str(event.fields.get("Name"))


def _summed(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, value in values:
        sums[name] = sums.get(name, 0.0) + value
    return sums


def _number(value: object) -> float | None:
    """A value that the app sent, mostly as text; None when it is no finite number."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else 0
