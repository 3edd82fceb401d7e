import pytest

from headstart.words.looks import until_look


@pytest.mark.parametrize(
    ("done", "maximum", "look"),
    [
        (1, 0, 10),
        (5, 0, None),
        (6, 0, 10),
        (10, 0, None),
        (12, 0, 15),
        (16, 18, 18),
        (18, 18, None),
        (30, 0, None),
    ],
)
def test_a_run_is_looked_at_after_its_pilot_at_its_looks_and_at_its_end(
    done: int, maximum: int, look: int | None
) -> None:
    assert until_look(done, maximum) == look
