"""Two kinds of container side by side: both start in each block, then serve a load by turns.

In every block both start against a server that works for 10 ms, in random order; then both
serve a saturating load in turns of 0.3 s, so that what the machine does meanwhile meets
both. A request takes 0.2 ms of the server's CPU, so that it serves some 4,000 a second. The
intervals over blocks are those that verdicts go by.
"""

import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.table import BenchRow
from headstart.agent.instances import CompanionSpec, InstanceSpec
from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadTask
from headstart.agent.load.h2load import H2load
from headstart.agent.policy.policy import Policy
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.runtime import Instance
from headstart.agent.trial.startup import measure_startup
from headstart.collector.analysis.statistics.histogram import (
    Counts,
    counts_of,
    merged,
    quantiles_seconds,
)
from headstart.collector.analysis.statistics.intervals import ratio_interval
from headstart.v1.experiment_pb2 import (
    Check,
    HttpCheck,
    HttpRequest,
    Network,
    Plan,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import FlagEffect
from support.images import image_of
from support.instances import free_port
from support.load_tasks import load_of, request, run_load
from support.truth_server import build_truth_server

MARGIN = 0.02
MARGIN_MS = 0.3
FEWEST_PAIRS = 5
# At the start; ready at once; for a request.
_WORK_MS = ("10", "0", "0.2")
_CONNECTIONS = 8
_TURN_SECONDS = 0.3
# Index of the network whose turn it is: what drifts in a line meets both alike.
_TURNS = (0, 1, 1, 0, 1, 0, 0, 1)
_POLICY = Policy(images=("headstart-bench:*",), networks=("own", "host"))
_CONFIDENCE = 0.95


@dataclass
class Trial:
    """What one container of a block showed."""

    startup_ms: float
    # False: something else disturbed the start.
    valid: bool
    engine_ms: float
    completed: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[Counts] = field(default_factory=list)

    def quantile_ms(self, share: float) -> float:
        """The quantile of the latencies of all its turns."""
        (found,) = quantiles_seconds(merged(self.latencies), [share]) or [math.nan]
        return found * 1e3


# Of the side that the other one is held against, and of the other one.
Pair = tuple[Trial, Trial]


@dataclass(frozen=True)
class Side:
    """How its containers are made; `beside` makes what stands beside them of the image."""

    network: Network.ValueType
    beside: Callable[[DockerRuntime, str], Sequence[CompanionSpec]] = lambda _runtime, _image: ()


@dataclass(frozen=True)
class Words:
    """What the rows are called."""

    # The side that is looked at, and the one that it is held against.
    what: str
    against: str


def rows_of(words: Words, pairs: Sequence[Pair]) -> list[BenchRow]:
    """Startup, throughput, CPU time for a request and latency."""

    def values(take: Callable[[Trial], float]) -> list[tuple[float, float]]:
        return [(take(one), take(other)) for one, other in pairs]

    def cpu_us(trial: Trial) -> float:
        return 1e6 * trial.cpu_seconds / trial.completed

    return [
        _startup_row(words, pairs),
        row(words, "requests/s", "/s", values(lambda trial: trial.completed / trial.seconds)),
        row(words, "CPU time for a request", "us", values(cpu_us)),
        row(words, "latency p50", "ms", values(lambda trial: trial.quantile_ms(0.5))),
        row(words, "latency p99", "ms", values(lambda trial: trial.quantile_ms(0.99))),
    ]


def row(words: Words, what: str, unit: str, pairs: Sequence[tuple[float, float]]) -> BenchRow:
    """A figure of one side against the other's.

    Equivalent when the whole interval is within 2 %, or for times within 0.3 ms;
    different when all of it is beyond; else it is not decided.
    """
    budget = f"within {MARGIN:.0%}" + (f" or {MARGIN_MS} ms" if unit == "ms" else "")
    name = f"{what}, {words.what} against {words.against}"
    if len(pairs) < FEWEST_PAIRS:
        return BenchRow(name, f"{len(pairs)} valid pairs", budget, "", ok=None)
    one, other = np.array(pairs, dtype=np.float64).T
    ratio, interval = ratio_interval(other, one, _CONFIDENCE)
    middle = float(np.median(one))
    assert interval is not None  # there are enough pairs
    allowed = max(MARGIN, MARGIN_MS / middle) if unit == "ms" else MARGIN
    low, high = interval.low - 1, interval.high - 1
    return BenchRow(
        what=name,
        measured=f"{ratio - 1:+.2%} ({low:+.2%} to {high:+.2%}), {len(pairs)} pairs",
        budget=budget,
        ratio=f"{words.against}: {middle:,.4g} {unit}",
        ok=verdict(low, high, allowed),
    )


def verdict(low: float, high: float, allowed: float) -> bool | None:
    """True: the interval of shares is within; False: beyond on one side; None: neither."""
    if -allowed <= low and high <= allowed:
        return True
    return False if low > allowed or high < -allowed else None


def _startup_row(words: Words, pairs: Sequence[Pair]) -> BenchRow:
    """By the pairs that nothing disturbed; where there are too few by all, and not judged."""
    valid = [pair for pair in pairs if all(trial.valid for trial in pair)]
    used = valid if len(valid) >= FEWEST_PAIRS else pairs
    found = row(words, "startup", "ms", [(a.startup_ms, b.startup_ms) for a, b in used])
    if used is valid:
        return found
    return replace(found, measured=f"{found.measured}, {len(valid)} undisturbed", ok=None)


def pairs_of(folder: Path, blocks: int, sides: tuple[Side, Side]) -> Iterator[Pair]:
    """One of each block; RuntimeFault where no engine answers."""
    cpus = sorted(os.sched_getaffinity(0))
    server, load = (str(cpus[0]), str(cpus[-1])) if len(cpus) > 1 else ("", "")
    rng = random.Random(1)  # noqa: S311  # the same order every time
    with ExitStack() as ending:
        runtime = DockerRuntime.connect(folder / "state", _POLICY)
        ending.enter_context(closing(runtime))
        program = build_truth_server(folder)
        image = ending.enter_context(image_of(program, f"headstart-bench:sides-{os.getpid()}"))
        prober = ending.enter_context(closing(Prober(load)))
        for block in range(blocks):
            with ExitStack() as stopping:
                started = {}
                for index in rng.sample(range(len(sides)), len(sides)):
                    side = sides[index]
                    plan = Plan(
                        server_cpus=server, load_cpus=load, quiet_seconds=1, network=side.network
                    )
                    number = 10 * block + index + 1
                    beside = side.beside(runtime, image)
                    started[index] = _start(runtime, image, plan, prober, number, beside, stopping)
                one, other = started[0], started[1]
                whole = all(_load(*(one, other)[turn], load) for turn in _TURNS)
            # A machine that stands still for a whole turn says nothing of either.
            if whole:
                yield one[0], other[0]


def _start(
    runtime: DockerRuntime,
    image: str,
    plan: Plan,
    prober: Prober,
    number: int,
    beside: Sequence[CompanionSpec],
    stopping: ExitStack,
) -> tuple[Trial, Instance, int]:
    """A container that has answered, and its port."""
    port = free_port()
    variant = Variant(name="truth", image=image, entrypoint=["app", str(port), *_WORK_MS])
    ready = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="Hello")
    service = Service(port=port, ready=Check(http=ready), startup_timeout_seconds=30)
    resolved = runtime.resolve(variant, "/")
    if resolved.HasField("failure"):
        raise SystemExit(f"bench of two sides: {resolved.failure.message}")
    instance = runtime.create(InstanceSpec("bench", 1, number, resolved, plan, port, beside=beside))
    stopping.callback(instance.stop)
    outcome = measure_startup(instance, prober, None, service, plan, lambda: False)
    if outcome.failure is not None:
        raise SystemExit(f"bench of two sides: {outcome.failure.message}")
    startup = outcome.startup
    startup_ns = startup.first_correct_response_monotonic_ns - startup.exec_monotonic_ns
    invalid = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
    trial = Trial(
        startup_ms=startup_ns / 1e6,
        valid=all(flag.effect != invalid for flag in outcome.flags),
        engine_ms=(instance.engine_ready_ns - instance.start_call_ns) / 1e6,
    )
    return trial, instance, port


def _load(trial: Trial, instance: Instance, port: int, cpus: str) -> bool:
    """One turn, added to what the trial has; False when no request was answered."""
    driver = H2load() if H2load().version() is not None else Builtin()
    load = load_of(request("/"), connections=_CONNECTIONS, duration_seconds=_TURN_SECONDS)
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    before_ns = process_cpu_ns(instance.pid) or 0
    with tempfile.TemporaryDirectory(dir=shared) as scratch:
        result = run_load(
            driver,
            LoadTask(
                load=load,
                trial=1,
                address=instance.address,
                port=port,
                cpus=cpus,
                scratch=Path(scratch),
                server_alive=lambda: instance.exited() is None,
                cancelled=lambda: False,
                namespace=instance.namespace,
            ),
        )
    summary = result.summary
    if result.failure is not None or not summary.completed:
        print(f"sides: a turn was lost: {result.failure}", file=sys.stderr)
        return False
    server_ns = (process_cpu_ns(instance.pid) or 0) - before_ns
    trial.completed += summary.completed
    trial.seconds += summary.duration_seconds
    trial.cpu_seconds += server_ns / 1e9 + summary.generator_cpu_seconds
    trial.latencies.append(counts_of(summary.latency))
    return True
