"""Load drivers against a server that logs its own times.

Every driver in each way that it can apply a load, by the agent's own code: what it counts in a
window against what the server answered in the same time, its latencies against the server's.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from bench.drivers_rows import QUIET_SHARE, Block, Served, latency_row, windows_row
from bench.table import BenchRow
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.table import DRIVERS, refusal
from headstart.agent.probe.readings import run_delays_ns
from headstart.v1.experiment_pb2 import HttpVersion, Load
from support.certificates import self_signed
from support.load_tasks import load_of, task_of, windows_of
from support.logging_server import (
    LoggingServer,
    build_logging_server,
    can_tls,
    logging_server,
)

CONNECTIONS = 8
# Of an open loop: slow enough that a connection is always free.
RATE = 1000.0
# An answer takes 2 ms, one of 50 takes 6 ms, so that p99 has a value of its own.
SERVICE = (2000, 50, 6000)
_SECONDS = 2.0
_QUIET_LOADS = 5
_SERVER_CPU = min(os.sched_getaffinity(0))
_LOAD_CPU = max(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Subject:
    """A driver and the load that it applies."""

    driver: LoadDriver
    load: Load

    @property
    def name(self) -> str:
        """For a row."""
        loop = f"open loop, {RATE:,.0f}/s" if self.load.rate_per_second else "closed loop"
        http = "HTTP/2" if self.load.http_version == HttpVersion.HTTP_VERSION_2 else "HTTP/1.1"
        http += " over TLS" if self.load.tls else ""
        return f"{self.driver.name}, {loop}, {http}"


def run(quick: bool) -> list[BenchRow]:
    """Two rows for each driver and load; half a minute when quick, else at most two and a half.

    On a host with other work it goes on with those that have had few quiet loads.
    """
    deadline = time.monotonic() + (25 if quick else 135)
    every = list(subjects(_SECONDS))
    blocks: dict[str, list[Block]] = {each.name: [] for each in every}
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
        program = build_logging_server(Path(folder))
        while left := [each for each in every if not _enough(blocks[each.name], quick)]:
            for each in random.sample(left, len(left)):
                blocks[each.name].append(block(each, program))
            if time.monotonic() > deadline:
                break
    return [
        row(name, found) for row in (windows_row, latency_row) for name, found in blocks.items()
    ]


def _enough(found: Sequence[Block], quick: bool) -> bool:
    return sum(block.waited <= QUIET_SHARE for block in found) >= (1 if quick else _QUIET_LOADS)


def subjects(seconds: float) -> Iterator[Subject]:
    """By the words' table, of the drivers that are installed."""
    versions = (HttpVersion.HTTP_VERSION_1_1, HttpVersion.HTTP_VERSION_2)
    for driver in (driver for driver in DRIVERS if driver.version() is not None):
        for tls, http, rate in product((False, True)[: 1 + can_tls()], versions, (0.0, RATE)):
            load = load_of(
                driver=driver.name,
                connections=CONNECTIONS,
                duration_seconds=seconds,
                first_window_seconds=1.0,
                window_seconds=1.0,
                rate_per_second=rate,
                http_version=http,
                tls=tls,
            )
            if refusal(driver, load) is None:
                yield Subject(driver, load)


def block(subject: Subject, program: Path) -> Block:
    """One load on a server of its own."""
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=shared) as folder,
        logging_server(
            program,
            Path(folder),
            SERVICE,
            _SERVER_CPU,
            self_signed(program.parent) if subject.load.tls else None,
        ) as server,
    ):
        task = task_of(subject.load, server.port, Path(folder), cpus=str(_LOAD_CPU))
        before = _waited_ns(server)
        with closing(subject.driver.prepare(task)) as prepared:
            result = prepared.run()
        waited = (_waited_ns(server) - before) / 1e9
        assert result.failure is None, result.failure.message
        summary = result.summary
        return Block(
            windows=windows_of(result),
            summary=summary,
            served=_of_the_driver(server, summary.bodies_checked),
            waited=max(waited, summary.generator_run_delay_seconds) / summary.duration_seconds,
        )


def _of_the_driver(server: LoggingServer, bodies_checked: int) -> Served:
    """Without what a second client asked beside it and afterwards, on a connection of its own.

    That is known by its number of answers; another one of as many would leave out as many.
    """
    served = server.served()
    if bodies_checked:
        ids, counts = np.unique(served["connection"], return_counts=True)
        nearest = ids[np.argmin(np.abs(counts - bodies_checked))]
        served = served[served["connection"] != nearest]
    order = np.argsort(served["answered_ns"])
    answered = served["answered_ns"][order]
    return Served(answered, answered - served["read_ns"][order])


def _waited_ns(server: LoggingServer) -> int:
    return sum(run_delays_ns([server.process.pid]).values())
