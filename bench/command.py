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
        "command": [str(HEADSTART), "collector", "--help"],
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
            "headstart collector --help",
            statistics.median(times["command"]),
            bare,
            COLLECTOR_BUDGET_SECONDS,
        ),
        # A third of it is SQLAlchemy's, none of it numpy's.
        _row("import of a collector that starts", statistics.median(times["collector"]), bare),
    ]


def _row(what: str, seconds: float, bare: float, budget: float | None = None) -> BenchRow:
    return BenchRow(
        what=what,
        measured=f"{seconds * 1000:.0f} ms",
        budget=f"<= {budget * 1000:.0f} ms" if budget else "-",
        ratio=f"{seconds / bare:.1f} x `python -c ''`",
        ok=seconds <= budget if budget else None,
    )


def _seconds(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin
