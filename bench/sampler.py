"""What the sampler costs, what it does to the app beside it, and how true it is.

Every figure is compared within one run, in alternating blocks, since this
machine may have other work: the sampler with a bare loop of psutil's
`memory_info`, a worker with the sampler beside it and without.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.table import BenchRow
from headstart.agent.host.advice import kernel_version
from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.runtimes.process_cgroup import CgroupParent
from headstart.agent.sampling.memory import read_status
from headstart.agent.sampling.sampler import Sampler
from headstart.v1.records_pb2 import Phase
from support.programs import puppet

INTERVAL_SECONDS = 0.02
COST_SHARE = 0.01
EFFECT_SHARE = 0.01
PEAK_SHARE = 0.01
_MEBIBYTES = 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Samples a process for as many seconds as each line says; prints its own share of a core.
_SAMPLING = """
import json, sys, time
from pathlib import Path
import psutil
from headstart.agent.runtimes.runtime import Cgroup
from headstart.agent.sampling.sampler import Sampler
pid, how, interval, folders = json.loads(sys.argv[1])
group = Cgroup(folders[0], *map(Path, folders[1:])) if folders else None
for line in sys.stdin:
    seconds = float(line)
    if how == "sampler":
        sampler = Sampler(1, lambda: [pid], group, interval, lambda batch: None)
        before = time.process_time()
        sampler.start(time.monotonic_ns())
        time.sleep(seconds)
        sampler.stop()
    else:
        process = psutil.Process(pid)
        before, began = time.process_time(), time.monotonic()
        for slot in range(1, round(seconds / interval) + 1):
            time.sleep(max(began + slot * interval - time.monotonic(), 0))
            process.memory_info()
    print((time.process_time() - before) / seconds, flush=True)
"""


def run(quick: bool) -> list[BenchRow]:
    """Four rows; 20 s when quick, else a minute."""
    sampler, bare = cost(blocks=2 if quick else 5, seconds=2 if quick else 3)
    pairs = 10 if quick else 40
    lost, noise = effect(pairs, sampled=True), effect(pairs, sampled=False)
    pages = high_water_error_pages(rounds=2 if quick else 5)
    peak = peak_error(rounds=1 if quick else 5)
    return [
        BenchRow(
            what="sampler at 50 Hz, of a process of 100 MB and 21 threads",
            measured=f"{sampler:.2%} of a core",
            budget=f"<= {COST_SHARE:.0%} of a core",
            ratio=f"{sampler / bare:.2f} x a bare loop of psutil's memory_info",
            ok=sampler <= COST_SHARE,
        ),
        BenchRow(
            what="observer's effect of it on throughput",
            measured=f"{lost:+.2%}",
            budget=f"< {EFFECT_SHARE:.0%}",
            ratio=f"without any sampler {noise:+.2%}",
            # A method whose noise is as large as the budget judges nothing.
            ok=lost < EFFECT_SHARE if abs(noise) < EFFECT_SHARE else None,
        ),
        BenchRow(
            what=f"VmHWM of {_MEBIBYTES} MiB still in use",
            measured=f"{pages} pages off",
            budget="exact (Linux >= 6.17)",
            ratio=f"{pages * _PAGE_BYTES / (_MEBIBYTES << 20):.3%} of it",
            ok=pages == 0 if kernel_version(platform.release()) >= (6, 17) else None,
        ),
        BenchRow(
            what="peak at 50 Hz of a plateau of 1 s",
            measured=f"{peak:.2%} off",
            budget=f"<= {PEAK_SHARE:.0%}",
            ratio="against VmHWM",
            ok=peak <= PEAK_SHARE,
        ),
    ]


class SamplingChild:
    """A process that does nothing but sample another one, for some seconds at a time."""

    def __init__(self, pid: int, how: str, group: Cgroup | None) -> None:
        folders = (
            [group.version, *map(str, (group.memory, group.cpu, group.pids))] if group else None
        )
        arguments = json.dumps([pid, how, INTERVAL_SECONDS, folders])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SAMPLING, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def begin(self, seconds: float) -> None:
        """Sample from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def share(self) -> float:
        """Wait for its end; the share of a core that it took."""
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def sample(self, seconds: float) -> float:
        """Begin and wait."""
        self.begin(seconds)
        return self.share()

    def close(self) -> None:
        """Kill and reap it."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def sampling(pid: int, how: str, group: Cgroup | None) -> Iterator[SamplingChild]:
    """`how`: "sampler" or "psutil". It is warm when it is handed out."""
    child = SamplingChild(pid, how, group)
    try:
        child.sample(0.1)
        yield child
    finally:
        child.close()


@contextmanager
def grouped(pid: int) -> Iterator[Cgroup | None]:
    """A control group around a process, where this host lets us make one."""
    parent = CgroupParent.open(f"headstart-bench-{os.getpid()}")
    if parent is None:
        yield None
        return
    group = parent.group("sampled")
    group.make()
    try:
        group.place(pid)
        yield group.facts
    finally:
        group.remove()
        parent.close()


def cost(blocks: int, seconds: float) -> tuple[float, float]:
    """Shares of a core: of the sampler, and of a bare loop of psutil's memory_info."""
    shares: dict[str, list[float]] = {"sampler": [], "psutil": []}
    with ExitStack() as stack:
        target = stack.enter_context(puppet())
        target.tell("threads(20)")
        target.tell(f"touch({_MEBIBYTES})")
        group = stack.enter_context(grouped(target.pid))
        children = {how: stack.enter_context(sampling(target.pid, how, group)) for how in shares}
        for _ in range(blocks):
            for how, child in children.items():
                shares[how].append(child.sample(seconds))
    return statistics.median(shares["sampler"]), statistics.median(shares["psutil"])


def effect(pairs: int, *, sampled: bool, seconds: float = 0.2) -> float:
    """Relative loss of a worker's throughput through a sampler on another CPU.

    Work done per second of the worker's CPU time, so that strangers who take its
    CPU do not count; what the sampler may do to it from another CPU is in it:
    locks of its memory, caches, memory bandwidth. Median over pairs of
    neighbouring blocks whose order alternates, so that a drift cancels out.
    Not `sampled`: both blocks without, which shows the noise of the method.
    """
    cpus = sorted(os.sched_getaffinity(0))
    ratios = []
    with ExitStack() as stack:
        target = stack.enter_context(puppet())
        os.sched_setaffinity(target.pid, {cpus[-1]})
        target.tell(f"touch({_MEBIBYTES})")
        group = stack.enter_context(grouped(target.pid))
        sampler = stack.enter_context(sampling(target.pid, "sampler", group))
        os.sched_setaffinity(sampler.pid, {cpus[0]})
        for pair in range(pairs):
            rates = {}
            for beside in (False, True) if pair % 2 else (True, False):
                if beside and sampled:
                    sampler.begin(seconds)
                rates[beside] = float(target.tell(f"work({seconds})"))
                if beside and sampled:
                    sampler.share()
            ratios.append(rates[True] / rates[False])
    return 1 - statistics.median(ratios)


def high_water_error_pages(rounds: int) -> int:
    """Largest error of VmHWM for memory that is still in use when it is read."""
    errors = []
    for _ in range(rounds):
        with puppet() as target:
            target.tell("touch(1)")
            before = read_status(target.pid)
            target.tell(f"touch({_MEBIBYTES})")
            after = read_status(target.pid)
            assert before is not None
            assert after is not None
            grown = after.high_water_bytes - before.high_water_bytes
            errors.append(abs(grown - (_MEBIBYTES << 20)) // _PAGE_BYTES)
    return max(errors)


def peak_error(rounds: int) -> float:
    """Largest relative error of the sampler's peak against VmHWM."""
    errors = []
    for _ in range(rounds):
        with puppet() as target:
            pids = [target.pid]
            sampler = Sampler(1, pids.copy, None, INTERVAL_SECONDS, lambda _: None)
            sampler.start(time.monotonic_ns())
            target.tell(f"(touch({_MEBIBYTES}), time.sleep(1), free())")
            exact = read_status(target.pid)
            sampler.stop()
            assert exact is not None
            sampled = sampler.peak_rss(Phase.PHASE_STARTUP)
            errors.append(abs(sampled / exact.high_water_bytes - 1))
    return max(errors)
