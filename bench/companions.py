"""Whether an app that does not use its companion is the same as without any (`side_by_side`).

The companion is a server of the same kind that nobody asks: made for the trial, waited for,
and there while the app starts and serves.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.side_by_side import Side, Words, pairs_of, rows_of
from bench.table import BenchRow
from headstart.agent.instances import CompanionSpec, RuntimeFault
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.experiment_pb2 import Companion, CompanionReady, Network, Variant

_PORT = 5432
WORDS = Words("beside a companion that it does not use", "without any")


def run(quick: bool) -> list[BenchRow]:
    """Five rows; half a minute when quick, else five."""
    own = Network.NETWORK_OWN
    sides = (Side(own), Side(own, _idle))
    try:
        with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
            pairs = list(pairs_of(Path(folder), 8 if quick else 56, sides))
    except RuntimeFault as fault:
        return [BenchRow("a companion", f"no engine: {fault.message}", "", "", ok=None)]
    return rows_of(WORDS, pairs)


def _idle(runtime: DockerRuntime, image: str) -> Sequence[CompanionSpec]:
    argv = ["app", str(_PORT), "0", "0", "0"]
    container = Variant(name="beside.db", image=image, entrypoint=argv)
    ready = CompanionReady(port=_PORT, timeout_seconds=30)
    companion = Companion(name="db", container=container, ready=ready)
    return [CompanionSpec(companion, runtime.resolve(container, "/"))]
