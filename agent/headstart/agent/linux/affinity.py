"""Keeps this process off the CPUs that an app is measured on, and says which it may use."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from headstart.agent.linux.sysfs import online_cpus, parse_cpus


@contextmanager
def avoid_cpus(cpus: str) -> Iterator[None]:
    """Move every thread of this process away from a cpuset list, and back at the end.

    Threads and processes that are started meanwhile stay away too. Does nothing
    for an empty list, and for a thread that would have no CPU left.
    """
    avoided = parse_cpus(cpus)
    if not avoided:
        yield
        return
    own = os.sched_getaffinity(0)
    before = {thread: affinity for thread in _threads() if (affinity := _affinity(thread))}
    for thread, affinity in before.items():
        _move(thread, affinity - avoided)
    try:
        yield
    finally:
        for thread in _threads():
            _move(thread, before.get(thread, own))


def usable_cpus() -> frozenset[int]:
    """The CPUs that this process and its children may be pinned to.

    The kernel is asked, since a cpuset of a service or a container holds besides what a
    thread inherited. In a thread of its own, whose end takes the affinity with it.
    """
    usable: set[int] = set()

    def ask() -> None:
        for cpu in online_cpus():
            with suppress(OSError):
                os.sched_setaffinity(0, {cpu})
                usable.add(cpu)

    asking = threading.Thread(target=ask, name="cpus")
    asking.start()
    asking.join()
    return frozenset(usable)


def _threads() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/task")]  # noqa: PTH208  # Linux only


def _affinity(thread: int) -> set[int]:
    """Empty when it has ended."""
    with suppress(OSError):
        return os.sched_getaffinity(thread)
    return set()


def _move(thread: int, cpus: set[int]) -> None:
    # Empty, or taken from this host meanwhile: then it stays where it is.
    if cpus:
        with suppress(OSError):
            os.sched_setaffinity(thread, cpus)
