"""A minute of `make chaos`: every run ends; none is lost, there twice, or wrong."""

from pathlib import Path

import pytest

from support.chaos import chaos

pytestmark = [pytest.mark.alone, pytest.mark.root]


@pytest.mark.timeout(240)
def test_whatever_happens_every_run_ends_and_none_is_lost_twice_or_wrong(tmp_path: Path) -> None:
    with chaos(tmp_path, seed=9) as fleet:
        fleet.run(seconds=40)
        verdict = fleet.settle(seconds=120)

    assert verdict.faults == []
    assert verdict.states["done"] >= 2, verdict
    assert verdict.requests > 0
