"""How wrong a measured startup is, against a server that knows its own times.

The error is the measured startup less what it ought to be: the time from the
exec to main (real startup, which no method could avoid) and the server's work,
that is, until it listens. What is left is the method's: to notice that it
listens, to connect, to ask, to be answered.
"""

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.startup_rows import Row, Trial, agreement_row, startup_row
from bench.table import BenchRow
from headstart.agent.instances import InstanceSpec, RuntimeFault
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Instance, Runtime
from headstart.agent.trial.startup import measure_startup
from headstart.v1.experiment_pb2 import (
    Check,
    Command,
    HttpCheck,
    HttpRequest,
    Plan,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import FlagEffect
from support.images import image_of
from support.policies import everything_allowed
from support.truth_server import Truth, build_truth_server, parse_truth
from support.waiting import wait_until

WORK_MS = (0, 10, 50, 500)
# Below so many valid trials a row is not judged.
JUDGED_FROM = 10


@dataclass(frozen=True)
class Effort:
    """How long a row is tried: until `valid` trials, or `tries`, or the runtime's time is over."""

    valid: int
    tries: int
    seconds: float


def run(quick: bool) -> list[BenchRow]:
    """A row for each runtime and amount of work, and one for all stamps of the exec.

    Two minutes on a quiet machine, four on a busy one.
    """
    effort = Effort(valid=5, tries=10, seconds=30) if quick else Effort(20, 60, 120)
    server_cpus, other_cpus = split_cpus()
    if other_cpus:
        os.sched_setaffinity(0, other_cpus)
    load_cpus = ",".join(map(str, sorted(other_cpus)))
    plan = Plan(server_cpus=server_cpus, load_cpus=load_cpus, quiet_seconds=2)
    connector = ProcConnector.open()
    prober = Prober(load_cpus)
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
            for runtime, variant in _runtimes(Path(folder)):
                rows += _try(
                    runtime.name,
                    effort,
                    partial(measure, runtime, variant, plan, prober, connector),
                )
    finally:
        prober.close()
        if connector is not None:
            connector.close()
    judged_from = min(JUDGED_FROM, effort.valid)
    return [*(startup_row(row, judged_from) for row in rows), agreement_row(rows)]


def _try(runtime: str, effort: Effort, start: Callable[[int, int], Trial]) -> list[Row]:
    """By turns, so that a busy minute does not fall on one row alone."""
    rows = [Row(runtime, work_ms, []) for work_ms in WORK_MS]
    deadline = time.monotonic() + effort.seconds
    number = 0
    while time.monotonic() < deadline:
        short = [
            row for row in rows if len(row.valid) < effort.valid and len(row.trials) < effort.tries
        ]
        if not short:
            break
        for row in short:
            number += 1
            row.trials.append(start(row.work_ms, number))
    return rows


def split_cpus() -> tuple[str, set[int]]:
    """A core for the server, the others for all else; nothing pinned where there is one."""
    cpus = sorted(os.sched_getaffinity(0))
    return (str(cpus[0]), set(cpus[1:])) if len(cpus) > 1 else ("", set())


def _runtimes(folder: Path) -> Iterator[tuple[Runtime, Variant]]:
    program = build_truth_server(folder)
    processes = ProcessRuntime(folder / "state", everything_allowed())
    try:
        yield processes, Variant(name="truth", command=Command(argv=[str(program)]))
    finally:
        processes.close()
    try:
        containers = DockerRuntime.connect(folder / "state", everything_allowed())
    except RuntimeFault:
        return
    try:
        with image_of(program, f"headstart-bench:{os.getpid()}") as image:
            yield containers, Variant(name="truth", image=image, entrypoint=["app"])
    finally:
        containers.close()


def measure(
    runtime: Runtime,
    template: Variant,
    plan: Plan,
    prober: Prober,
    connector: ProcConnector | None,
    work_ms: int,
    number: int,
) -> Trial:
    """One start of a server that works for `work_ms`, by the code of a trial."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    variant = Variant()
    variant.CopyFrom(template)
    argv = variant.command.argv if variant.HasField("command") else variant.entrypoint
    argv.extend([str(port), str(work_ms)])
    resolved = runtime.resolve(variant, "/")
    if resolved.HasField("failure"):
        raise SystemExit(f"startup bench: {resolved.failure.message}")
    ready = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="Hello")
    service = Service(port=port, ready=Check(http=ready), startup_timeout_seconds=30)
    instance = runtime.create(InstanceSpec("bench", 1, number, resolved, plan, port))
    try:
        outcome = measure_startup(instance, prober, connector, service, plan, lambda: False)
        if outcome.failure is not None:
            raise SystemExit(f"startup bench: {outcome.failure.message}")
        truth = _truth(instance)
    finally:
        instance.stop()
    stamps = outcome.startup
    kernel_ns = stamps.exec_kernel_monotonic_ns
    invalid = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
    return Trial(
        startup_ms=(stamps.first_correct_response_monotonic_ns - stamps.exec_monotonic_ns) / 1e6,
        error_ms=(stamps.first_correct_response_monotonic_ns - truth.listen_ns) / 1e6,
        exec_to_main_ms=(truth.main_ns - stamps.exec_monotonic_ns) / 1e6,
        apart_ms=(kernel_ns - stamps.exec_monotonic_ns) / 1e6 if kernel_ns else None,
        valid=all(flag.effect != invalid for flag in outcome.flags),
    )


def _truth(instance: Instance) -> Truth:
    """What the server printed, once the engine has it."""
    told: list[Truth] = []

    def has_told() -> bool:
        truth = parse_truth(instance.output_tail())
        told.extend([truth] if truth else [])
        return bool(told)

    wait_until(has_told)
    return told[0]
