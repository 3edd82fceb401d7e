"""How long a person waits for `headstart --help`, and what a collector imports to start."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.table import BenchRow

HEADSTART = Path(sys.executable).with_name("headstart")
BUDGET_SECONDS = 0.2
COLLECTOR_BUDGET_SECONDS = 0.3


def run(quick: bool) -> list[BenchRow]:
    """Interleaved with a bare interpreter, which is the reference."""
    commands = {
        "help": [str(HEADSTART), "--help"],
        "collector": [sys.executable, "-c", "import headstart.collector.server"],
        "bare": [sys.executable, "-c", ""],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(5 if quick else 15):
        for name, argv in commands.items():
            times[name].append(_seconds(argv))
    bare = statistics.median(times["bare"])
    return [
        _row("headstart --help", statistics.median(times["help"]), bare, BUDGET_SECONDS),
        _row(
            "import of the collector, without statistics",
            statistics.median(times["collector"]),
            bare,
            COLLECTOR_BUDGET_SECONDS,
        ),
    ]


def _row(what: str, seconds: float, bare: float, budget: float) -> BenchRow:
    return BenchRow(
        what=what,
        measured=f"{seconds * 1000:.0f} ms",
        budget=f"<= {budget * 1000:.0f} ms",
        ratio=f"{seconds / bare:.1f} x `python -c ''`",
        ok=seconds <= budget,
    )


def _seconds(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin
