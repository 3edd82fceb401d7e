"""One execution of a batch program: from the gate's opening to its exit, and what it took."""

import os
import select
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from headstart.agent.deadline import Deadline
from headstart.agent.instances import ExitFacts
from headstart.agent.linux.cgroup import CgroupReader, PeakSince, open_cgroup
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.linux.exit_accounting import ExitAccounting
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.runtimes.runtime import Instance, Written
from headstart.agent.sampling.memory import read_status
from headstart.agent.trial.startup import new_startup, stamp_exec
from headstart.agent.trial.startup_validity import SHARE_OF_STARTUP, t0_ns
from headstart.v1.records_pb2 import Flag, FlagEffect, Startup
from headstart.words.flags import FlagCode

_STEP_SECONDS = 0.02
# The last process of a group may still be on its CPU when its end is told: its
# time is charged when it leaves it, at once or at the next tick.
_CHARGED_SECONDS = 0.005
# The event of the exit is on its way when the pidfd says so.
_EVENT_SECONDS = 0.1
# For the end of what was killed, which the kernel may take a moment for.
_KILLED_MS = 1000
_NOT_READ = Written(sha256="", size_bytes=0, head=b"", complete=False)


@dataclass(frozen=True)
class Watch:
    """With what an execution is watched; a member is None where this host does not permit it."""

    connector: ProcConnector | None
    exits: ExitAccounting | None
    cancelled: Callable[[], bool]


@dataclass(frozen=True)
class Execution:
    """How it went. `ended` None: its time was over, or the run was cancelled; then it is dead."""

    startup: Startup
    exit_ns: int
    # By the kernel; 0: not seen.
    exit_kernel_ns: int
    ended: ExitFacts | None
    cpu_seconds: float
    cpu_resolution_seconds: float
    # VmHWM of the first process; the largest sum of RSS over all that was seen.
    high_water_bytes: int
    rss_seen_bytes: int
    cgroup_peak_bytes: int
    written: Written
    output_tail: str

    @property
    def seconds(self) -> float:
        """From exec to exit."""
        return (self.exit_ns - t0_ns(self.startup)) / 1e9


def execute(
    instance: Instance,
    watch: Watch,
    timeout_seconds: float,
    look_seconds: float = _STEP_SECONDS,
) -> Execution:
    """Open the gate and wait for the exit, no longer than the time given.

    The exit is stamped when the pidfd of the first process is readable, which is
    when its last thread has ended and its parent can be told; where there is a
    connector, the kernel's own stamp stands beside it as a cross-check.
    """
    with ExitStack() as closing:
        reader = open_cgroup(instance.cgroup) if instance.cgroup else None
        if reader is not None:
            closing.callback(reader.close)
        pidfd = os.pidfd_open(instance.pid)
        closing.callback(os.close, pidfd)
        return _Execution(instance, watch, reader, pidfd, look_seconds).run(timeout_seconds)


class _Execution:
    def __init__(
        self,
        instance: Instance,
        watch: Watch,
        reader: CgroupReader | None,
        pidfd: int,
        look_seconds: float,
    ) -> None:
        self.instance = instance
        self.watch = watch
        self.reader = reader
        self.look_ms = max(round(look_seconds * 1000), 1)
        self.poll = select.poll()
        self.poll.register(pidfd, select.POLLIN)
        self.startup = new_startup(instance)
        self.high_water = 0
        self.rss_seen = 0
        self.peak = PeakSince(reader) if reader is not None else None
        self.group_seen = 0

    def run(self, timeout_seconds: float) -> Execution:
        if self.peak is not None:
            self.peak.begin()
        before_ns = self._cpu_ns() or 0
        if self.watch.connector is not None:
            self.watch.connector.watch(self.instance.pid)
        self.startup.gate_opened_monotonic_ns = self.instance.open_gate()
        exit_ns = self._wait(timeout_seconds)
        over = exit_ns == 0
        # Before it is reaped or its group is removed.
        cpu_ns, peak = self._at_exit()
        self._look_at_exit()
        stamp_exec(self.startup, self.instance, self.watch.connector)
        if over:
            # Before its output is read, which may not end while it lives.
            self.instance.kill()
            if self.poll.poll(_KILLED_MS) and not self.watch.cancelled():
                # An engine has all of the output no sooner than it knows the end.
                self.instance.exited()
        exit_kernel_ns = 0 if over else self._exit_kernel_ns()
        ended = None if over else self.instance.exited()
        tail = self.instance.output_tail()
        # Nobody asks for that of a cancelled one, and reading it may take long.
        written = _NOT_READ if over and self.watch.cancelled() else self.instance.written()
        return Execution(
            startup=self.startup,
            exit_ns=exit_ns,
            exit_kernel_ns=exit_kernel_ns,
            ended=ended,
            cpu_seconds=max((cpu_ns or 0) - before_ns, 0) / 1e9 if cpu_ns else 0.0,
            cpu_resolution_seconds=1e-9 if cpu_ns else 0.0,
            high_water_bytes=self.high_water,
            rss_seen_bytes=self.rss_seen,
            cgroup_peak_bytes=peak,
            written=written,
            output_tail=tail,
        )

    def _wait(self, timeout_seconds: float) -> int:
        """Time of the exit; 0 when none came within the time."""
        deadline = Deadline(timeout_seconds)
        while not self.poll.poll(self.look_ms):
            self._look()
            if deadline.passed() or self.watch.cancelled():
                return 0
        return time.monotonic_ns()

    def _exit_kernel_ns(self) -> int:
        connector = self.watch.connector
        if connector is None:
            return 0
        return connector.exit_ns(self.instance.pid, _EVENT_SECONDS) or 0

    def _look(self) -> None:
        """Of all processes, which only a look while they live can show."""
        if self.reader is not None:
            self.group_seen = max(self.group_seen, self.reader.memory_bytes() or 0)
        pids = (self.reader.pids() if self.reader else None) or [self.instance.pid]
        statuses = {pid: status for pid in pids if (status := read_status(pid)) is not None}
        self.rss_seen = max(self.rss_seen, sum(s.rss_bytes for s in statuses.values()))
        if (first := statuses.get(self.instance.pid)) is not None:
            self.high_water = max(self.high_water, first.high_water_bytes)
        self._look_at_exit()

    def _look_at_exit(self) -> None:
        if self.watch.exits is not None:
            told = self.watch.exits.high_water_bytes(self.instance.pid)
            self.high_water = max(self.high_water, told or 0)

    def _at_exit(self) -> tuple[int | None, int]:
        """CPU time so far and the group's peak; the last readings that the group still gave."""
        cpu_ns = self._cpu_ns()
        # Else the mark is the engine's, which took some MB to start the container.
        peak = (self.peak.bytes() if self.peak else None) or self.group_seen
        deadline = Deadline(_CHARGED_SECONDS)
        while self.reader is not None and not deadline.passed():
            time.sleep(_CHARGED_SECONDS / 5)
            later = self._cpu_ns()
            if later is None:
                break
            cpu_ns = later
        return cpu_ns, peak

    def _cpu_ns(self) -> int | None:
        if self.reader is not None and (used := self.reader.cpu_ns()) is not None:
            return used
        # A process that ended keeps its clock until it is reaped.
        return process_cpu_ns(self.instance.pid)


EXIT_DISAGREEMENT_SECONDS = 0.0005


def exit_stamps(
    what: str, executions: Sequence[Execution], effect: FlagEffect.ValueType
) -> Flag | None:
    """One flag for all executions of the same work whose two stamps of the exit disagree.

    The agent's stamp is late by the time that it waited for a CPU, which the kernel's is
    not; the kernel's may be some microseconds after the truth. Without the kernel's
    nothing is said. The flag holds the execution that is worst by its own limit.
    """
    apart = [(_apart(each), _limit(each)) for each in executions if each.exit_kernel_ns]
    beyond = [(seconds, limit) for seconds, limit in apart if abs(seconds) > limit]
    if not beyond:
        return None
    seconds, limit = max(beyond, key=lambda pair: abs(pair[0]) / pair[1])
    which = f"one of {len(executions)} executions" if len(executions) > 1 else "the exit"
    if len(beyond) > 1:
        which = f"{len(beyond)} of {len(executions)} executions"
    order = "after" if seconds > 0 else "before"
    return Flag(
        code=FlagCode.EXIT_STAMPS_DISAGREE,
        effect=effect,
        text=f"{what}: of {which} the agent was told {abs(seconds) * 1e3:.2f} ms {order} the"
        " kernel's stamp of the exit",
        value=seconds,
        limit=limit,
    )


def _apart(execution: Execution) -> float:
    return (execution.exit_ns - execution.exit_kernel_ns) / 1e9


def _limit(execution: Execution) -> float:
    return max(EXIT_DISAGREEMENT_SECONDS, SHARE_OF_STARTUP * execution.seconds)
