"""A generator's process: started on its CPUs, looked after while it runs, and always ended."""

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections import deque
from typing import IO

from headstart.agent.deadline import Deadline
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.linux.netns import NetworkNamespace, inside
from headstart.agent.linux.parent_death import dying_with_parent
from headstart.agent.linux.sysfs import parse_cpus
from headstart.agent.load.driver import LoadTask
from headstart.agent.load.validity import SATURATION_LIMIT
from headstart.agent.probe.readings import run_delays_ns
from headstart.v1.records_pb2 import Failure, FailureCode, LoadSummary

LOOK_SECONDS = 0.25
_LOOKS_PER_SECOND = round(1 / LOOK_SECONDS)


def stated_version(program: str, flag: str, pattern: str, check: bool = True) -> str | None:
    """The version that a program of PATH states; None: none is installed that does.

    `check`: one that ends with a status other than 0 states none.
    """
    path = shutil.which(program)
    if path is None:
        return None
    try:
        asked = subprocess.run([path, flag], capture_output=True, text=True, timeout=5, check=check)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(pattern, asked.stdout)
    return found[1] if found else None


def start_pinned(
    argv: list[str],
    cpus: str,
    stdin: int,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    namespace: NetworkNamespace | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that runs on these CPUs, and in a namespace, from its first instruction.

    It has no part in a Ctrl-C, and dies with the thread that started it where
    setpriv of util-linux is installed. OSError when it cannot be started, or this
    host has none of these CPUs.
    """
    argv = [*dying_with_parent(), *argv]
    wanted = parse_cpus(cpus)
    # A child inherits affinity and namespace of the thread that forks; preexec_fn would run
    # Python between fork and exec, which a process with threads must not do.
    own = os.sched_getaffinity(0)
    try:
        if wanted:
            os.sched_setaffinity(0, wanted)
        with inside(namespace):
            return subprocess.Popen(
                argv, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
            )
    finally:
        os.sched_setaffinity(0, own)


def cores_of(cpus: str) -> int:
    """How many cores a program pinned like this may use."""
    return len(parse_cpus(cpus) or os.sched_getaffinity(0))


def reap(process: subprocess.Popen[bytes], timeout_seconds: float) -> float:
    """End a process if it does not end by itself; its CPU time in seconds, with its children's."""
    deadline = Deadline(timeout_seconds)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        if deadline.passed():
            os.kill(process.pid, signal.SIGKILL)
            deadline = Deadline(float("inf"))
        time.sleep(0.005)


class Watch:
    """What has to be known of a load while it runs; look four times a second."""

    def __init__(self, task: LoadTask, pid: int) -> None:
        self._task = task
        self._pid = pid
        self._started = time.monotonic()
        # Run delays of the threads in ns, one reading a look over the last second.
        self._first = run_delays_ns([pid])
        self._readings = deque([self._first], maxlen=_LOOKS_PER_SECOND + 1)
        # Of a generator that `follow` waits for: at the last look within the load's time.
        self.cpu_seconds = 0.0
        # CPU time at the beginning of this second of the load, and the seconds seen so far.
        self._second_began = (self._started, process_cpu_ns(pid) or 0)
        self._seconds: list[float] = []
        # Maxima, since a thread that ended can no longer be read.
        self._in_a_second_ns = 0
        self._in_all_ns = 0

    def follow(self, process: subprocess.Popen[bytes], grace_seconds: float) -> Failure | None:
        """Wait until a generator ended, or has to be ended; why before its time.

        One that does not end within the load and `grace_seconds` is left to the caller.
        """
        over = self._started + self._task.load.duration_seconds
        failure = None
        descriptor = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            while failure is None and (now := time.monotonic()) < over + grace_seconds:
                left = over - now
                wait = min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS
                # Rounded up: a poll of 0 ms would spin.
                if poll.poll(int(wait * 1000) + 1):
                    break
                failure = self.look()
                if left > 0:
                    self.cpu_seconds = (process_cpu_ns(process.pid) or 0) / 1e9
        finally:
            os.close(descriptor)
        # A server that died just before the end was not looked at yet.
        return failure or self.look()

    def look(self) -> Failure | None:
        """Why the load has to end before its time; None: it goes on."""
        self._readings.append(run_delays_ns([self._pid]))
        first, last = self._readings[0], self._readings[-1]
        self._in_a_second_ns = max(self._in_a_second_ns, _waited_ns(first, last))
        self._in_all_ns = max(self._in_all_ns, _waited_ns(self._first, last))
        self._look_at_cpu()
        after = f"{time.monotonic() - self._started:.1f} s into the load"
        if self._task.cancelled():
            return Failure(code=FailureCode.FAILURE_CODE_CANCELLED, message=f"cancelled {after}")
        if not self._task.server_alive():
            return Failure(code=FailureCode.FAILURE_CODE_DIED, message=f"the server ended {after}")
        return None

    def _look_at_cpu(self) -> None:
        """CPU time as a share of one core, of each second of the load."""
        now, used_ns = time.monotonic(), process_cpu_ns(self._pid)
        began, before_ns = self._second_began
        if now - began < 1 or used_ns is None:
            return
        if began < self._started + self._task.load.duration_seconds:
            self._seconds.append((used_ns - before_ns) / 1e9 / (now - began))
        self._second_began = now, used_ns

    def describe(self, summary: LoadSummary) -> None:
        """Fill in how long the generator waited for a core, and in which seconds it was busy."""
        busy = SATURATION_LIMIT * max(1, summary.generator_cores)
        summary.seconds_seen = len(self._seconds)
        summary.saturated_seconds = sum(share > busy for share in self._seconds)
        summary.generator_run_delay_max_us = self._in_a_second_ns // 1000
        summary.generator_run_delay_seconds = self._in_all_ns / 1e9


def _waited_ns(before: dict[int, int], after: dict[int, int]) -> int:
    """By the thread that waited longest."""
    return max((after[thread] - before.get(thread, 0) for thread in after), default=0)
