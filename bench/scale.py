"""What a collector bears: 1,000 agents by certificates that deliver, come at once, and come back.

The agents are a process of their own (`bench.simulated`); the CPU time is the collector's alone.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from bench.secured import Secured, identity_files, secured
from bench.table import BenchRow
from headstart.v1.experiments_pb2 import SubmitRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from support.attending import EXPERIMENT

AGENTS = 1_000
_FEWER = (250, 500)
_CPU_SHARE = 0.5
_ACK_MS = 200.0
_LATE_MS = 50.0
_STORM_SECONDS = 10.0
_SUBMIT_SECONDS = 2.0
# Of a hello, of four times as many hosts: linear, but for what is beside them.
_LINEAR = 1.5


@dataclass(frozen=True)
class Storm:
    """So many agents came back at once."""

    hosts: int
    seconds: float
    cpu_seconds: float

    @property
    def each_ms(self) -> float:
        """CPU time of the collector for one of them."""
        return 1e3 * self.cpu_seconds / self.hosts


@dataclass(frozen=True)
class Beginning:
    """How agents came for the first time, and got a run each by one submission."""

    came: dict[str, Any]
    answered_seconds: float
    # From the submission until each agent has its lease.
    submission_cpu: float


class Simulated:
    """The process of agents, by its orders."""

    def __init__(self, collector: Secured, process: "subprocess.Popen[str]") -> None:
        self._collector = collector
        self._process = process
        self._answer()

    def order(self, words: str) -> dict[str, Any]:
        """What came of it, with the CPU seconds that the collector took meanwhile."""
        assert self._process.stdin is not None
        before = self._collector.cpu_seconds()
        print(words, file=self._process.stdin, flush=True)
        answer = self._answer()
        return answer | {"cpu_seconds": self._collector.cpu_seconds() - before}

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            # The others' rows are printed all the same.
            raise RuntimeError("the simulated agents ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def simulated(collector: Secured, identities: Path) -> Iterator[Simulated]:
    """Agents that do not attend yet."""
    command = [sys.executable, "-m", "bench.simulated", str(collector.port), str(identities)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Simulated(collector, process)
        finally:
            process.kill()


@contextmanager
def working(count: int, url: str = "") -> Iterator[tuple[Secured, Simulated, "Beginning"]]:
    """A collector with so many agents that attend, each with a run, and how that came.

    `url`: see `secured`.
    """
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as name:
        folder = Path(name)
        identities = identity_files(folder, [f"simulated-{n:04}" for n in range(count)])
        with secured(folder, url) as collector, simulated(collector, identities) as agents:
            came = agents.order("attend")
            cpu_before, began = collector.cpu_seconds(), time.perf_counter()
            submit(collector)
            answered_seconds = time.perf_counter() - began
            agents.order("leased")
            submission_cpu = collector.cpu_seconds() - cpu_before
            yield collector, agents, Beginning(came, answered_seconds, submission_cpu)


def submit(collector: Secured) -> None:
    """A run for each host that is there."""
    request = SubmitRequest(source_text=EXPERIMENT, base_directory="/")
    with grpc.insecure_channel(collector.socket) as channel:
        ExperimentsServiceStub(channel).Submit(request, timeout=60)


def run(quick: bool) -> list[BenchRow]:
    """Six rows; two minutes when quick, else three. An order that takes too long ends it."""
    storms = []
    for count in _FEWER:
        with working(count) as (_, agents, _began):
            agents.order("work 2")
            storms.append(_storm(agents, count))
    with working(AGENTS) as (collector, agents, began):
        agents.order("work 3")
        worked = agents.order(f"work {15 if quick else 60}")
        storms.append(_storm(agents, AGENTS))
        rss = collector.rss_mebibytes()
    return [*_steady(worked, rss), _submitted(began), *_stormy(storms, began.came)]


def _storm(agents: Simulated, count: int) -> Storm:
    found = agents.order("cut")
    return Storm(count, found["seconds"], found["cpu_seconds"])


def _steady(worked: dict[str, Any], rss: float) -> list[BenchRow]:
    share = worked["cpu_seconds"] / worked["seconds"]
    each_us = 1e6 * worked["cpu_seconds"] / worked["acked"]
    late = worked["late_p99_ms"]
    what = f"{AGENTS:,} agents by TLS, a batch a second each"
    return [
        BenchRow(
            f"{what}: CPU of the collector",
            f"{share:.0%} of a core",
            f"<= {_CPU_SHARE:.0%}",
            f"{each_us:.0f} us a batch; {rss:.0f} MiB resident",
            ok=share <= _CPU_SHARE,
        ),
        BenchRow(
            f"{what}: from sending to the ack, p99",
            f"{worked['p99_ms']:.0f} ms (p50 {worked['p50_ms']:.0f}, most {worked['most_ms']:.0f})",
            f"<= {_ACK_MS:.0f} ms",
            f"sent {late:.0f} ms after its time (p99), by the agents' own doing; "
            f"{worked['lost_streams']} streams lost",
            # The agents had no CPU: what they waited for is not the collector's.
            ok=True if worked["p99_ms"] <= _ACK_MS else None if late > _LATE_MS else False,
        ),
    ]


def _submitted(began: Beginning) -> BenchRow:
    return BenchRow(
        f"a submission to {AGENTS:,} hosts that are connected: until it is answered",
        f"{began.answered_seconds:.1f} s",
        f"<= {_SUBMIT_SECONDS:.0f} s",
        f"{began.submission_cpu:.1f} s of CPU until each has its lease",
        ok=began.answered_seconds <= _SUBMIT_SECONDS,
    )


def _stormy(storms: list[Storm], came: dict[str, Any]) -> list[BenchRow]:
    few, most = storms[0], storms[-1]
    ratio = most.each_ms / few.each_ms
    each = ", ".join(f"{storm.each_ms:.2f} ms of {storm.hosts}" for storm in storms)
    return [
        BenchRow(
            f"{AGENTS:,} agents come for the first time, all at once: until each is welcome",
            f"{came['seconds']:.1f} s",
            "-",
            f"{1e3 * came['cpu_seconds'] / AGENTS:.2f} ms of CPU each",
            ok=None,
        ),
        BenchRow(
            f"{AGENTS:,} agents cut at once: until each has an ack again",
            f"{most.seconds:.1f} s",
            f"<= {_STORM_SECONDS:.0f} s",
            f"{most.cpu_seconds:.1f} s of CPU",
            ok=most.seconds <= _STORM_SECONDS,
        ),
        BenchRow(
            "the same of fewer: CPU for each",
            each,
            f"{most.hosts} <= {_LINEAR:g} x {few.hosts}",
            f"{ratio:.2f}",
            ok=ratio <= _LINEAR,
        ),
    ]
