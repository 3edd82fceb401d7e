import io
from dataclasses import replace

import pytest
from rich.console import Console

from headstart.collector.findings import JobOvertaking, RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.sentences.job_catching_up import job_catching_up
from support.fake_batches import batch_result
from support.fake_runs import small


@pytest.fixture(scope="module")
def caught_up() -> RunResult:
    return batch_result()


def said(result: RunResult, **changes: object) -> str:
    found = replace(result.job_break_evens[0], **changes)  # type: ignore[arg-type]  # names are checked by replace
    return job_catching_up(result, found)


def test_one_line_tells_start_length_and_what_it_is_read_between(caught_up: RunResult) -> None:
    line = said(
        caught_up,
        seconds=21.0,
        seconds_low=17.0,
        seconds_high=26.0,
        shortest_seconds=0.7,
        longest_seconds=40.0,
        ratio=0.75,
        ratio_low=0.73,
        ratio_high=0.77,
    )

    assert line.startswith("native starts 8")
    assert line.endswith(
        " ms before jar. jar is level from jobs of about 21.0 s (95 % interval 17.0 s to 26.0 s) "
        "on, told as native's time; read between its short job (700 ms) and its long job "
        "(40.0 s), for which jar takes 0.750 (95 % interval 0.730–0.770) of the time."
    )


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (JobOvertaking.NEVER, "jar never catches up within the longest job measured, 40.0 s of"),
        (JobOvertaking.ALREADY, "jar has caught up at the short job already, 700 ms of native"),
        (JobOvertaking.OPEN, "40.0 s of native, jar is not surely behind any more"),
        (JobOvertaking.UNDETERMINED, "Neither jar nor native starts first for sure"),
    ],
)
def test_every_outcome_says_what_was_seen(
    caught_up: RunResult, outcome: JobOvertaking, words: str
) -> None:
    line = said(
        caught_up, outcome=outcome, seconds=None, shortest_seconds=0.7, longest_seconds=40.0
    )

    assert words in line
    assert line.endswith(".")
    assert "None" not in line


def test_an_interval_that_is_missing_or_open_is_called_so(caught_up: RunResult) -> None:
    without = {"seconds_low": None, "seconds_high": None}

    assert "(no interval, for not every block gets there)" in said(caught_up, **without)
    assert "(no interval) on" in said(caught_up, **without, ratio_low=None, ratio_high=None)
    assert "to beyond the longest job)" in said(caught_up, seconds_low=3.0, seconds_high=None)


def test_a_start_without_figures_is_told_without_them(caught_up: RunResult) -> None:
    assert said(replace(caught_up, figures=())).startswith("native starts first. ")


def test_every_form_of_report_has_the_line(caught_up: RunResult) -> None:
    written = io.StringIO()
    print_result(caught_up, Console(file=written, width=120))
    page = render_html(caught_up)

    assert "jar is level from jobs of about" in written.getvalue()
    assert "jar is level from jobs of about" in render_markdown(caught_up)
    assert "jar is level from jobs of about" in page
    assert page.count("jar level: ") == 1
    assert from_json(to_json(caught_up)) == caught_up
    assert '"outcome": "between the jobs"' in to_json(caught_up)


def test_what_did_not_catch_up_has_no_mark_in_the_plot(caught_up: RunResult) -> None:
    never = tuple(
        replace(each, outcome=JobOvertaking.NEVER, seconds=None)
        for each in caught_up.job_break_evens
    )

    assert "jar level: " not in render_html(replace(caught_up, job_break_evens=never))


def test_a_service_has_no_such_line() -> None:
    assert "Jobs by their length" not in render_markdown(small(blocks=3).result())
