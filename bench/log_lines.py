"""How late the stamp of a worker's line is, against a worker that writes its own clock.

The error is the stamp less the time in the line, which the worker took just before it wrote
it: writing, the pipe, the engine's hands, and the reader's wake-up.
"""

import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from bench.startup import split_cpus
from bench.table import BenchRow, percentile
from headstart.agent.instances import InstanceSpec, RuntimeFault
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Runtime
from headstart.agent.trial.startup import measure_startup
from headstart.v1.experiment_pb2 import Check, Command, LogCheck, Plan, Service, Variant
from headstart.words.flags import FlagCode
from support.images import build_app, image_of
from support.policies import everything_allowed
from support.waiting import wait_until

_SOURCE = Path(__file__).parents[1] / "tests/support/line_worker.c"
_WORK_MS = "20"
_JUDGED_FROM = 10
# Neighbours that keep the worker waiting make no line late.
_OF_THE_READER = {FlagCode.PROBE_ERROR, FlagCode.LOG_BACKLOG}
# In ms, of valid starts: bias, and 95th percentile where all that is late is known.
_BUDGETS = {"process": (0.2, 0.6), "docker": (0.6, math.inf)}
_SERVICE = Service(ready=Check(log=LogCheck(pattern="^ready")), startup_timeout_seconds=30)


def run(quick: bool) -> list[BenchRow]:
    """A row for each runtime; a minute, or less."""
    starts = 15 if quick else 40
    server_cpus, other_cpus = split_cpus()
    if other_cpus:
        os.sched_setaffinity(0, other_cpus)
    load_cpus = ",".join(map(str, sorted(other_cpus)))
    plan = Plan(server_cpus=server_cpus, load_cpus=load_cpus, quiet_seconds=2)
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder,
        closing(Prober(load_cpus)) as prober,
    ):
        for runtime, variant in _runtimes(Path(folder)):
            found = [_measure(runtime, variant, plan, prober, n) for n in range(1, starts + 1)]
            rows.append(_row(runtime.name, found))
    return rows


def _measure(
    runtime: Runtime, variant: Variant, plan: Plan, prober: Prober, number: int
) -> tuple[float, bool]:
    """The error of one start in ms, and whether the reader itself has nothing against it."""
    resolved = runtime.resolve(variant, "/")
    if resolved.HasField("failure"):
        raise SystemExit(f"log bench: {resolved.failure.message}")
    instance = runtime.create(InstanceSpec("bench", 1, number, resolved, plan, 0))
    try:
        outcome = measure_startup(instance, prober, None, _SERVICE, plan, lambda: False)
        if outcome.failure is not None:
            raise SystemExit(f"log bench: {outcome.failure.message}")
        # The engine's log comes later than what it sends on.
        wait_until(lambda: "ready" in instance.output_tail())
        told = re.search(r"ready (\d+)", instance.output_tail())
    finally:
        instance.stop()
    if told is None:
        raise SystemExit("log bench: the worker's line is not what it was")
    error_ns = outcome.startup.first_correct_response_monotonic_ns - int(told[1])
    return error_ns / 1e6, not {flag.code for flag in outcome.flags} & _OF_THE_READER


def _row(runtime: str, found: list[tuple[float, bool]]) -> BenchRow:
    valid = [error for error, is_valid in found if is_valid]
    bias_budget, p95_budget = _BUDGETS[runtime]
    what = f"line of a worker's log, {runtime}"
    budget = f"bias <= {bias_budget} ms"
    if math.isfinite(p95_budget):
        budget += f", p95 <= {p95_budget} ms"
    if len(valid) < _JUDGED_FROM:
        measured = f"{len(valid)} of {len(found)} valid"
        return BenchRow(what, measured, budget, "the worker's own clock", None)
    bias, p95 = percentile(valid, 0.5), percentile(valid, 0.95)
    measured = f"bias {bias:.2f} ms, p95 {p95:.2f} ms, {len(valid)} of {len(found)} valid"
    is_good = bias <= bias_budget and p95 <= p95_budget
    return BenchRow(what, measured, budget, "the worker's own clock", is_good)


def _runtimes(folder: Path) -> Iterator[tuple[Runtime, Variant]]:
    program = build_app(folder, _SOURCE)
    policy = everything_allowed()
    with closing(ProcessRuntime(folder / "state", policy)) as processes:
        command = Command(argv=[str(program), _WORK_MS], working_directory="/")
        yield processes, Variant(name="worker", command=command)
    with (
        suppress(RuntimeFault),
        closing(DockerRuntime.connect(folder / "state", policy)) as containers,
        image_of(program, f"headstart-bench:lines-{os.getpid()}") as image,
    ):
        yield containers, Variant(name="worker", image=image, entrypoint=["app", _WORK_MS])
