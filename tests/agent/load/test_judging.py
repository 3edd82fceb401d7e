"""Of a load enough answers are judged, at any rate and length, and at a bounded price."""

from array import array

import pytest

from headstart.agent.load.builtin import scaled
from headstart.agent.load.frames import Window
from headstart.agent.load.judging import Judging

SECOND = 1_000_000


def judged(duration_seconds: float, per_second: int, cost_us: int = 0) -> int:
    """How many of a load's answers are judged; windows of a second."""
    duration_us = round(duration_seconds * SECOND)
    judging = Judging(duration_us)
    count = 0
    for at_us in range(0, duration_us, SECOND // per_second):
        if judging.wants(at_us, at_us // SECOND):
            count += 1
            judging.took(at_us, at_us + cost_us)
    return count


@pytest.mark.parametrize(
    ("duration_seconds", "per_second"), [(1, 5_000), (5, 1_000), (60, 20_000), (0.5, 10_000)]
)
def test_a_fault_of_one_answer_in_a_hundred_is_found_in_99_of_100_loads(
    duration_seconds: float, per_second: int
) -> None:
    assert 1 - 0.99 ** judged(duration_seconds, per_second) >= 0.99


def test_at_a_low_rate_every_answer_is_judged() -> None:
    assert judged(60, 20) == 60 * 20


def test_judging_large_bodies_takes_no_more_than_a_twentieth_of_a_second_of_each() -> None:
    # 60 of them would take longer; the first of each window is judged all the same.
    assert judged(10, 1_000, cost_us=10_000) <= 10 * 7


def window(completed: int, judged: int, wrong: int) -> Window:
    return Window(
        start_us=0,
        duration_us=SECOND,
        sent=completed,
        incorrect=0,
        failed=0,
        received_bytes=0,
        latencies_us=array("I", [1000] * completed),
        checkable=completed,
        judged=judged,
        wrong=wrong,
    )


def test_what_was_judged_stands_for_its_window_and_a_window_without_for_the_load() -> None:
    windows = scaled([window(100, 10, 8), window(100, 10, 0), window(100, 0, 0)])

    assert [each.incorrect for each in windows] == [80, 0, 40]


def test_what_rounding_leaves_is_carried_on() -> None:
    windows = scaled([window(10, 7, 1)] * 70)

    assert sum(each.incorrect for each in windows) == pytest.approx(100, abs=1)


def test_no_window_has_fewer_wrong_answers_than_were_seen() -> None:
    assert [each.incorrect for each in scaled([window(3, 3, 3), window(3, 3, 1)])] == [3, 1]


def test_answers_that_come_late_do_not_thin_out_what_is_judged() -> None:
    """A server of a slow host: each request is sent a little after its turn to be judged."""
    judging = Judging(1_000_000)
    judged = sum(judging.wants(now_us, now_us // 100_000) for now_us in range(0, 1_000_000, 1_000))

    assert judged >= 500
