"""What the load generators can be trusted with.

On two CPUs: the server on the first, the generator on the last. Lateness is set
against that of a bare timer on the generator's CPU.
"""

import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.table import BenchRow, percentile
from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.h2load import H2load
from headstart.agent.load.h2load_log import LogTally
from headstart.agent.load.windows import edges_us
from headstart.agent.load.wrk import Wrk
from headstart.agent.probe.readings import run_delays_ns
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import LoadSummary
from support.load_server import STALL_EVERY_SECONDS, STALL_SECONDS, Server, serving
from support.load_tasks import load_of, request, run_load, share_above, task_of

RATE = 2000.0
LATENESS_US = 1000
_BLOCKS = 5
# Of a load that server or generator waited for a CPU that something else had;
# above it nothing is said of the generator.
QUIET_SHARE = 0.01
STALLED = STALL_SECONDS / (STALL_EVERY_SECONDS + STALL_SECONDS)
STALLED_MARGIN = 0.02
LOG_SECONDS = 2.0
BEGIN_SECONDS = 0.02
T = TypeVar("T")
_CONNECTIONS = 16
_SERVER_CPU = min(os.sched_getaffinity(0))
_LOAD_CPU = max(os.sched_getaffinity(0))

# Sleeps on a grid of 0.5 ms, as a generator of 2,000 requests/s must; lateness in us.
_TIMER = """
import select, sys, time
begun = time.monotonic_ns()
for turn in range(int(sys.argv[1])):
    due = begun + turn * 500_000
    while (left := due - time.monotonic_ns()) > 0:
        select.select((), (), (), left / 1e9)
    print((time.monotonic_ns() - due) // 1000)
"""


def run(quick: bool) -> list[BenchRow]:
    """Eight rows; 22 s when quick, else 42 s. Those of h2load and wrk where they are installed."""
    seconds = 3.0 if quick else 6.0
    rows = [lateness(seconds), coordinated_omission(seconds)]
    if H2load().version() is not None:
        rows += [sums(H2load(), seconds / 2), begin(H2load())]
    if Wrk().version() is not None:
        rows.append(sums(Wrk(), 2.0, "stall"))
    return [
        *rows,
        begin(Builtin()),
        cost(seconds / 2),
        log_reading(250_000 if quick else 1_000_000),
    ]


def lateness(seconds: float) -> BenchRow:
    """How late an open loop sends."""
    load = load_of(
        rate_per_second=RATE, connections=_CONNECTIONS, duration_seconds=seconds / _BLOCKS
    )
    blocks = [(apply(Builtin(), load), timer_lateness_us()) for _ in range(_BLOCKS)]
    quiet = [block for block in blocks if block[0].waited <= QUIET_SHARE]
    measured = percentile([run.summary.send_lateness_p99_us for run, _ in quiet or blocks], 0.5)
    timer = percentile([timer for _, timer in quiet or blocks], 0.5)
    return BenchRow(
        what=f"builtin at {RATE:,.0f} requests/s, open loop: lateness of a send, p99",
        measured=f"{measured:.0f} us ({len(quiet)} quiet blocks of {_BLOCKS})",
        budget=f"<= {LATENESS_US} us",
        ratio=f"{measured / max(1, timer):.1f} x a bare timer ({timer:.0f} us)",
        ok=measured <= LATENESS_US if quiet else None,
    )


def coordinated_omission(seconds: float) -> BenchRow:
    """How much of a server's stall is seen: 200 ms after every second, at 2,000 requests/s."""
    # Whole periods, so that the share does not depend on where the phase ends.
    period = STALL_EVERY_SECONDS + STALL_SECONDS
    duration = math.ceil(seconds / period) * period
    stated = {"connections": _CONNECTIONS, "duration_seconds": duration, "rate_per_second": RATE}
    run = apply(Builtin(), load_of(**stated), "stall")
    measured = share_above(run.summary.latency, 10_000)
    right = abs(measured - STALLED) <= STALLED_MARGIN
    ratio = "h2load is not installed"
    if H2load().version() is not None:
        other = apply(H2load(), load_of(driver="h2load", **stated), "stall").summary.latency
        ratio = f"h2load --rps: {share_above(other, 10_000):.1%}"
    return BenchRow(
        what="requests over 10 ms when 200 ms of every 1.2 s are a stall (coordinated omission)",
        measured=f"{measured:.1%}",
        budget=f"{STALLED:.1%} +- {STALLED_MARGIN:.0%}",
        ratio=ratio,
        # A server that waits for its CPU takes longer to answer what the stall held up.
        ok=True if right else False if run.waited <= QUIET_SHARE else None,
    )


def sums(driver: LoadDriver, seconds: float, behaviour: str = "normal") -> BenchRow:
    """Whether the latencies hold every request that the generator itself counted, and no other.

    Those of wrk after what it made up of a server's stalls was taken back.
    """
    load = load_of(connections=_CONNECTIONS, duration_seconds=seconds, driver=driver.name)
    summary = apply(driver, load, behaviour).summary
    held = sum(summary.latency.count)
    return BenchRow(
        what=f"{driver.name}: requests in the histograms of the windows",
        measured=f"{held:,}",
        budget=f"as many as {driver.name} counts",
        ratio=f"{held / max(1, summary.driver_completed):.6f} x its own sum",
        ok=held == summary.driver_completed > 0,
    )


def begin(driver: LoadDriver) -> BenchRow:
    """From the call to the first request, with what is prepared before the app starts."""
    begins, prepared = zip(*(begin_seconds(driver) for _ in range(5)), strict=True)
    measured = percentile(begins, 0.5)
    return BenchRow(
        what=f"{driver.name}: from the call to the first request, median of 5",
        measured=f"{measured * 1e3:.1f} ms",
        budget=f"<= {BEGIN_SECONDS * 1e3:.0f} ms",
        ratio=f"preparing takes {percentile(prepared, 0.5) * 1e3:.0f} ms before the app starts",
        ok=measured <= BEGIN_SECONDS,
    )


def cost(seconds: float) -> BenchRow:
    """CPU of the generator for a request; what it costs decides how far it can go."""
    load = load_of(connections=_CONNECTIONS, duration_seconds=seconds)
    own = cpu_us(apply(Builtin(), load))
    ratio = "h2load is not installed"
    if H2load().version() is not None:
        other = cpu_us(apply(H2load(), load))
        ratio = f"{own / other:.1f} x h2load ({other:.0f} us)"
    if Wrk().version() is not None:
        whole = load_of(connections=_CONNECTIONS, duration_seconds=2, driver="wrk")
        ratio += f"; wrk takes {cpu_us(apply(Wrk(), whole)):.0f} us"
    return BenchRow(
        what="builtin, closed loop: CPU time of the generator for a request",
        measured=f"{own:.0f} us",
        budget="<= 100 us (5,000 requests/s on half a core)",
        ratio=ratio,
        ok=own <= 100,
    )


def log_reading(lines: int) -> BenchRow:
    """Reading h2load's log, for a million requests."""
    rng = random.Random(1)  # noqa: S311  # the same log every time
    start = 1_795_437_116_000_000
    pieces = [
        b"".join(b"%d\t200\t%d\n" % (start + 30 * n, rng.randrange(100, 2000)) for n in part)
        for part in (range(at, at + 700) for at in range(0, lines, 700))
    ]
    tally = LogTally(edges_us(Load(duration_seconds=30 * lines / 1e6)), 200)
    began = time.process_time()
    for piece in pieces:
        tally.add(piece)
    took = (time.process_time() - began) * 1e6 / lines
    began = time.process_time()
    for piece in pieces:
        piece.split()
    split = (time.process_time() - began) * 1e6 / lines
    return BenchRow(
        what="reading a log of h2load of a million requests",
        measured=f"{took:.2f} s",
        budget=f"<= {LOG_SECONDS:g} s",
        ratio=f"{took / split:.1f} x splitting its lines",
        ok=took <= LOG_SECONDS,
    )


@dataclass(frozen=True)
class Run:
    """A load, and the share of it that server or generator waited for their CPUs."""

    summary: LoadSummary
    waited: float


def apply(driver: LoadDriver, load: Load, behaviour: str = "normal") -> Run:
    """One load on a server of its own."""

    def measure(server: Server, scratch: Path) -> Run:
        before = sum(run_delays_ns([server.process.pid]).values())
        task = task_of(load, server.port, scratch, cpus=str(_LOAD_CPU))
        summary = run_load(driver, task).summary
        server_waited = (sum(run_delays_ns([server.process.pid]).values()) - before) / 1e9
        waited = max(server_waited, summary.generator_run_delay_seconds)
        return Run(summary, waited / summary.duration_seconds)

    return with_server(behaviour, measure)


def with_server(behaviour: str, measure: Callable[[Server, Path], T]) -> T:
    """What `measure` finds with a server on its CPU and a folder on tmpfs."""
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with serving(behaviour) as server, tempfile.TemporaryDirectory(dir=shared) as scratch:
        os.sched_setaffinity(server.process.pid, {_SERVER_CPU})
        return measure(server, Path(scratch))


def begin_seconds(driver: LoadDriver) -> tuple[float, float]:
    """From the call to the first request, and what preparing took."""

    def measure(server: Server, scratch: Path) -> tuple[float, float]:
        load = load_of(request(), duration_seconds=0.05)
        began = time.monotonic_ns()
        prepared = driver.prepare(task_of(load, server.port, scratch, cpus=str(_LOAD_CPU)))
        called = time.monotonic_ns()
        result = prepared.run()
        prepared.close()
        first = result.summary.origin_monotonic_ns
        return (first - called) / 1e9, (called - began) / 1e9

    return with_server("normal", measure)


def cpu_us(run: Run) -> float:
    """CPU time for a completed request, in us."""
    return run.summary.generator_cpu_seconds * 1e6 / max(1, run.summary.completed)


def timer_lateness_us(seconds: float = 0.5) -> float:
    """How late a timer wakes on the generator's CPU, p99."""
    process = subprocess.Popen(
        [sys.executable, "-c", _TIMER, str(int(seconds * RATE))], stdout=subprocess.PIPE, text=True
    )
    os.sched_setaffinity(process.pid, {_LOAD_CPU})
    output, _ = process.communicate()
    return percentile([int(line) for line in output.split()], 0.99)
