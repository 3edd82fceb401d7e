"""A minute of `make chaos`: every run ends; none is lost, there twice, or wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chaos import Chaos, chaos
from support.counting_server import LOAD

pytestmark = [pytest.mark.alone, pytest.mark.root, pytest.mark.timeout(360)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """To which things happened, and which is well again."""
    folder: Path = tmp_path_factory.mktemp("chaos")
    with chaos(folder, seed=9) as made:
        made.run(seconds=40)
        made.settle(seconds=200)
        yield made


def test_whatever_happens_every_run_ends_and_none_is_lost_twice_or_wrong(fleet: Chaos) -> None:
    verdict = fleet.judge()

    assert verdict.faults == []
    assert verdict.states["done"] >= 2, verdict
    assert verdict.requests > 0


def test_a_record_that_says_otherwise_is_noticed(fleet: Chaos) -> None:
    for record in fleet.records.iterdir():
        with record.open("ab") as file:
            file.write(10 * LOAD)

    verdict = fleet.judge()

    assert len(verdict.wrong) == verdict.trials > 0
