"""How wrong a measured startup is, against a server that knows its own times.

The error is the measured startup less what it ought to be: the time from the
exec to main (real startup, which no method could avoid) and the server's work,
that is, until it listens. What is left is the method's: to notice that it
listens, to connect, to ask, to be answered.
"""

import os
import socket
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.table import BenchRow, percentile
from headstart.agent.docker_runtime import DockerRuntime
from headstart.agent.policy import Policy
from headstart.agent.prober import Prober
from headstart.agent.proc_connector import ProcConnector
from headstart.agent.process_runtime import ProcessRuntime
from headstart.agent.runtime import Instance, InstanceSpec, Runtime, RuntimeFault
from headstart.agent.startup import measure_startup
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
from support.truth_server import Truth, build_truth_server, parse_truth
from support.waiting import wait_until

WORK_MS = (0, 10, 50, 500)
BIAS_MS = 0.3
ERROR_MS = 1.0
AGREEMENT_MS = 0.5


@dataclass(frozen=True)
class Trial:
    """Times in ms. `apart_ms`: the kernel's exec stamp after the gate's; None: not seen."""

    startup_ms: float
    error_ms: float
    exec_to_main_ms: float
    apart_ms: float | None
    valid: bool


def run(quick: bool) -> list[BenchRow]:
    """One row for each runtime and each amount of work."""
    count = 5 if quick else 20
    server_cpus, other_cpus = _split_cpus()
    if other_cpus:
        os.sched_setaffinity(0, other_cpus)
    load_cpus = ",".join(map(str, sorted(other_cpus)))
    plan = Plan(server_cpus=server_cpus, load_cpus=load_cpus, quiet_seconds=2)
    connector = ProcConnector.open()
    prober = Prober(load_cpus)
    rows = []
    try:
        with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
            for runtime, variant in _runtimes(Path(folder)):
                for work_ms in WORK_MS:
                    trials = [
                        _measure(runtime, variant, work_ms, number, plan, prober, connector)
                        for number in range(1, count + 1)
                    ]
                    rows.append(_row(runtime.name, work_ms, trials))
    finally:
        prober.close()
        if connector is not None:
            connector.close()
    return rows


def _split_cpus() -> tuple[str, set[int]]:
    """A core for the server, the others for all else; nothing pinned where there is one."""
    cpus = sorted(os.sched_getaffinity(0))
    return (str(cpus[0]), set(cpus[1:])) if len(cpus) > 1 else ("", set())


def _runtimes(folder: Path) -> Iterator[tuple[Runtime, Variant]]:
    program = build_truth_server(folder)
    processes = ProcessRuntime(folder / "state", Policy.local())
    try:
        yield processes, Variant(name="truth", command=Command(argv=[str(program)]))
    finally:
        processes.close()
    try:
        containers = DockerRuntime.connect(folder / "state", Policy.local())
    except RuntimeFault:
        return
    try:
        with image_of(program, f"headstart-bench:{os.getpid()}") as image:
            yield containers, Variant(name="truth", image=image, entrypoint=["app"])
    finally:
        containers.close()


def _measure(
    runtime: Runtime,
    template: Variant,
    work_ms: int,
    number: int,
    plan: Plan,
    prober: Prober,
    connector: ProcConnector | None,
) -> Trial:
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


def _row(runtime: str, work_ms: int, trials: list[Trial]) -> BenchRow:
    valid = [trial for trial in trials if trial.valid]
    judged = valid or trials
    errors = [trial.error_ms for trial in judged]
    bias, p95 = statistics.median(errors), percentile(errors, 0.95)
    apart = [trial.apart_ms for trial in trials if trial.apart_ms is not None]
    agree = f"{sum(a <= AGREEMENT_MS for a in apart) / len(apart):.0%}" if apart else "not heard"
    exec_to_main = statistics.median(trial.exec_to_main_ms for trial in judged)
    return BenchRow(
        what=f"startup of a {work_ms} ms server, {runtime}",
        measured=(
            f"bias {bias:.3f} ms, p95 error {p95:.3f} ms, sd {statistics.pstdev(errors):.3f}"
            f" ms, exec to main {exec_to_main:.2f} ms; valid {len(valid)}/{len(trials)},"
            f" kernel agrees {agree}"
        ),
        budget=f"bias <= {BIAS_MS} ms, p95 error <= {ERROR_MS:g} ms",
        ratio=f"bias {bias / statistics.median(t.startup_ms for t in judged):.2%} of the startup",
        ok=bias <= BIAS_MS and p95 <= ERROR_MS if len(valid) > 1 else None,
    )
