"""Waits until the host is idle, so that a start is not measured beside other work."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

IDLE_SHARE = 0.94
# Linux counts in steps of 10 ms a core: on two cores a window of 0.2 s holds 40
# of them, so that one step of noise (2.5 %) does not decide.
WINDOW_SECONDS = 0.2
STEP_SECONDS = 0.05


@dataclass(frozen=True)
class CpuTicks:
    """Time of all cores since boot, in the kernel's ticks; waiting for a disk is idle."""

    idle: int
    total: int


@dataclass(frozen=True)
class Quiet:
    """How the wait ended. `idle_share` is that of its last window, -1 when none was seen."""

    waited_seconds: float
    idle_share: float
    reached: bool


def parse_cpu_ticks(stat: str) -> CpuTicks:
    """The first line of /proc/stat. ValueError when it is another file."""
    label, _, figures = stat.partition("\n")[0].partition(" ")
    values = figures.split()
    if label != "cpu" or len(values) < 5:
        raise ValueError(f"not the text of /proc/stat: {stat[:40]!r}")
    # Time of guests (ninth and tenth) is in user and nice already.
    ticks = [int(value) for value in values[:8]]
    return CpuTicks(idle=ticks[3] + ticks[4], total=sum(ticks))


def read_cpu_ticks() -> CpuTicks:
    """The ticks now."""
    return parse_cpu_ticks(Path("/proc/stat").read_text())


def idle_share(before: CpuTicks, after: CpuTicks) -> float:
    """Share of idle time between two readings, 0 to 1; -1 when no tick lies between."""
    total = after.total - before.total
    return (after.idle - before.idle) / total if total > 0 else -1.0


def wait_until_quiet(
    limit_seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    read: Callable[[], CpuTicks] = read_cpu_ticks,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Quiet:
    """Wait until one window of 0.2 s was at least 94 % idle, `limit_seconds` at most.

    A limit of 0 does not wait and sees nothing. One window is always seen else.
    """
    began = clock()
    share = -1.0
    if limit_seconds <= 0:
        return Quiet(0.0, share, reached=False)
    readings = deque([(began, read())])
    while not cancelled():
        sleep(STEP_SECONDS)
        now, ticks = clock(), read()
        readings.append((now, ticks))
        while now - readings[1][0] >= WINDOW_SECONDS:
            readings.popleft()
        if now - readings[0][0] < WINDOW_SECONDS:
            continue
        share = idle_share(readings[0][1], ticks)
        if share >= IDLE_SHARE or now - began >= limit_seconds:
            return Quiet(now - began, share, reached=share >= IDLE_SHARE)
    return Quiet(clock() - began, share, reached=False)
