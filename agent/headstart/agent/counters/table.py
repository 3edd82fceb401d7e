"""The sources of counters; adding one is a new file and one line here."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from headstart.agent.counters.dotnet import DotnetSource
from headstart.agent.counters.jvm import JvmSource
from headstart.agent.counters.source import CannotRead, CounterSource, Reading, target_of

SOURCES: Sequence[CounterSource] = (DotnetSource(), JvmSource())


def read_counters(
    pids: Iterable[int],
    proc: Path = Path("/proc"),
    sources: Sequence[CounterSource] = SOURCES,
) -> Reading:
    """The counters of the first of these processes whose runtime offers some.

    Raises CannotRead, also where nothing is offered: Native AOT without EventSource,
    or a program that has no runtime.
    """
    hidden: OSError | None = None
    for pid in pids:
        try:
            target = target_of(pid, proc)
            for source in sources:
                if (reading := source.read(target)) is not None:
                    return reading
        except OSError as error:
            hidden = error
    if isinstance(hidden, PermissionError):
        raise CannotRead("its files cannot be reached: the agent is not root on this host")
    looked_for = " nor ".join(source.offered_by for source in sources)
    raise CannotRead(f"not offered: there is neither {looked_for}")
