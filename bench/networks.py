"""Whether a trial is the same in a network of its own as in the host's (`side_by_side`)."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.side_by_side import Pair, Side, Words, pairs_of, rows_of
from bench.table import BenchRow
from headstart.agent.instances import RuntimeFault
from headstart.v1.experiment_pb2 import Network

_SIDES = (Side(Network.NETWORK_HOST), Side(Network.NETWORK_OWN))
WORDS = Words("a network of its own", "the host's")


def run(quick: bool) -> list[BenchRow]:
    """Six rows; half a minute when quick, else four."""
    try:
        with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
            pairs = list(pairs_of(Path(folder), 8 if quick else 56, _SIDES))
    except RuntimeFault as fault:
        return [BenchRow("a network of its own", f"no engine: {fault.message}", "", "", ok=None)]
    return [*rows_of(WORDS, pairs), _engine_row(pairs)]


def _engine_row(pairs: Sequence[Pair]) -> BenchRow:
    host, own = (
        statistics.median(trial.engine_ms for trial in each) for each in zip(*pairs, strict=True)
    )
    return BenchRow(
        what="the engine's start of a container, outside every figure of the app",
        measured=f"{own:.0f} ms in a network of its own",
        budget="-",
        ratio=f"{own - host:+.0f} ms against the host's ({host:.0f} ms)",
        ok=None,
    )
