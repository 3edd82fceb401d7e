"""What the agent does to an app under load: its throughput beside the sampler, and without.

One server, one generator that never pauses, one agent's part that is stopped and
continued (SIGSTOP, SIGCONT), all in one life. Slices of 0.1 s are taken in fours,
off-on-on-off or on-off-off-on, so that a drift cancels out within each four. Between them
lie fours of the same form in which nothing is continued (A/A): what is found there is the
method's own error.

The measure is answers per second of the server's CPU time: strangers who take its core
do not count, and what the agent may do to it from another core does: caches, locks of
its memory, bandwidth. Wall time stands beside it. The agent's part is a process of its
own with a sampler at 50 Hz whose batches are encoded, compressed and committed to a real
spool once a second, of which it runs a quarter: more of that work than in a trial.
"""

import contextlib
import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.observed import loading, sampling, serving
from bench.table import BenchRow
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.load.h2load import H2load
from headstart.agent.load.wrk import Wrk

EFFECT_SHARE = 0.01
# The interval is narrow enough when it is no wider than this.
_NARROW = 0.8 * EFFECT_SHARE
_SLICE_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """Of the server until now: answers, CPU time and time in ns."""

    answers: int
    cpu_ns: int
    monotonic_ns: int


@dataclass(frozen=True)
class Loss:
    """A share, and where it lies with 95 %."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:+.2%} [{self.low:+.2%}, {self.high:+.2%}]"


# Of one four: answers and time with the sampler, answers and time without.
Four = tuple[float, float, float, float]


def loss_of(fours: Sequence[Four], resamples: int = 2000) -> Loss:
    """1 - rate with / rate without, each rate of all fours' sums; resampled by fours.

    Sums, because a slice in which strangers had the core holds little and says little.
    """
    table = np.array(fours)
    rng = np.random.default_rng(len(fours))
    drawn = table[rng.integers(0, len(table), (resamples, len(table)))].sum(axis=1)
    losses = 1 - (drawn[:, 0] / drawn[:, 1]) / (drawn[:, 2] / drawn[:, 3])
    answers, used, answers_without, used_without = table.sum(axis=0)
    low, high = np.quantile(losses, [0.025, 0.975])
    share = 1 - (answers / used) / (answers_without / used_without)
    return Loss(float(share), float(low), float(high))


def run(quick: bool) -> list[BenchRow]:
    """Two rows; 25 s when quick, else half a minute to four. Nothing without a generator."""
    what = "observer's effect of the agent on an app under load"
    budget = f"< {EFFECT_SHARE:.0%} of its throughput"
    tool = next((driver.name for driver in (Wrk(), H2load()) if driver.version()), None)
    if tool is None:
        return [BenchRow(what, "not measured", budget, "neither h2load nor wrk", None)]
    least, most = (20, 30) if quick else (36, 240)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        pid, port = stack.enter_context(serving())
        stack.enter_context(loading(tool, port))
        agent = stack.enter_context(sampling(pid, Path(folder) / "spool"))
        effect, nothing = Slices(pid, agent), Slices(pid, None)
        for turn in range(most):
            # Which comes first is drawn: strangers have rhythms of their own.
            for slices in random.sample([effect, nothing], 2):
                slices.take(sampled_outside=turn % 2 == 0)
            # By its width alone: to stop when it pleases would bend what is found.
            if turn + 1 >= least and effect.loss().high - effect.loss().low <= _NARROW:
                break
    return _rows(f"{what} ({tool})", budget, effect, nothing)


class Slices:
    """Fours of slices with and without the sampler; without an agent it is never on."""

    def __init__(self, server: int, agent: int | None) -> None:
        self._server = server
        self._agent = agent
        self._by_cpu: list[Four] = []
        self._by_clock: list[Four] = []
        self.shares: list[float] = []

    def take(self, *, sampled_outside: bool) -> None:
        """One four more."""
        order = (True, False, False, True) if sampled_outside else (False, True, True, False)
        sums = {True: np.zeros(3), False: np.zeros(3)}
        for sampled in order:
            sums[sampled] += self._slice(sampled)
        (answers, cpu, wall), (without, cpu_without, wall_without) = sums[True], sums[False]
        self._by_cpu.append((answers, cpu, without, cpu_without))
        self._by_clock.append((answers, wall, without, wall_without))

    def loss(self) -> Loss:
        """Of the answers per second of CPU time."""
        return loss_of(self._by_cpu)

    def loss_by_the_clock(self) -> Loss:
        """Of the answers per second, strangers' doing included."""
        return loss_of(self._by_clock)

    def __len__(self) -> int:
        return len(self._by_cpu)

    def _slice(self, sampled: bool) -> tuple[int, int, int]:
        agent = self._agent if sampled else None
        used = process_cpu_ns(agent) or 0 if agent else 0
        if agent:
            os.kill(agent, signal.SIGCONT)
        before = progress(self._server)
        time.sleep(_SLICE_SECONDS)
        after = progress(self._server)
        wall_ns = after.monotonic_ns - before.monotonic_ns
        if agent:
            os.kill(agent, signal.SIGSTOP)
            self.shares.append(((process_cpu_ns(agent) or 0) - used) / wall_ns)
        return after.answers - before.answers, after.cpu_ns - before.cpu_ns, wall_ns


def progress(pid: int) -> Progress:
    """What a server of ours has done."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    answers = next(int(line.split()[1]) for line in lines if line.startswith("syscw"))
    return Progress(answers, process_cpu_ns(pid) or 0, time.monotonic_ns())


def _rows(what: str, budget: str, effect: Slices, nothing: Slices) -> list[BenchRow]:
    lost, noise = effect.loss(), nothing.loss()
    # Where the method finds 1 % in nothing, nothing is judged.
    sound = abs(noise.share) < EFFECT_SHARE
    return [
        BenchRow(
            what=what,
            measured=f"{lost}, {len(effect)} fours of {_SLICE_SECONDS:g} s",
            budget=budget,
            ratio=f"by wall time {effect.loss_by_the_clock()};"
            f" it took {statistics.mean(effect.shares):.1%} of a core",
            ok=_judged(lost) if sound else None,
        ),
        BenchRow(
            what="the same with no sampler in either (A/A)",
            measured=f"{noise}, {len(nothing)} fours",
            budget="-",
            ratio=f"by wall time {nothing.loss_by_the_clock()}",
            ok=None,
        ),
    ]


def _judged(lost: Loss) -> bool | None:
    """By the whole interval, or not at all."""
    if lost.high < EFFECT_SHARE:
        return True
    return False if lost.low >= EFFECT_SHARE else None
