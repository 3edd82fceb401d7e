"""Starts beside a process that keeps a core busy: by how much CPU time grows, and what is decided.

The bounds of a disturbed start (docs/METHODOLOGY.md, Bounds) take for granted that neighbours
make its CPU time grow by less than `CPU_GROWTH`. That is measured here with a Python server,
whose work is the same every time, beside one that copies memory on another CPU, which shares
caches and memory with it, and beside one on its own. Then a server of 10 ms is held against
one of 50 ms on a CPU that a third process keeps busy.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.table import BenchRow, percentile
from headstart.agent.instances import InstanceSpec
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.trial.startup import measure_startup
from headstart.collector.analysis.trials.bounds import CPU_GROWTH
from headstart.collector.analysis.trials.figures import Reading, readings_of
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.verdict.comparison import compare
from headstart.collector.findings import Verdict
from headstart.v1.experiment_pb2 import (
    Check,
    Command,
    HttpCheck,
    HttpRequest,
    Plan,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import TrialOutcome
from headstart.words import metrics
from support.policies import everything_allowed
from support.running import free_port
from support.truth_server import build_truth_server

_SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b"Hello, World!")
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
_COPIES = "block = bytearray(64 << 20)\nwhile True: copy = bytes(block)"
_SPINS = "while True: pass"
_BLOCKS = 10
_RESAMPLES = 1000
_DECIDED = 0.95
_CROWDED = 0.6


def run(quick: bool) -> list[BenchRow]:
    """Two rows; two minutes."""
    cpus = sorted(os.sched_getaffinity(0))
    own, other = cpus[0], cpus[-1]
    if own != other:
        os.sched_setaffinity(0, {other})
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="headstart-bench-")))
        starts = ending.enter_context(_starts(folder, own, other))
        return [
            _growth(starts, folder, 8 if quick else 25),
            _decided(starts, folder, 20 if quick else 60),
        ]


@contextmanager
def _starts(folder: Path, own: int, other: int) -> Iterator["_Host"]:
    runtime = ProcessRuntime(folder / "state", everything_allowed())
    prober = Prober(str(other))
    try:
        yield _Host(runtime, prober, own, other)
    finally:
        prober.close()
        runtime.close()


class _Host:
    """Starts programs as processes on one CPU; the prober has another."""

    def __init__(self, runtime: ProcessRuntime, prober: Prober, own: int, other: int) -> None:
        self.own, self.other = own, other
        self._runtime, self._prober = runtime, prober
        self._plan = Plan(server_cpus=str(own), load_cpus=str(other))
        self._trials = 0

    @contextmanager
    def neighbour(self, code: str, cpu: int) -> Iterator[None]:
        """A process that keeps a CPU busy."""
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            os.sched_setaffinity(process.pid, {cpu})
            try:
                yield
            finally:
                process.kill()

    def start(self, name: str, argv: list[str], block: int = 1) -> TrialOutcome:
        """One start, as a trial's outcome has it; the port is the argument after `argv`."""
        port = free_port()
        self._trials += 1
        words = [word.replace("PORT", str(port)) for word in argv]
        resolved = self._runtime.resolve(Variant(name=name, command=Command(argv=words)), "/")
        ready = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="Hello")
        service = Service(port=port, ready=Check(http=ready), startup_timeout_seconds=30)
        spec = InstanceSpec("bench", 1, self._trials, resolved, self._plan, port)
        instance = self._runtime.create(spec)
        try:
            found = measure_startup(
                instance, self._prober, None, service, self._plan, lambda: False
            )
        finally:
            instance.stop()
        if found.failure is not None:
            raise SystemExit(f"disturbed bench: {found.failure.message}")
        return TrialOutcome(
            trial=self._trials, block=block, variant=name, startup=found.startup, flags=found.flags
        )


def _growth(host: _Host, folder: Path, rounds: int) -> BenchRow:
    """By turns, so that what else the host does falls on all of them."""
    program = folder / "server.py"
    program.write_text(_SERVER)
    argv = [sys.executable, "-I", str(program), "PORT"]
    places = {"alone": None, "beside": host.other, "on the same CPU": host.own}
    used: dict[str, list[float]] = {place: [] for place in places}
    for _ in range(rounds):
        for place in random.sample(list(places), len(places)):
            with ExitStack() as ending:
                if (cpu := places[place]) is not None:
                    ending.enter_context(host.neighbour(_COPIES, cpu))
                used[place].append(host.start("server", argv).startup.disturbance.cpu_seconds)
    alone = statistics.median(used["alone"])
    grown = {place: [each / alone for each in found] for place, found in used.items()}
    p95 = {place: percentile(found, 0.95) for place, found in grown.items()}
    words = "; ".join(
        f"{place} {statistics.median(found):.2f}, p95 {p95[place]:.2f}"
        for place, found in grown.items()
    )
    return BenchRow(
        what="CPU time of a start beside a process that copies memory",
        measured=f"{words} x the median alone, {rounds} starts each",
        budget=f"p95 <= {CPU_GROWTH:g}",
        ratio=f"{alone * 1e3:.0f} ms alone",
        ok=max(p95["beside"], p95["on the same CPU"]) <= CPU_GROWTH,
    )


def _decided(host: _Host, folder: Path, blocks_measured: int) -> BenchRow:
    """Runs of ten blocks, drawn from blocks that were measured."""
    program = str(build_truth_server(folder))
    blocks: list[tuple[Reading, Reading]] = []
    lost: list[float] = []
    with host.neighbour(_SPINS, host.own):
        for block in range(1, blocks_measured + 1):
            trials = [
                Trial(host.start(name, [program, "PORT", name], block)) for name in ("10", "50")
            ]
            found, _ = readings_of(trials, {}, load_planned=False)
            quicker, slower = (found[metrics.STARTUP.name, name][0] for name in ("10", "50"))
            blocks.append((quicker, slower))
            lost.append(_waited_share(trials[1].outcome, slower.value))
    verdicts = [_verdict(random.sample(blocks, _BLOCKS)) for _ in range(_RESAMPLES)]
    decided = verdicts.count(Verdict.BETTER) / len(verdicts)
    wrong = sum(v in (Verdict.WORSE, Verdict.EQUIVALENT) for v in verdicts)
    flagged = sum(reading.bounds is not None for pair in blocks for reading in pair)
    unbounded = sum(not reading.counts for pair in blocks for reading in pair)
    width = statistics.median(1 - slower.low / slower.high for _, slower in blocks)
    return BenchRow(
        what=f"10 against 50 ms of work on a busy CPU, {_BLOCKS} blocks",
        measured=(
            f"decided in {decided:.1%} of {_RESAMPLES} draws, wrongly in {wrong};"
            f" {flagged} of {2 * len(blocks)} starts disturbed, {unbounded} without bounds"
        ),
        budget=f"decided in >= {_DECIDED:.0%}, wrongly in none",
        ratio=(
            f"of the slower others had {statistics.median(lost):.0%} and bounds leave {width:.0%}"
            " open, medians"
        ),
        ok=_judged(decided, wrong, statistics.median(lost)),
    )


def _waited_share(outcome: TrialOutcome, measured: float) -> float:
    """Of a start, what others can have had at most: its wait, without what CPU time grows by."""
    return min(1.0, outcome.startup.disturbance.waited_seconds / measured)


def _judged(decided: float, wrong: int, lost: float) -> bool | None:
    """A budget that is met is met; one missed is not judged where the CPU was too crowded.

    One neighbour takes half of a CPU; where others took more there were more of them.
    """
    if wrong:
        return False
    if decided >= _DECIDED:
        return True
    return None if lost > _CROWDED else False


def _verdict(drawn: list[tuple[Reading, Reading]]) -> Verdict:
    quicker, slower = zip(*drawn, strict=True)
    return compare(
        metrics.STARTUP, "10", "50", list(quicker), list(slower), margin=0.05, confidence=0.95
    ).verdict
