"""What `headstart history` says where no shift is told."""

import pytest

from headstart.cli.history import _no_shift
from headstart.v1.experiments_pb2 import FigureSeries, SeriesPoint


def series(*flagged: bool) -> FigureSeries:
    return FigureSeries(points=[SeriesPoint(flagged=each) for each in flagged])


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([series(False, False)], "no shift was found"),
        (
            [series(True, False), series(True)],
            "no shift was found; 2 of 3 points rest on disturbed trials and are not judged",
        ),
        (
            [series(True, True), series(True)],
            "no shift can be found: all 3 points rest on disturbed trials and are not judged",
        ),
    ],
)
def test_points_that_nobody_judged_are_not_called_steady(
    shown: list[FigureSeries], said: str
) -> None:
    assert _no_shift(shown) == said
