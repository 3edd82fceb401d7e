"""Kills, snapshots, clones, cut submissions and full disks, by the servers' own record.

The long form of tests/test_chaos.py: every run ends, and none that is DONE is wrong.
"""

import os
import tempfile
from pathlib import Path

from bench.table import BenchRow
from support.chaos import chaos

_SECONDS = 300.0
_QUICK_SECONDS = 60.0
_SETTLE_SECONDS = 300.0
_SEEDS = (1, 2, 3)


def run(quick: bool) -> list[BenchRow]:
    """A fleet for each seed. Needs root: disks that fill up are mounted."""
    if os.geteuid() != 0:
        return [BenchRow("chaos: runs that ended wrong", "needs root", "0", "", ok=None)]
    return [
        _row(seed, _QUICK_SECONDS if quick else _SECONDS) for seed in _SEEDS[: 1 if quick else 3]
    ]


def _row(seed: int, seconds: float) -> BenchRow:
    with tempfile.TemporaryDirectory() as folder, chaos(Path(folder), seed, hosts=3) as fleet:
        fleet.run(seconds)
        try:
            verdict = fleet.judge(fleet.settle(_SETTLE_SECONDS))
        except TimeoutError as error:
            return BenchRow(f"chaos, seed {seed}", str(error), "every run ends", "", ok=False)
    for fault in verdict.wrong:
        print(fault)
    ended = ", ".join(f"{count} {state}" for state, count in verdict.states.most_common())
    happened = sum(verdict.done.values())
    return BenchRow(
        f"chaos, seed {seed}: {happened} faults, {verdict.trials} trials, "
        f"{verdict.requests} requests",
        f"{ended}; {len(verdict.wrong)} wrong",
        "0 wrong",
        "",
        ok=not verdict.wrong and not verdict.states["incomplete"],
    )
