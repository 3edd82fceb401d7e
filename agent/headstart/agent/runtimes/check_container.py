"""A container with tests, run to its end beside an instance of the app, in the app's network."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from headstart.agent.deadline import Deadline
from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.http.container_checks import KEPT_OUTPUT_BYTES, ContainerEnded
from headstart.agent.instances import ExitFacts, RuntimeFault, was_cancelled
from headstart.agent.runtimes.docker_instance import DockerInstance
from headstart.agent.runtimes.junit_files import NoResults, read_results
from headstart.v1.experiment_pb2 import ContainerCheck, Network
from headstart.v1.records_pb2 import FailureCode

_LOOK_SECONDS = 0.05
_DEFAULT_SECONDS = 300.0


def run_to_end(
    engine: Engine,
    spec: ContainerSpec,
    folder: Path,
    check: ContainerCheck,
    app_lives: Callable[[], bool],
) -> ContainerEnded:
    """Start it, wait for its end or the end of its time, read what it left, and remove it.

    RuntimeFault when it could not be made or its program not started. An app that ends takes it
    along: what is left of its tests says nothing.
    """
    # Whoever runs in it is asked nothing, so that nobody enters its network.
    instance = DockerInstance(engine, spec, folder, "", Network.NETWORK_HOLDER)
    try:
        instance.open_gate()
        facts, why = _wait(engine, instance, check.timeout_seconds or _DEFAULT_SECONDS, app_lives)
        if reason := instance.with_exec_error(""):
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_ENGINE,
                f"{spec.name} could not be started: {reason.strip()}",
            )
        output = engine.output_bytes(instance.container, KEPT_OUTPUT_BYTES)
        if facts is None:
            return ContainerEnded(None, why, output)
        if (limit := facts.limit()) is not None and facts.status != check.exit_status:
            return ContainerEnded(None, f"killed: {limit[1]}", output)
        ended = ContainerEnded(facts.status, output=output)
        return _with_results(ended, engine, instance, check.junit) if check.junit else ended
    finally:
        instance.stop()


def _wait(
    engine: Engine, instance: DockerInstance, seconds: float, app_lives: Callable[[], bool]
) -> tuple[ExitFacts | None, str]:
    """How it ended; else it was killed, and why."""
    deadline = Deadline(seconds)
    while (facts := instance.exited()) is None:
        if engine.cancelled.wait(_LOOK_SECONDS):
            raise was_cancelled()
        if not app_lives():
            why = "killed, since the app had ended"
        elif deadline.passed():
            why = f"still running after {seconds:g} s, killed"
        else:
            continue
        instance.kill()
        return None, why
    return facts, ""


def _with_results(
    ended: ContainerEnded, engine: Engine, instance: DockerInstance, path: str
) -> ContainerEnded:
    """With what it left of its tests, or why that cannot be read."""
    try:
        found = read_results(engine, instance.container, path, engine.cancelled.is_set)
    except NoResults as none:
        if engine.cancelled.is_set():
            raise was_cancelled() from none
        return replace(ended, unread=str(none))
    return replace(ended, report=found)
