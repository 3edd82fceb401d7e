"""The CPU-time clock that Linux keeps for each process."""

import time


def process_cpu_ns(pid: int) -> int | None:
    """CPU time of a process with all its threads since its start; None when it ended.

    Its CPU-time clock costs one system call of 0.3 us and counts nanoseconds,
    where /proc/<pid>/stat costs ten times that and counts in steps of 10 ms.
    The clock's id: Linux, include/linux/posix-timers.h, make_process_cpuclock
    with CPUCLOCK_SCHED.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return None
