from dataclasses import replace

import pytest

from headstart.collector.findings import BreakEven, Overtaking, RunResult
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.plots.work import lead_plot
from headstart.collector.report.sentences.catching_up import catching_up
from support.fake_runs import AOT, JIT, Fake, small

FASTER_JIT = replace(JIT, climb_seconds=10, steady_per_second=19_000)


@pytest.fixture(scope="module")
def overtaken() -> RunResult:
    return Fake(kinds=(FASTER_JIT, AOT), blocks=5, load_every=1).result()


def said(result: RunResult, **changes: object) -> str:
    found = replace(result.load.break_evens[0], **changes)  # type: ignore[arg-type]  # names are checked by replace
    return catching_up(result, found)


def test_one_line_tells_the_first_seconds_the_level_and_the_catching_up(
    overtaken: RunResult,
) -> None:
    line = catching_up(overtaken, overtaken.load.break_evens[0])

    assert line.startswith("aot answers 255 ms before jit; in the first 5 s of load they serve 14,")
    assert "jit is level with aot from " in line
    assert "in completed work it has caught up after " in line
    assert "95 % interval" in line
    assert line.count("\n") == 0


def test_an_extrapolation_is_called_one(overtaken: RunResult) -> None:
    line = said(overtaken, outcome=Overtaking.EXTRAPOLATED, seconds=95.0, requests=1_234_567.0)

    assert "does not catch up within the observed 60" in line
    assert "extrapolated from the steady rates, it would after 95.0 s" in line
    assert "1,230,000 requests" in line


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Overtaking.NEVER, "nor after it: it is the slower one when steady, too"),
        (Overtaking.OPEN, "the steady rates do not differ for sure, so nothing is said of later"),
        (Overtaking.NOT_OBSERVED, "not both were seen to be steady, so nothing is said of later"),
    ],
)
def test_never_is_never_within_what_was_observed(
    overtaken: RunResult, outcome: Overtaking, reason: str
) -> None:
    line = said(overtaken, outcome=outcome, seconds=None, requests=None, behind_requests=96_404.3)

    assert "never catches up within the observed 60" in line
    assert "(96,400 requests behind)" in line
    assert reason in line


def test_without_a_lead_there_is_nothing_to_catch_up_with(overtaken: RunResult) -> None:
    assert said(overtaken, outcome=Overtaking.UNDETERMINED).startswith(
        "Neither jit nor aot answers"
    )


def test_a_break_even_without_interval_says_that_it_has_none(overtaken: RunResult) -> None:
    assert "(no interval)" in said(overtaken, seconds_low=None, seconds_high=None)


def test_a_variant_that_is_never_level_is_said_to_be_so(overtaken: RunResult) -> None:
    assert "jit is not level with aot within the observed" in said(overtaken, level_seconds=None)


def test_documents_have_the_line_and_the_page_marks_it_in_two_plots(overtaken: RunResult) -> None:
    page = render_html(overtaken)

    assert "it has caught up after" in render_markdown(overtaken)
    assert "it has caught up after" in page
    assert page.count("jit caught up: ") == 2


def test_without_load_there_is_no_race() -> None:
    result = small(blocks=3).result()

    assert result.load.break_evens == ()
    assert lead_plot(result) is None


def test_a_result_of_an_older_release_has_no_lead_plot(overtaken: RunResult) -> None:
    older = tuple(replace(s, startup_seconds=None, block=0) for s in overtaken.load.series)
    found: tuple[BreakEven, ...] = overtaken.load.break_evens

    load = replace(overtaken.load, series=older, break_evens=found)

    assert lead_plot(replace(overtaken, load=load)) is None
