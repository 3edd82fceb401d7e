"""Which processes belong to an instance, and killing all of them.

A child belongs where its parent does, where its session is, or where the mark
in its environment says: a daemon that forked twice and began a session of its
own has only the mark left.
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.deadline import Deadline
from headstart.agent.untrusted import within

log = logging.getLogger(__name__)

_PROC = Path("/proc")
# The mark comes first where we start a process; an environment is as long as it likes.
_ENVIRONMENT_BYTES = 1 << 20
_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class ProcessOrigin:
    """What /proc/PID/stat says of where a process comes from, and its state."""

    state: str
    parent: int
    session: int


def origin_of(pid: int) -> ProcessOrigin | None:
    """None when there is no such process (any more)."""
    try:
        return parse_stat((_PROC / str(pid) / "stat").read_text(errors="replace"))
    except OSError:
        return None


def parse_stat(text: str) -> ProcessOrigin:
    """The fields of proc_pid_stat(5); the name before them may hold blanks and brackets."""
    fields = text[text.rindex(")") + 2 :].split()
    return ProcessOrigin(fields[0], int(fields[1]), int(fields[3]))


def has_mark(pid: int, entry: str) -> bool:
    """Whether the environment that the process got at its exec has an entry that begins so."""
    try:
        with (_PROC / str(pid) / "environ").open("rb") as file:
            environment = file.read(_ENVIRONMENT_BYTES)
    except OSError:
        return False
    return any(each.startswith(entry.encode()) for each in environment.split(b"\0"))


def all_pids() -> list[int]:
    """Every process that can be seen from here."""
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208  # 5 x faster


def marked(entry: str) -> list[int]:
    """Living processes with such an entry in their environment, never this one."""
    found: list[int] = []

    def look() -> None:
        # As it goes, so that what was found before one that hangs is not lost.
        found.extend(pid for pid in all_pids() if pid != os.getpid() and has_mark(pid, entry))

    try:
        # Reading memory of a process that keeps the kernel from it hangs until that ends.
        within(Deadline(_LOOK_SECONDS), look)
    except TimeoutError as error:
        log.warning("not all processes could be looked at for %s: %s", entry, error)
    return [pid for pid in list(found) if is_running(pid)]


def is_running(pid: int) -> bool:
    """False for zombies too."""
    origin = origin_of(pid)
    return origin is not None and origin.state not in "ZX"


class Handle:
    """One process by descriptor: its pid may become another's, a descriptor may not.

    ProcessLookupError when there is no such process.
    """

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def alive(self) -> bool:
        """False for a zombie; costs 1 us. Any thread may ask, hence no poll object is kept."""
        if self._descriptor < 0:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    def kill(self) -> None:
        """SIGKILL, where it is permitted and the process still lives."""
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def close(self) -> None:
        """Idempotent; afterwards the process counts as dead."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Members:
    """The processes of one instance, for hosts where it has no control group."""

    def __init__(self, first: int, mark_entry: str) -> None:
        self._first = first
        self._mark_entry = mark_entry
        self._seen: set[int] = set()
        self._members: set[int] = {first}

    def pids(self) -> list[int]:
        """The living ones, the first one first; costs 0.1 ms and more for listing /proc."""
        listed = set(all_pids())
        self._members &= listed
        for pid in sorted(listed - self._seen):
            origin = origin_of(pid)
            if origin is not None and (
                origin.parent in self._members
                or origin.session == self._first
                or has_mark(pid, self._mark_entry)
            ):
                self._members.add(pid)
        self._seen = listed
        alive = [pid for pid in self._members if is_running(pid)]
        return sorted(alive, key=lambda pid: (pid != self._first, pid))


def kill_all(find: Callable[[], Collection[int]], timeout_seconds: float) -> list[int]:
    """SIGKILL what `find` finds until it finds nothing; the pids that survived the time.

    No SIGTERM before it, as a container's removal sends none: what a server
    does at its end is not measured, and some take half a minute.
    """
    deadline = Deadline(timeout_seconds)
    while left := list(find()):
        _kill(left, find)
        if deadline.passed():
            break
        time.sleep(0.002)
    return left


def _kill(pids: Iterable[int], find: Callable[[], Collection[int]]) -> None:
    """Kill those that are still found once a handle holds them."""
    with ExitStack() as closing:
        handles: dict[int, Handle] = {}
        for pid in pids:
            with suppress(ProcessLookupError):
                handles[pid] = Handle(pid)
                closing.callback(handles[pid].close)
        for pid in set(find()) & handles.keys():
            handles[pid].kill()
