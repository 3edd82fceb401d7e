import io

import pytest
from rich.console import Console

from headstart.collector.findings import RunResult
from headstart.collector.report.formats.terminal_report import print_result
from support.fake_runs import Fake
from support.odd_results import ODD


def printed(result: RunResult, **options: object) -> str:
    stream = io.StringIO()
    print_result(result, Console(file=stream, **options))  # type: ignore[arg-type]  # rich's own options
    return stream.getvalue()


@pytest.fixture(scope="module")
def players() -> RunResult:
    return Fake().result()


def test_without_a_terminal_it_is_plain_text_with_whole_lines(players: RunResult) -> None:
    text = printed(players)

    assert "\x1b" not in text
    sentence = next(line for line in text.splitlines() if line.startswith("+ aot starts"))
    assert sentence.endswith("12 blocks).")


def test_the_table_says_both_figures_the_ratio_and_the_verdict(players: RunResult) -> None:
    row = next(
        line.split()
        for line in printed(players).splitlines()
        if line.startswith("Startup") and "29." in line and "better" in line
    )

    assert row[0] == "Startup"
    assert row[2] == row[4] == "ms"
    assert row[-1] == "better"


def test_answer_verdicts_and_ratios_come_first_on_one_screen(players: RunResult) -> None:
    screen = printed(players).splitlines()[:30]

    assert sum(" proceed  " in line or " reject  " in line for line in screen) == 2
    assert any(line.startswith("Startup") and "29.6 ms +" in line for line in screen)
    assert any(line.startswith("aot: Startup") and "●" in line for line in screen)


def test_one_cause_is_told_once(players: RunResult) -> None:
    assert printed(players).count("exited with status 134") == 1


def test_a_narrow_terminal_is_not_overrun(players: RunResult) -> None:
    text = printed(players, force_terminal=True, width=60, color_system=None)

    assert max(len(line) for line in text.splitlines()) <= 60


def test_colours_only_in_a_terminal(players: RunResult) -> None:
    assert "\x1b[" in printed(players, force_terminal=True, width=100, color_system="standard")


def test_a_programs_escape_sequences_do_not_reach_the_terminal(players: RunResult) -> None:
    text = printed(players, force_terminal=True, width=200, color_system=None)

    assert "Aborted (core dumped)" in text
    assert "\x1b" not in text


def test_a_variant_that_failed_has_its_evidence(players: RunResult) -> None:
    text = printed(players)

    assert "aot-broken: does not start" in text
    assert "AutoMapperConfigurationException" in text


@pytest.mark.parametrize("name", ODD)
def test_a_run_that_went_wrong_is_still_printed(name: str) -> None:
    assert printed(ODD[name]()).startswith("players-api")
