"""What a start cost the app, and what it lost to others: CPU times and run delays.

An app waits for a CPU also behind its own threads, which is part of it: a .NET
server that starts on one core waits a quarter of its start for itself. So the
run delay alone does not say that a start was disturbed. What others can have
taken is bounded by the CPU time that they used meanwhile.

What has ended cannot be asked any more: waits of the app's own tasks, CPU time of
others. Whether something may have is seen by the ids that the kernel gave out.
"""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.linux.cgroup import Cgroup, open_cgroup
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.runtimes.members import all_pids, origin_of

_PROC = Path("/proc")
_KTHREADD = 2
# Reading one takes 20 us.
_MAXIMUM_THREADS = 10_000
_CLOCK_RESOLUTION_NS = 1_000
# A group's counter lags its running threads by up to one scheduler tick, which
# is 10 ms at most (CONFIG_HZ=100).
_CGROUP_RESOLUTION_NS = 10_000_000


@dataclass(frozen=True)
class Spent:
    """Between `begin` and `since_begin`; None: cannot be read."""

    cpu_ns: int | None
    cpu_resolution_ns: int
    # Sum over the threads that live at the end; waiting behind each other counts.
    run_delay_ns: int | None
    # CPU time of all processes that may run where the app may, but itself, prober
    # and agent, and the kernel's threads. Those that ended in between are missed.
    foreign_cpu_ns: int
    # At most so long others kept the app waiting; None: too much ended for a bound.
    waited_ns: int | None = None
    # CPUs that the app may use, 0: not known; when `cpu_ns` was read (CLOCK_MONOTONIC).
    cpus: int = 0
    cpu_read_ns: int = 0


class ServerReader:
    """Reads one app and its surroundings before it starts and when it has started."""

    def __init__(self, pid: int, cgroup: Cgroup | None) -> None:
        """`pid` is the app's first process, 0 when it is not known."""
        self._pid = pid
        self._cgroup = open_cgroup(cgroup) if cgroup is not None else None
        self._cpus: frozenset[int] = frozenset()
        self._clocks: dict[int, int] = {}
        self._cgroup_ns: int | None = None
        self._delay_ns = 0
        self._threads = 0
        self._last_pid = 0

    def begin(self) -> None:
        """Take the first readings, while the app waits in its gate."""
        self._cpus = _affinity(self._pid)
        self._clocks = cpu_clocks(all_pids())
        delays = run_delays_ns(self._members())
        self._delay_ns = sum(delays.values())
        self._threads = len(delays)
        self._last_pid = last_pid()
        self._cgroup_ns = self._cgroup.cpu_ns() if self._cgroup else None

    def since_begin(self) -> Spent:
        """What was spent; the app's own CPU time is read first and takes some microseconds."""
        cgroup_ns = self._cgroup.cpu_ns() if self._cgroup else None
        members = self._members()
        own = cpu_clocks(members)
        cpu_read_ns = time.monotonic_ns()
        ids = last_pid() - self._last_pid
        delays = run_delays_ns(members)
        others = cpu_clocks(all_pids())
        cpu_ns = self._used(own) if own else None
        resolution_ns = _CLOCK_RESOLUTION_NS
        if cgroup_ns is not None and self._cgroup_ns is not None:
            # The clocks miss processes that ended, the group its running threads'
            # last tick: both are lower bounds.
            group_ns = cgroup_ns - self._cgroup_ns
            if cpu_ns is None or group_ns > cpu_ns + _CGROUP_RESOLUTION_NS:
                cpu_ns, resolution_ns = group_ns, _CGROUP_RESOLUTION_NS
        # The prober and its agent are the method's own effect, the same in every trial.
        for pid in (*members, os.getpid(), os.getppid()):
            others.pop(pid, None)
        delay_ns = max(sum(delays.values()) - self._delay_ns, 0) if delays else None
        foreign_ns = self._used(self._neighbours(others))
        # Who came and still lives; of more ids than that, some may have ended.
        alive = len(delays) - self._threads + sum(pid not in self._clocks for pid in others)
        return Spent(
            cpu_ns=cpu_ns,
            cpu_resolution_ns=resolution_ns if cpu_ns is not None else 0,
            run_delay_ns=delay_ns,
            foreign_cpu_ns=foreign_ns,
            waited_ns=_waited_ns(delay_ns, foreign_ns if 0 <= ids <= alive else None, members),
            cpus=len(self._cpus.union(*map(_affinity, members))),
            cpu_read_ns=cpu_read_ns,
        )

    def close(self) -> None:
        """Let go of the group's files."""
        if self._cgroup:
            self._cgroup.close()

    def _members(self) -> list[int]:
        pids = self._cgroup.pids() if self._cgroup else None
        return pids if pids else descendants(self._pid)

    def _used(self, clocks: Mapping[int, int]) -> int:
        return sum(max(ns - self._clocks.get(pid, 0), 0) for pid, ns in clocks.items())

    def _neighbours(self, clocks: Mapping[int, int]) -> dict[int, int]:
        """Those that ran, and may have done so on a CPU of the app's."""
        return {
            pid: ns
            for pid, ns in clocks.items()
            if ns > self._clocks.get(pid, 0)
            and self._cpus & _affinity(pid)
            and not is_kernel_thread(pid)
        }


def cpu_clocks(pids: Iterable[int]) -> dict[int, int]:
    """CPU time of each process that lives, in ns."""
    clocks = ((pid, process_cpu_ns(pid)) for pid in pids)
    return {pid: ns for pid, ns in clocks if ns is not None}


def run_delays_ns(pids: Iterable[int], proc: Path = _PROC) -> dict[int, int]:
    """Time that each thread of these processes was runnable but not running; thread id -> ns.

    Empty where there are more than can be read while others wait for it.

    Source: Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
    """
    delays: dict[int, int] = {}
    for pid in pids:
        threads = _entries(proc / str(pid) / "task")
        if len(delays) + len(threads) > _MAXIMUM_THREADS:
            return {}
        for thread in threads:
            with suppress(OSError, IndexError):
                text = (proc / str(pid) / "task" / thread / "schedstat").read_text()
                delays[int(thread)] = int(text.split()[1])
    return delays


def _waited_ns(delay_ns: int | None, foreign_ns: int | None, members: list[int]) -> int | None:
    """The smaller of both upper bounds, as far as they are known to be some."""
    if delay_ns is None or (foreign_ns is not None and foreign_ns <= delay_ns):
        return foreign_ns
    return foreign_ns if has_lost_tasks(members) else delay_ns


def last_pid(proc: Path = _PROC) -> int:
    """The id that a process or thread was given last; each of them takes the next one."""
    return int((proc / "loadavg").read_text().split()[-1])


def has_lost_tasks(pids: Iterable[int], proc: Path = _PROC) -> bool:
    """Whether a thread or a child of these processes has ended: page faults are told of all.

    A process counts those of its threads that ended, and of its children that it waited for.
    """
    for pid in pids:
        # The process first: its threads go on faulting.
        found = _faults(proc / str(pid) / "stat")
        threads = _entries(proc / str(pid) / "task")
        alive = [_faults(proc / str(pid) / "task" / thread / "stat") for thread in threads]
        if found is None or found[1] or sum(each[0] for each in alive if each) < found[0]:
            return True
    return False


def _faults(stat: Path) -> tuple[int, int] | None:
    """Minor and major page faults, its own and its children's; None: it ended.

    Source: proc_pid_stat(5), fields 10 to 13; the second may hold brackets and spaces.
    """
    try:
        fields = stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[7]) + int(fields[9]), int(fields[8]) + int(fields[10])


def descendants(pid: int, proc: Path = _PROC) -> list[int]:
    """A process, if it lives, and what it and its children started; the parents first."""
    if pid <= 0 or not (proc / str(pid)).exists():
        return []
    found = [pid]
    for parent in found:
        if len(found) > _MAXIMUM_THREADS:
            break
        for thread in _entries(proc / str(parent) / "task"):
            with suppress(OSError):
                text = (proc / str(parent) / "task" / thread / "children").read_text()
                found.extend(int(child) for child in text.split())
    return found


def own_run_delay_ns() -> int:
    """The run delay of this process's first thread; 0 on a kernel that does not count it."""
    with suppress(OSError, IndexError):
        return int((_PROC / "self" / "schedstat").read_text().split()[1])
    return 0


def is_kernel_thread(pid: int) -> bool:
    """They work for the app too: 1 of the 22 ms of a .NET start is freeing and block IO."""
    origin = origin_of(pid)
    return origin is not None and (pid == _KTHREADD or origin.parent == _KTHREADD)


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # Path.iterdir costs five times as much
    except OSError:
        return []


def _affinity(pid: int) -> frozenset[int]:
    """Empty when the process is not known (0 would mean this one) or has ended."""
    try:
        return frozenset(os.sched_getaffinity(pid)) if pid > 0 else frozenset()
    except OSError:
        return frozenset()
