"""How long a person waits for `headstart --help`."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.table import BenchRow

HEADSTART = Path(sys.executable).with_name("headstart")
BUDGET_SECONDS = 0.2


def run(quick: bool) -> list[BenchRow]:
    """Interleaved with a bare interpreter, which is the reference."""
    helps, bares = [], []
    for _ in range(5 if quick else 15):
        helps.append(_seconds([str(HEADSTART), "--help"]))
        bares.append(_seconds([sys.executable, "-c", ""]))
    median = statistics.median(helps)
    return [
        BenchRow(
            what="headstart --help",
            measured=f"{median * 1000:.0f} ms",
            budget=f"<= {BUDGET_SECONDS * 1000:.0f} ms",
            ratio=f"{median / statistics.median(bares):.1f} x `python -c ''`",
            ok=median <= BUDGET_SECONDS,
        )
    ]


def _seconds(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin
