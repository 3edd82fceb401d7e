"""How many more blocks a gate is said to take, against how many it does take."""

import numpy as np
import pytest

from headstart.collector.analysis.statistics.intervals import ratio_interval
from headstart.collector.analysis.verdict.gates import count_for

_BOUND = 1.05


def reach(ratio: float, noise: float, blocks: int, rng: np.random.Generator) -> tuple[float, float]:
    """The distance of a ratio from the bound, and how far its interval reaches there; logs."""
    host = np.exp(rng.normal(0, 0.3, blocks))
    baseline, variant = host * np.exp(rng.normal(0, noise, (2, blocks)))
    found, interval = ratio_interval(ratio * variant, baseline, 0.95)
    assert interval is not None
    return float(np.log(found / _BOUND)), float(np.log(found / interval.low))


@pytest.mark.parametrize(("blocks", "noise"), [(4, 0.04), (8, 0.06), (15, 0.08)])
def test_about_half_of_the_runs_are_decided_after_so_many_blocks_more(
    blocks: int, noise: float
) -> None:
    rng = np.random.default_rng(blocks)
    found = [reach(1.1, noise, blocks, rng) for _ in range(150)]
    true_distance = np.log(1.1 / _BOUND)
    typical = float(np.median([of_run for _, of_run in found]))

    needed = count_for(blocks, float(true_distance / typical), 0.95)

    assert needed is not None
    decided = [
        distance > own for distance, own in (reach(1.1, noise, needed, rng) for _ in range(200))
    ]
    assert 0.35 <= np.mean(decided) <= 0.7
