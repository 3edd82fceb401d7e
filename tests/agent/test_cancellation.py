"""The flag that also ends what blocks."""

import threading
import time

import pytest

from headstart.agent.cancellation import CLEAN_UP_SECONDS, Cancellation, Cancelled, apart


def test_what_blocks_is_ended_when_the_flag_is_raised_and_only_then() -> None:
    cancelled = Cancellation()
    ended: list[str] = []

    with cancelled.ending(lambda: ended.append("inner")):
        before = list(ended)
        cancelled.set()
        cancelled.set()
    with cancelled.ending(lambda: ended.append("late")):
        pass

    assert before == []
    assert ended == ["inner", "late"]


def test_what_is_over_is_not_ended() -> None:
    cancelled = Cancellation()
    ended: list[str] = []
    with cancelled.ending(lambda: ended.append("over")):
        pass
    forget = cancelled.killing(lambda: ended.append("gone"))
    forget()
    forget()

    cancelled.set()
    cancelled.abandon()

    assert ended == []


def test_cleaning_up_has_a_time_that_runs_from_the_cancel() -> None:
    cancelled = Cancellation()
    none = cancelled.seconds_left()
    cancelled.set()
    left = cancelled.seconds_left()

    assert none is None
    assert left is not None
    assert 0 < left <= CLEAN_UP_SECONDS


def test_work_that_cannot_be_interrupted_is_left_to_itself() -> None:
    cancelled = Cancellation()
    begun, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        let_go.wait(30)

    def cancel() -> None:
        begun.wait(30)
        cancelled.set()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        apart(hang, cancelled)
    waited = time.monotonic() - began
    let_go.set()
    canceller.join()

    assert waited < 10


def test_work_apart_gives_its_result_or_its_error() -> None:
    def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        apart(fail, Cancellation())
    assert apart(lambda: 7, Cancellation()) == 7


def test_no_work_is_begun_once_it_is_cancelled() -> None:
    cancelled = Cancellation()
    cancelled.set()
    begun: list[bool] = []

    with pytest.raises(Cancelled):
        apart(lambda: begun.append(True), cancelled)

    assert begun == []
