"""Snapshots, clones, cut submissions and full disks: every run ends, and none is wrong."""

from pathlib import Path

import pytest

from support.chaos import chaos

pytestmark = [pytest.mark.alone, pytest.mark.root]


@pytest.mark.timeout(240)
def test_whatever_happens_every_run_ends_and_none_is_wrong(tmp_path: Path) -> None:
    with chaos(tmp_path, seed=9) as fleet:
        fleet.run(seconds=40)
        verdict = fleet.judge(fleet.settle(seconds=120))

    assert verdict.wrong == []
    assert verdict.states["done"] >= 2, verdict
    assert verdict.states["incomplete"] == 0, verdict
    assert verdict.requests > 0
