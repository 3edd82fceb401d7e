"""So many bodies are looked at that one wrong answer in a hundred is found in 99 % of loads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.agent.http.app_client import RequestFault
from headstart.agent.http.checks import Evaluation
from headstart.agent.load import body_probe
from headstart.agent.load.body_probe import BodyProbe, Sample, mark_wrong_bodies
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.h2load import H2load
from headstart.agent.load.validity import load_flags
from headstart.agent.load.wrk import Wrk
from headstart.v1.experiment_pb2 import HttpCheck, HttpVersion
from headstart.v1.records_pb2 import LoadSummary, LoadWindow
from support.load_server import serving
from support.load_tasks import load_of, request, run_load, task_of
from support.secure_server import serving_http2
from support.waiting import wait_until

RIGHT, WRONG = Evaluation(True, "", "right"), Evaluation(False, "", "wrong")
ENOUGH = 459  # 1 - 0.99 ** 459 = 99 %


def right(_: HttpCheck) -> Evaluation:
    return RIGHT


def wrong(_: HttpCheck) -> Evaluation:
    return WRONG


def never() -> bool:
    return False


def probed(ask: Callable[[HttpCheck], Evaluation], **load: float) -> BodyProbe:
    """A probe that was started and stopped at once, as in a load without time."""
    probe = BodyProbe(load_of(request(body_pattern="Ada"), **load), ask)
    probe.stop()
    return probe


@pytest.mark.alone
@pytest.mark.parametrize(
    "driver",
    [
        pytest.param(H2load(), marks=pytest.mark.h2load),
        pytest.param(Wrk(), marks=pytest.mark.wrk),
    ],
    ids=["h2load", "wrk"],
)
def test_a_load_of_a_second_has_bodies_enough(driver: LoadDriver, tmp_path: Path) -> None:
    load = load_of(request(body_pattern="Ada"), duration_seconds=1.0, driver=driver.name)
    with serving() as server:
        summary = run_load(driver, task_of(load, server.port, tmp_path)).summary

    assert summary.bodies_checked >= ENOUGH
    assert summary.bodies_wrong == 0
    # The bodies that were asked for afterwards are no part of it.
    assert summary.duration_seconds < 2.0


@pytest.mark.alone
@pytest.mark.h2load
@pytest.mark.nghttpd
def test_a_load_over_http_2_has_bodies_enough_or_says_how_many(tmp_path: Path) -> None:
    load = load_of(request(json_subset='{"name": "Ada"}'), http_version=HttpVersion.HTTP_VERSION_2)
    with serving_http2(tmp_path / "served") as port:
        result = run_load(H2load(), task_of(load, port, tmp_path))

    flags = {flag.code for flag in load_flags(result.summary, result.windows)}
    assert result.summary.bodies_checked > 50
    assert result.summary.bodies_checked >= ENOUGH or "few-bodies-checked" in flags


def test_what_is_missing_at_the_end_is_asked_then() -> None:
    probe = probed(right)
    probe.top_up(never)

    assert len(probe.samples()) == 500
    assert all(sample.late for sample in probe.samples())


def test_a_fault_that_was_seen_under_load_is_not_asked_away() -> None:
    probe = BodyProbe(load_of(request(body_pattern="Ada")), wrong)
    probe.start()
    wait_until(lambda: bool(probe.samples()))
    probe.stop()
    before = len(probe.samples())
    probe.top_up(never)

    assert len(probe.samples()) == before > 0


def test_asking_ends_at_its_bound_with_a_cancel_and_without_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[HttpCheck] = []

    def refused(check: HttpCheck) -> Evaluation:
        asked.append(check)
        raise RequestFault("refused")

    probed(refused).top_up(never)
    assert len(asked) == 3

    cancelled = probed(right)
    cancelled.top_up(lambda: True)
    assert not cancelled.samples()

    monkeypatch.setattr(body_probe, "_TOP_UP_SECONDS", 0.0)
    bounded = probed(right)
    bounded.top_up(never)
    assert len(bounded.samples()) == 1


@pytest.mark.parametrize(
    ("checked", "completed", "faults", "noted"),
    [
        (100, 5000, 0, True),
        (458, 5000, 0, True),
        (459, 5000, 0, False),
        (100, 100, 0, False),  # all of them
        (100, 5000, 1, False),  # found
        (0, 5000, 0, False),  # the check says nothing of bodies
    ],
)
def test_too_few_are_told(checked: int, completed: int, faults: int, noted: bool) -> None:
    summary = LoadSummary(
        duration_seconds=1, completed=completed, bodies_checked=checked, bodies_wrong=faults
    )
    flags = {flag.code: flag.text for flag in load_flags(summary, [])}

    assert ("few-bodies-checked" in flags) == noted
    if checked == 100 and noted:
        assert "missed in 37% of such loads" in flags["few-bodies-checked"]


def windows() -> list[LoadWindow]:
    return [LoadWindow(start_us=at * 1000, duration_us=1000, completed=1000) for at in range(4)]


def test_a_window_without_a_sample_has_the_share_of_the_load() -> None:
    """Only those with a wrong sample were counted, so that a share of wrong ones came out low."""
    marked = windows()
    samples = [Sample(500_000, WRONG), Sample(600_000, RIGHT)]

    assert mark_wrong_bodies(marked, 0, samples) == "wrong"
    assert [window.incorrect for window in marked] == [500] * 4


def test_faults_seen_after_the_load_stand_for_all_of_it() -> None:
    marked = windows()
    samples = [Sample(500_000, RIGHT)] * 100 + [Sample(9_000_000, RIGHT, late=True)] * 396
    mark_wrong_bodies(marked, 0, [*samples, *[Sample(9_000_000, WRONG, late=True)] * 4])

    assert [window.incorrect for window in marked] == [8] * 4


def test_that_a_fault_was_seen_after_the_load_alone_is_said() -> None:
    """Under load every body that was looked at was right."""
    words = mark_wrong_bodies(windows(), 0, [Sample(0, RIGHT), Sample(9_000_000, WRONG, late=True)])

    assert words == "wrong (asked when the load was over: under load none of 1 bodies was wrong)"


def test_a_fault_is_never_rounded_away() -> None:
    marked = [LoadWindow(completed=10, duration_us=1000)]
    mark_wrong_bodies(marked, 0, [Sample(0, WRONG), *[Sample(0, RIGHT)] * 499])

    assert marked[0].incorrect == 1
