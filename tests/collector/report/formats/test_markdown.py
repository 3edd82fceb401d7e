import re

import pytest

from headstart.collector.report.formats.markdown import render_markdown
from support.fake_runs import Fake
from support.odd_results import ODD


@pytest.fixture(scope="module")
def text() -> str:
    return render_markdown(Fake().result())


def test_it_is_a_record_of_findings_with_evidence_and_reproduction(text: str) -> None:
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)

    assert headings == [
        "Context",
        "Decision",
        "Rationale",
        "Consequences",
        "Findings",
        "What failed",
        "Figures: r2r against jit",
        "Figures: aot against jit",
        "Figures: aot-broken against jit",
        "One start",
        "Memory by phase",
        "Memory floor",
        "Images by part",
        "Host",
        "How to run it again",
    ]


def test_every_row_of_a_table_has_its_columns(text: str) -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(columns) == 1


def test_a_row_has_figures_ratio_and_verdict(text: str) -> None:
    assert re.search(
        r"^\| Startup \| 2\d\d ms \| 29\.\d ms \| 0\.10\d \(0\.10\d–0\.10\d\) \| better \|$",
        text,
        re.MULTILINE,
    )


def test_the_decision_comes_before_its_evidence(text: str) -> None:
    answers = text[: text.index("## Context")]

    assert "- **aot: proceed.** aot passes all 5 gates" in answers
    assert "- **aot-broken: reject.** aot-broken does not start" in answers
    assert text.index("## Decision") < text.index("## Rationale") < text.index("## Findings")


def test_before_stands_against_after_also_where_nothing_was_measured(text: str) -> None:
    rows = dict(
        re.findall(r"^\| ([A-Z][\w ]+) \| (.*) \|$", text[: text.index("## Decision")], re.M)
    )

    assert rows["Startup"] == "286 ms | 239 ms (better) | 29.6 ms (better) | not measured"
    assert rows["Image size"] == "123 MB | 124 MB (equivalent) | 13.7 MB (better) | 166 MB (worse)"
    assert rows["Compatibility"].endswith("| does not start")


def test_one_cause_is_told_once_in_the_answer_and_nowhere_else(text: str) -> None:
    assert text.count("exited with status 134") == 1


def test_the_ratios_stand_as_lines_before_the_context(text: str) -> None:
    first = text[: text.index("## Context")]

    assert re.search(r"^aot: Startup +\S*●.*┊.* 0\.10\d better$", first, re.M)


def test_every_line_of_the_rationale_cites_figure_interval_and_run(text: str) -> None:
    part = text[
        text.index("### aot\n") : text.index(
            "### aot\\-broken" if "### aot\\-broken" in text else "### aot-broken"
        )
    ]
    lines = [line for line in part.splitlines() if line.startswith("- pass: ")]

    assert len(lines) == 5
    assert all("run fake-7" in line for line in lines)
    assert all("95 % interval" in line or "Image size" in line for line in lines)


def test_output_stands_in_a_fence_that_it_cannot_close(text: str) -> None:
    fences = re.findall(r"^```.*$", text, re.MULTILINE)

    assert len(fences) % 2 == 0
    before = text[: text.index("<script>alert")]
    assert before.rindex("```text") > before.rindex("output:")


@pytest.mark.parametrize("name", ODD)
def test_a_run_that_went_wrong_still_has_its_record(name: str) -> None:
    text = render_markdown(ODD[name]())

    assert text.startswith("# players-api")
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_failing_checks_are_quoted() -> None:
    text = render_markdown(ODD["wrong answers"]())

    assert "### aot: checks fail" in text
    assert "- GET /players/7: expected status 200, got status 500" in text


def test_the_loud_remark_on_flagged_trials_comes_before_the_findings() -> None:
    text = render_markdown(ODD["all flagged"]())

    assert text.index("these figures come from flagged trials") < text.index("## Findings")
    assert "(flagged)" in text
