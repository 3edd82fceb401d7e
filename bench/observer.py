"""What the agent does to an app under load: throughput beside its sampler, and without.

In pairs of neighbouring blocks whose order alternates, so that a drift cancels
out. The agent's part is a process of its own with a sampler at 50 Hz whose
batches are encoded, compressed and committed to a real spool, as in a trial.
Server on the first CPU, generator and agent on the last, as a host of two has it.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.table import BenchRow
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.h2load import H2load
from headstart.agent.load.watch import cpu_seconds_of
from headstart.agent.load.wrk import Wrk
from support.load_server import Server, serving
from support.load_tasks import load_of, task_of

EFFECT_SHARE = 0.01
_SERVER_CPU = min(os.sched_getaffinity(0))
_LOAD_CPU = max(os.sched_getaffinity(0))

# Samples and spools between a line and the next; says its share of a core.
_AGENT = """
import json, sys, time
from pathlib import Path
from headstart.agent.sampler import Sampler
from headstart.agent.spool import Spool
from headstart.agent.wire import envelope_of
pid, folder = json.loads(sys.argv[1])
spool = Spool(Path(folder))
for _ in sys.stdin:
    sampler = Sampler(
        1, lambda: [pid], None, 0.02, lambda batch: spool.append(envelope_of(batch, "bench", 1))
    )
    began, used = time.monotonic(), time.process_time()
    sampler.start(time.monotonic_ns())
    print("on", flush=True)
    sys.stdin.readline()
    sampler.stop()
    print((time.process_time() - used) / (time.monotonic() - began), flush=True)
spool.close()
"""


def run(quick: bool) -> list[BenchRow]:
    """One row; 20 s when quick, else 50 s. Without h2load and wrk nothing is judged."""
    driver: LoadDriver | None = next((d for d in (H2load(), Wrk()) if d.version()), None)
    what = "observer's effect of the agent on an app under load"
    budget = f"< {EFFECT_SHARE:.0%} of its throughput"
    if driver is None:
        return [BenchRow(what, "not measured", budget, "neither h2load nor wrk", None)]
    pairs = 8 if quick else 20
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(server.process.pid, {_SERVER_CPU})
        with agent(server, Path(folder) / "spool") as process:
            losses, shares = effect(driver, server, process, pairs)
            noise, _ = effect(driver, server, None, pairs)
    lost, error = statistics.median(losses), standard_error(losses)
    without = f"{statistics.median(noise):+.2%} +- {standard_error(noise):.2%}"
    return [
        BenchRow(
            what=f"{what} ({driver.name})",
            measured=f"{lost:+.2%} +- {error:.2%}",
            budget=budget,
            ratio=f"without any agent {without}; it took {statistics.median(shares):.1%} of a core",
            # Where the method's own error is as large as the budget, nothing is judged.
            ok=lost < EFFECT_SHARE if error < EFFECT_SHARE else None,
        )
    ]


def effect(
    driver: LoadDriver, server: Server, agent_process: "subprocess.Popen[str] | None", pairs: int
) -> tuple[list[float], list[float]]:
    """Relative losses by pairs, and the agent's shares of a core.

    A saturated server's throughput is what it does with its CPU time: strangers who
    take its core do not count, and what the agent may do to it from another core
    does: caches, locks of its memory, bandwidth.
    """
    losses, shares = [], []
    for pair in range(pairs):
        rates = {}
        for beside in (False, True) if pair % 2 else (True, False):
            if beside and agent_process is not None:
                say(agent_process)
            rates[beside] = rate(driver, server)
            if beside and agent_process is not None:
                shares.append(float(say(agent_process)))
        losses.append(1 - rates[True] / rates[False])
    return losses, shares


def rate(driver: LoadDriver, server: Server) -> float:
    """Answers per second of the server's CPU time."""
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    load = load_of(connections=16, duration_seconds=1, driver=driver.name)
    pid = server.process.pid
    with tempfile.TemporaryDirectory(dir=shared) as scratch:
        used = cpu_seconds_of(pid)
        summary = driver.run(task_of(load, server.port, Path(scratch), cpus=str(_LOAD_CPU))).summary
        used = cpu_seconds_of(pid) - used
    return summary.completed / used


@contextlib.contextmanager
def agent(server: Server, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A sampler with its spool, on the generator's CPU; it waits for a line."""
    arguments = json.dumps([server.process.pid, str(folder)])
    process = subprocess.Popen(
        [sys.executable, "-c", _AGENT, arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(process.pid, {_LOAD_CPU})
    try:
        # Once for nothing, so that it is warm.
        say(process)
        time.sleep(0.2)
        say(process)
        yield process
    finally:
        process.kill()
        process.communicate()


def say(process: "subprocess.Popen[str]") -> str:
    """Turn the sampler on or off; what it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


def standard_error(values: list[float]) -> float:
    """Of the median, as of a normal distribution."""
    return 1.253 * statistics.stdev(values) / len(values) ** 0.5
