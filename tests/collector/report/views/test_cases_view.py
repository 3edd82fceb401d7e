"""Tests in containers, from the records to every format of the report."""

from io import StringIO
from xml.etree import ElementTree

from rich.console import Console

from headstart.collector.findings import RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.gate import gate_markdown, junit_xml
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.views.cases_view import case_lists, case_rows
from support.case_runs import case_result
from support.fake_runs import small


def terminal(found: RunResult) -> str:
    written = StringIO()
    print_result(found, Console(file=written, width=200))
    return written.getvalue()


SENTENCES = (
    "Api.adds fails in 3 of 3 trials, passes on jit: Api.adds says F",
    "Api.flaky fails in 1 of 3 trials, is not there on jit: Api.flaky says F",
    "Api.slow fails in 3 of 3 trials, as on jit: Api.slow says F",
    "Api.gone is not there in 3 of 3 trials, passes on jit",
    "Api.json is skipped in 3 of 3 trials, passes on jit: Api.json says S",
)


def test_each_variant_has_its_counts_and_a_list_of_what_differs() -> None:
    result = case_result()

    assert [(row.variant, row.counts) for row in case_rows(result)] == [
        ("jit", ("5", "4", "1", "0", "0")),
        ("aot", ("5", "1", "3", "0", "1")),
    ]
    jit, aot = case_lists(result)
    assert (jit.title, aot.title) == ("integration on jit", "integration on aot")
    assert jit.sentences == ("Api.slow fails in 3 of 3 trials: Api.slow says F",)
    assert aot.sentences == SENTENCES


def test_every_format_tells_them() -> None:
    result = case_result()
    html, markdown, shown = render_html(result), render_markdown(result), terminal(result)

    for sentence in SENTENCES:
        assert sentence in html
        assert sentence.replace("_", r"\_") in markdown
        assert sentence in shown
    assert '<h2 id="cases">Tests</h2>' in html
    assert "## Tests" in markdown
    assert from_json(to_json(result)).cases == result.cases


def test_a_ci_system_is_given_each_test_that_fails() -> None:
    result = case_result()
    root = ElementTree.fromstring(junit_xml([result]))  # noqa: S314  # ours
    (suite,) = [each for each in root if str(each.get("name")).endswith(".aot")]
    cases = {case.get("name"): case for case in suite}
    failing = [name for name, case in cases.items() if case.find("failure") is not None]
    assert [name for name in failing if "Api" in str(name)] == [
        "integration: Api.adds",
        "integration: Api.flaky",
        "integration: Api.slow",
    ]
    skipped = cases["integration: Api.json"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == SENTENCES[4]
    assert int(suite.get("failures", "0")) == len(failing)
    assert int(suite.get("tests", "0")) == len(suite)
    assert f"- {SENTENCES[0]}" in gate_markdown([result])


def test_a_long_list_is_cut_and_says_so() -> None:
    many = {f"t{n:03}": "F" for n in range(150)}
    _, aot = case_lists(case_result({"jit": {"x": "F"}, "aot": many}))

    assert len(aot.sentences) == 21
    assert aot.sentences[-1] == "and 131 more"


def test_without_tests_nothing_is_said_of_them() -> None:
    result = small(blocks=3).result()

    assert "## Tests" not in render_markdown(result)
    assert 'id="cases"' not in render_html(result)
    assert "Tests" not in terminal(result)


def test_what_a_test_is_called_is_no_markup_and_moves_no_cursor() -> None:
    name = "a\x1b[31m\u202e<script>alert(1)</script>|\n# b"
    result = case_result({"jit": {"x": "P"}, "aot": {name: "F"}})
    html, markdown, shown = render_html(result), render_markdown(result), terminal(result)

    assert "<script" not in html.partition("<body")[2]
    for text in (html, markdown, shown, junit_xml([result]), gate_markdown([result])):
        assert not {"\x1b", "\u202e"} & set(text)
        assert "\n# b" not in text
