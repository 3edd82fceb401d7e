"""Windows of a load."""

import pytest

from headstart.words.windows import windows_of


@pytest.mark.parametrize(
    ("duration", "width", "first_width", "count"),
    [(60, 1, 0.1, 105), (5, 1, 0.1, 50), (2, 1, 1, 2), (86_400, 0.01, 0.01, 8_640_000)],
)
def test_windows_are_fine_in_the_first_five_seconds(
    duration: float, width: float, first_width: float, count: float
) -> None:
    assert windows_of(duration, width, first_width) == pytest.approx(count)
