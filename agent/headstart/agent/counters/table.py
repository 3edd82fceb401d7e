"""The sources of counters; adding one is a new file and one line here."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

from headstart.agent.counters.dotnet import DotnetSource
from headstart.agent.counters.jvm import JvmSource
from headstart.agent.counters.source import CannotRead, CounterSource, Reading, target_of
from headstart.agent.deadline import Deadline
from headstart.agent.untrusted import Refused, within

SOURCES: Sequence[CounterSource] = (DotnetSource(), JvmSource())
# All of an app's processes and runtimes together: a session of .NET, its begin and its end.
_SECONDS = 15.0
_PATIENCE_SECONDS = 0.5
# The first process is the app, or its parent.
_MAXIMUM_PROCESSES = 64


def read_counters(
    pids: Iterable[int],
    proc: Path = Path("/proc"),
    sources: Sequence[CounterSource] = SOURCES,
    cancelled: Callable[[], bool] = lambda: False,
    seconds: float = _SECONDS,
) -> Reading:
    """The counters of the first of these processes whose runtime offers some.

    Raises CannotRead, also where nothing is offered: Native AOT without EventSource,
    or a program that has no runtime. Everything together takes `seconds` at most.
    """
    deadline = Deadline(seconds)
    looked_at = list(islice(pids, _MAXIMUM_PROCESSES))
    try:
        # A little later, so that a source that keeps its time can say what it met.
        patience = Deadline(seconds + _PATIENCE_SECONDS)
        return within(patience, lambda: _read(looked_at, proc, sources, deadline), cancelled)
    except TimeoutError as error:
        raise CannotRead(f"its files or its memory do not answer: {error}") from error


def _read(
    pids: Sequence[int], proc: Path, sources: Sequence[CounterSource], deadline: Deadline
) -> Reading:
    problem: Exception | None = None
    for pid in pids:
        if deadline.passed():
            break
        try:
            target = target_of(pid, proc)
        except OSError as error:
            problem = error
            continue
        for source in sources:
            # One that cannot be read hides no other.
            try:
                if (reading := source.read(target, deadline)) is not None:
                    return reading
            except (OSError, CannotRead) as error:
                problem = error
    if isinstance(problem, CannotRead):
        raise problem
    if isinstance(problem, PermissionError):
        raise CannotRead("its files cannot be reached: the agent is not root on this host")
    looked_for = " nor ".join(source.offered_by for source in sources)
    raise CannotRead(f"not offered: there is neither {looked_for}{_because(problem)}")


def _because(problem: Exception | None) -> str:
    """Why it could not be looked for; that a process has ended meanwhile explains nothing."""
    if isinstance(problem, Refused):
        return f" ({problem})"
    return ""
