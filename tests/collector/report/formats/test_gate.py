import re
from xml.etree import ElementTree

import pytest

from headstart.collector.report.formats.gate import failed, gate_markdown, junit_xml, undecided
from support.fake_runs import Fake
from support.odd_results import ODD

PLAYERS = Fake(blocks=6, load_every=2, load_seconds=15).result()


def test_a_rejected_variant_fails_and_its_output_stands_in_the_summary() -> None:
    text = gate_markdown([PLAYERS])

    assert failed(PLAYERS)
    assert "✗ aot-broken: reject" in text
    assert "AutoMapperConfigurationException" in text


def test_a_row_of_the_summary_has_three_columns_whatever_a_program_wrote() -> None:
    rows = re.findall(r"^\|.*\|$", gate_markdown([PLAYERS]), re.MULTILINE)

    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)


def test_a_gate_is_a_test_case_and_counts_add_up() -> None:
    root = ElementTree.fromstring(junit_xml([PLAYERS]))  # noqa: S314  # we wrote it
    suites = {suite.get("name"): suite for suite in root}
    broken = suites["players-api.bench-1.aot-broken"]

    assert len(suites) == 3
    for suite in suites.values():
        assert int(suite.get("tests", "0")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "0")) == len(suite.findall("testcase/skipped"))
    assert broken.get("failures") == "1"
    assert "does not start" in (broken[0][0].get("message") or "")


# Odd, and yet all that was asked of them was measured, and better.
DECIDED = {"one flagged", "until decided", "ten variants"}


@pytest.mark.parametrize("name", ODD)
def test_a_run_that_went_wrong_still_has_a_summary(name: str) -> None:
    result = ODD[name]()

    ElementTree.fromstring(junit_xml([result]))  # noqa: S314  # we wrote it
    assert "Headstart: players" in gate_markdown([result])
    assert failed(result) == (name == "wrong answers")
    assert undecided(result) == (name not in DECIDED)
