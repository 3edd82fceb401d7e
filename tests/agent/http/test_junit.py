"""JUnit XML of others: what it says, and what is refused of it."""

import pytest

from headstart.agent.http.junit import MOST_READ, MalformedReport, Report, ReportReader
from headstart.v1.records_pb2 import CaseStatus
from headstart.words.enums import word
from headstart.words.test_reports import LONGEST_LINE, LONGEST_TEST, MOST_TESTS

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1"
 tests="4" time="0.1"><testcase classname="tests.test_players" name="test_lists" time="0.012" />
<testcase classname="tests.test_players" name="test_adds" time="0.020">
<failure message="AssertionError: assert 500 == 201&#10; +  where 500 = status">def test_adds():
&gt;       assert 500 == 201</failure></testcase>
<testcase classname="tests.test_players" name="test_skipped" time="0.000">
<skipped type="pytest.skip" message="no database">x.py:3: no database</skipped></testcase>
<testcase classname="tests.test_players" name="test_setup" time="0.003">
<error message="failed on setup">E</error></testcase></testsuite></testsuites>"""


def read(*texts: bytes, piece: int = 1 << 20) -> Report:
    reader = ReportReader()
    for number, text in enumerate(texts, 1):
        pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
        reader.read(f"report-{number}.xml", pieces)
    return reader.report()


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(t.test, word(CaseStatus, t.status), t.message) for t in report.tests]


def suite(*cases: str) -> bytes:
    return f"<testsuite name='s'>{''.join(cases)}</testsuite>".encode()


def test_each_test_has_its_name_status_and_first_line_worst_first() -> None:
    report = read(PYTEST)

    assert found(report) == [
        ("tests.test_players.test_adds", "failed", "AssertionError: assert 500 == 201"),
        ("tests.test_players.test_setup", "errored", "failed on setup"),
        ("tests.test_players.test_skipped", "skipped", "no database"),
        ("tests.test_players.test_lists", "passed", ""),
    ]
    assert [test.seconds for test in report.tests] == [0.02, 0.003, 0, 0.012]
    counts = report.counts
    assert (counts.passed, counts.failed, counts.errored, counts.skipped) == (1, 1, 1, 1)
    assert (report.total, counts.left_out) == (4, 0)


def test_however_the_bytes_are_cut_the_report_is_the_same() -> None:
    assert read(PYTEST, piece=1) == read(PYTEST)


def test_several_files_are_one_report() -> None:
    report = read(suite("<testcase name='a'/>"), suite("<testcase name='b' time='1,234.5'/>"))

    assert [(t.test, t.seconds) for t in report.tests] == [("s.a", 0), ("s.b", 1234.5)]


@pytest.mark.parametrize(
    ("case", "status", "message"),
    [
        # Surefire: the text where there is no message; a rerun that passed is no failure.
        (
            "<testcase name='a'><failure type='X'>\n boom\n at Y</failure></testcase>",
            "failed",
            "boom",
        ),
        ("<testcase name='a'><flakyFailure message='x'/></testcase>", "passed", ""),
        ("<testcase name='a'><rerunFailure/><failure message='m'/></testcase>", "failed", "m"),
        # GoogleTest.
        ("<testcase name='a' status='notrun'/>", "skipped", ""),
        ("<testcase name='a' status='run' result='completed'/>", "passed", ""),
        # Several at once: the worst.
        (
            "<testcase name='a'><skipped/><error message='e'/><failure message='f'/></testcase>",
            "failed",
            "e",
        ),
        ("<testcase name='a'><system-out><failure/></system-out></testcase>", "passed", ""),
        ("<testcase name='a' time='nan'><properties/></testcase>", "passed", ""),
    ],
)
def test_what_tools_write_differently(case: str, status: str, message: str) -> None:
    report = read(suite(case))

    assert found(report) == [("s.a", status, message)]
    assert report.tests[0].seconds == 0


def test_a_suite_that_failed_as_a_whole_is_a_test_that_did() -> None:
    report = read(suite("<error message='no database'>x</error>", "<testcase name='a'/>"))

    assert found(report) == [
        ("s (as a whole)", "errored", "no database"),
        ("s.a", "passed", ""),
    ]


def test_names_repeat_no_class_and_the_same_ones_are_numbered() -> None:
    case = "<testcase classname='N.C' name='N.C.Adds'/>"

    assert [t.test for t in read(suite(case, case)).tests] == ["N.C.Adds", "N.C.Adds (2)"]


def test_words_are_cleaned_and_cut() -> None:
    case = f"<testcase name='a&#x202e;b{'n' * 5000}'><failure message='{'m' * 5000}'/></testcase>"
    (test,) = read(suite(case)).tests

    assert test.test.startswith("s.a\\u202eb")
    assert len(test.test) <= LONGEST_TEST
    assert len(test.message) <= LONGEST_LINE


def test_counts_are_whole_where_the_list_is_not() -> None:
    cases = [f"<testcase name='t{n}'/>" for n in range(MOST_TESTS + 10)]
    report = read(suite(*cases, "<testcase name='bad'><failure/></testcase>"))

    assert report.tests[0].test == "s.bad"
    assert len(report.tests) == MOST_TESTS
    assert (report.counts.passed, report.counts.failed) == (MOST_TESTS + 10, 1)
    assert report.counts.left_out == 11
    long = [f"<testcase name='{n}{'x' * 250}'/>" for n in range(MOST_TESTS)]
    assert sum(len(t.test) for t in read(suite(*long)).tests) < 170_000


BILLION_LAUGHS = b"""<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>
<testsuite name="&lol2;"/>"""
EXTERNAL = b"""<?xml version="1.0"?>
<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "report-1.xml, line 1: no element found"),
        (b"\n<testsuite><testcase", "report-1.xml, line 2: unclosed token"),
        (b"<testsuite>\n</testcase>", "report-1.xml, line 2: mismatched tag"),
        (b"\x7fELF", "report-1.xml, line 1: not well-formed (invalid token)"),
        (b"<testsuite>&nbsp;</testsuite>", "report-1.xml, line 1: undefined entity"),
        (b"<?xml version='1.0' encoding='none'?><testsuite/>", "report-1.xml: its encoding"),
        (b"<?xml version='1.0' encoding='utf-7'?><testsuite/>", "report-1.xml"),
        (BILLION_LAUGHS, "report-1.xml, line 1: it states a document type (DOCTYPE)"),
        (EXTERNAL, "report-1.xml, line 2: it states a document type (DOCTYPE)"),
        (b"<TestRun><Results/></TestRun>", "line 1: the root element is <TestRun>"),
        (b"<testsuite>" + b"<a>" * 100, "more than 64 deep"),
        (b"<testsuite>" + b"<testcase/>" * (MOST_READ + 1), f"more than {MOST_READ} tests"),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(text: bytes, words: str) -> None:
    with pytest.raises(MalformedReport) as refused:
        read(text)

    assert words in str(refused.value)
