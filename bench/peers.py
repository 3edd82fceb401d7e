"""Beside other tools: one server that knows its own times, started and measured as others do.

In one run, by turns in random order: from the call that starts it to its first log line
(as one waits for a line of `docker logs`), from the call to the first 200 of a request
every 10 ms, and our startup; and 100 MiB that a server wrote, by the engine's stats call
and by what we read. Others start on the host's network, without a port mapping of the
engine between, and ask while the call that starts it still runs: as fast as they can be.
"""

import http.client
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import docker

from bench.peers_rows import COLUMNS, Method
from bench.startup import measure, split_cpus
from bench.startup_rows import Trial
from bench.table import BenchRow, print_cells
from headstart.agent.instances import RuntimeFault
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Runtime
from headstart.agent.sampling.memory import ProcessStatus, read_status
from headstart.v1.experiment_pb2 import Command, Plan, Variant
from support.images import build_app, image_of
from support.policies import everything_allowed
from support.truth_server import Truth, build_truth_server, parse_truth
from support.waiting import wait_until

WORK_MS = 50
MEBIBYTES = 100
_POLL_SECONDS = 0.01
_TRIES = 60
_MEMORY_APP = Path(__file__).parents[1] / "tests" / "support" / "memory_app.c"
# Trials below which nothing is judged.
_JUDGED_FROM = 8
_LOG = "start call to the first log line"
_POLL = "start call to the first 200, a request every 10 ms"
_OWN = "Headstart: gate to the first correct response"
_FLAGGED = "Headstart, invalid trials too"
_STATS = "the engine's stats call"
_RSS = "Headstart: RSS of /proc"
_PEAK = "Headstart: VmHWM"


def run(quick: bool) -> list[BenchRow]:
    """A row for each subject; half a minute when quick, else two and a half."""
    deadline = time.monotonic() + (25 if quick else 140)
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder, ExitStack() as stack:
        cells, methods = _cells(Path(folder), stack)
        rng = random.Random(os.urandom(8))  # noqa: S311
        for _ in range(_TRIES):
            for cell in rng.sample(cells, len(cells)):
                cell()
            if time.monotonic() > deadline:
                break
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"`python -m bench peers{' --quick' if quick else ''}`, {day}:\n", flush=True)
    print_cells(COLUMNS, [each.cells() for each in methods if each.figures])
    print(flush=True)
    subjects = dict.fromkeys(each.subject for each in methods)
    return [_row([each for each in methods if each.subject == subject]) for subject in subjects]


def _row(methods: list[Method]) -> BenchRow:
    """Ours needs no more trials than any of the others."""
    ours = [each for each in methods if each.how in (_OWN, _RSS, _PEAK)]
    others = [each for each in methods if not each.how.startswith("Headstart")]
    fewest = min(len(each.figures) for each in [*ours, *others])
    if fewest < 2:
        return BenchRow(methods[0].subject, "too few trials", "", "", ok=None)
    most, least = (
        pick(each.trials_needed for each in side) for pick, side in ((max, ours), (min, others))
    )
    return BenchRow(
        what=f"trials to tell 5 %, {methods[0].subject}",
        measured=f"{most}",
        budget="<= those of any other method",
        ratio="; ".join(f"{each.trials_needed:,} by {each.how}" for each in others),
        ok=most <= least if fewest >= _JUDGED_FROM else None,
    )


def _cells(folder: Path, stack: ExitStack) -> tuple[list[Callable[[], None]], list[Method]]:
    """What a block consists of, and what it fills."""
    server_cpus, other_cpus = split_cpus()
    load_cpus = ",".join(map(str, sorted(other_cpus)))
    plan = Plan(server_cpus=server_cpus, load_cpus=load_cpus, quiet_seconds=2)
    connector = ProcConnector.open()
    if connector is not None:
        stack.callback(connector.close)
    prober = stack.enter_context(closing(Prober(load_cpus)))
    cells: list[Callable[[], None]] = []
    methods: list[Method] = []
    for runtime, variant in _runtimes(folder, stack):
        subject = f"start of {WORK_MS} ms, {'container' if variant.image else 'process'}"
        line, poll, own, flagged = (
            Method(subject, how, "ms") for how in (_LOG, _POLL, _OWN, _FLAGGED)
        )
        methods += [line, poll, own, flagged]
        start = partial(measure, runtime, variant, plan, prober, connector, WORK_MS)
        cells += [
            partial(_by_line, line, variant),
            partial(_by_request, poll, variant),
            partial(_by_us, own, flagged, start, other_cpus),
        ]
    if any("container" in each.subject for each in methods):
        program = build_app(folder, _MEMORY_APP)
        image = stack.enter_context(image_of(program, f"headstart-bench-memory:{os.getpid()}"))
        what = f"{MEBIBYTES} MiB written, container"
        memory = [Method(what, how, "MiB") for how in (_STATS, _RSS, _PEAK)]
        methods += memory
        cells.append(partial(_memory, memory, image))
    return cells, methods


def _runtimes(folder: Path, stack: ExitStack) -> Iterator[tuple[Runtime, Variant]]:
    """Processes, and containers where an engine answers, with the server as their variant."""
    program = build_truth_server(folder)
    processes = ProcessRuntime(folder / "state", everything_allowed())
    stack.callback(processes.close)
    yield processes, Variant(name="truth", command=Command(argv=[str(program)]))
    with suppress(RuntimeFault):
        containers = DockerRuntime.connect(folder / "state", everything_allowed())
        stack.callback(containers.close)
        image = stack.enter_context(image_of(program, f"headstart-bench:{os.getpid()}"))
        yield containers, Variant(name="truth", image=image, entrypoint=["app"])


def _by_line(into: Method, variant: Variant) -> None:
    """As one waits for a line of the log."""
    with _started(variant) as (started, port):
        called_ns = time.monotonic_ns()
        started.start()
        started.first_line()
        seen_ns = time.monotonic_ns()
        wait_until(lambda: _answers(port))
        _add(into, seen_ns - called_ns, started)


def _by_request(into: Method, variant: Variant) -> None:
    """A request every 10 ms from the call on, until one is answered with 200."""
    with _started(variant) as (started, port):
        call = threading.Thread(target=started.start)
        called_ns = time.monotonic_ns()
        call.start()
        due = called_ns / 1e9
        while not _answers(port):
            due = max(due + _POLL_SECONDS, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        seen_ns = time.monotonic_ns()
        call.join()
        _add(into, seen_ns - called_ns, started)


def _add(into: Method, taken_ns: int, started: "_Started") -> None:
    """The figure and what the server says of itself: from its main until it listens."""
    told: list[Truth] = []

    def has_told() -> bool:
        truth = parse_truth(started.output())
        told.extend([truth] if truth else [])
        return bool(told)

    wait_until(has_told)
    into.figures.append((taken_ns / 1e6, (told[0].listen_ns - told[0].main_ns) / 1e6))


def _by_us(
    own: Method, flagged: Method, start: Callable[[int], Trial], other_cpus: set[int]
) -> None:
    """Our own measure, from the cores that are not the server's, as an agent does."""
    all_cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, other_cpus or all_cpus)
    try:
        trial = start(len(flagged.figures) + 1)
    finally:
        os.sched_setaffinity(0, all_cpus)
    figure = (trial.startup_ms, trial.startup_ms - trial.error_ms - trial.exec_to_main_ms)
    flagged.figures.append(figure)
    if trial.valid:
        own.figures.append(figure)


def _memory(methods: Sequence[Method], image: str) -> None:
    """One container, read in each way in random order."""
    port = _free_port()
    with closing(_Container(image, [f"touch={MEBIBYTES}", f"serve={port}"])) as started:
        started.start()
        wait_until(lambda: _answers(port))
        readings: list[Callable[[], float]] = [
            started.stats_bytes,
            lambda: _status(started.pid()).rss_bytes,
            lambda: _status(started.pid()).high_water_bytes,
        ]
        pairs = list(zip(methods, readings, strict=True))
        for method, reading in random.sample(pairs, len(pairs)):
            method.figures.append((reading() / 2**20, MEBIBYTES))


def _status(pid: int) -> ProcessStatus:
    status = read_status(pid)
    assert status is not None, "the server ended"
    return status


class _Started(Protocol):
    """What others start."""

    def start(self) -> None:
        """The call whose begin is their begin."""

    def first_line(self) -> None:
        """Return when it has come."""

    def output(self) -> str:
        """All of it until now."""

    def close(self) -> None:
        """Kill and remove it."""


class _Container:
    """Created before the call; on the host's network."""

    def __init__(self, image: str, arguments: Sequence[str]) -> None:
        self._client = docker.APIClient()
        self._id = self._client.create_container(
            image,
            command=["app", *arguments],
            host_config=self._client.create_host_config(network_mode="host"),
        )["Id"]

    def start(self) -> None:
        self._client.start(self._id)

    def first_line(self) -> None:
        next(iter(self._client.logs(self._id, stream=True, follow=True)))

    def output(self) -> str:
        return str(self._client.logs(self._id).decode())

    def pid(self) -> int:
        """Its process on the host."""
        return int(self._client.inspect_container(self._id)["State"]["Pid"])

    def stats_bytes(self) -> float:
        """As `docker stats` has it: usage less the page cache that is not in use."""
        told = self._client.stats(self._id, stream=False, one_shot=True)["memory_stats"]
        cache = told["stats"].get("total_inactive_file", told["stats"].get("inactive_file", 0))
        return float(told["usage"] - cache)

    def close(self) -> None:
        self._client.remove_container(self._id, force=True)
        self._client.close()


class _Process:
    """A child with a pipe."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, text=True)

    def first_line(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._lines.append(self._process.stdout.readline())

    def output(self) -> str:
        self.first_line()
        return "".join(self._lines)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def _started(variant: Variant) -> Iterator[tuple[_Started, int]]:
    """The server that says when it listens, not started yet."""
    port = _free_port()
    arguments = [str(port), str(WORK_MS), "0", "0", "logs"]
    started: _Started = (
        _Container(variant.image, arguments)
        if variant.image
        else _Process([*variant.command.argv, *arguments])
    )
    with closing(started):
        yield started, port


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    """One request on a connection of its own, as clients that poll do."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1)) as client:
        try:
            client.request("GET", "/")
            return client.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
