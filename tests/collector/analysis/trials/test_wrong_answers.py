"""Wrong answers under load: what was judged stands for all, with its uncertainty."""

import pytest

from headstart.collector.analysis.trials.validity import WRONG_SHARE, wrong_share_interval
from headstart.v1.records_pb2 import LoadSummary


def load(completed: int, incorrect: int, checked: int = 0, wrong: int = 0) -> LoadSummary:
    return LoadSummary(
        completed=completed, incorrect=incorrect, bodies_checked=checked, bodies_wrong=wrong
    )


def test_wrong_statuses_are_counted_exactly() -> None:
    assert wrong_share_interval(load(1000, 20)) == (0.02, 0.02)


def test_a_load_without_answers_has_no_wrong_ones() -> None:
    assert wrong_share_interval(load(0, 0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("checked", "wrong", "low", "high"),
    # Wilson's interval, by hand: (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n).
    [(600, 480, 0.766, 0.830), (600, 6, 0.0046, 0.0217), (600, 600, 0.9936, 1.0)],
)
def test_bodies_that_were_judged_tell_within_their_sampling_error(
    checked: int, wrong: int, low: float, high: float
) -> None:
    share = wrong / checked
    found = wrong_share_interval(load(10_000, round(10_000 * share), checked, wrong))

    assert found == pytest.approx((low, high), abs=0.001)


def test_statuses_and_bodies_add_up() -> None:
    """A tenth is refused by status, and half of 100 judged bodies are wrong."""
    low, high = wrong_share_interval(load(1000, 600, 100, 50))

    assert 0.1 + 0.40 < low < 0.6 < high < 0.1 + 0.60


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        # By the status of every answer: exactly 1 % is not more than 1 %.
        (load(1000, 10), False),
        (load(1000, 11), True),
        # By 500 bodies: 10 is the first number whose whole interval lies above 1 %.
        (load(50_000, 500, 500, 5), False),
        (load(50_000, 900, 500, 9), False),
        (load(50_000, 1000, 500, 10), True),
    ],
)
def test_wrong_is_what_surely_is_more_than_one_percent(found: LoadSummary, wrong: bool) -> None:
    assert (wrong_share_interval(found)[0] > WRONG_SHARE) == wrong
