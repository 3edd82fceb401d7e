import pytest

from headstart.collector.findings.json import from_json
from headstart.collector.report.render import render
from headstart.v1.experiments_pb2 import ReportFormat
from support.fake_runs import small

RESULT = small(blocks=3).result()


@pytest.mark.parametrize(
    ("report_format", "start"),
    [
        (ReportFormat.REPORT_FORMAT_JSON, b'{\n "schema": 2'),
        (ReportFormat.REPORT_FORMAT_MARKDOWN, b"# players-api"),
        (ReportFormat.REPORT_FORMAT_HTML, b"<!doctype html>"),
    ],
)
def test_each_format_has_its_bytes(report_format: ReportFormat.ValueType, start: bytes) -> None:
    assert render(RESULT, report_format).startswith(start)


def test_the_json_is_the_result() -> None:
    assert from_json(render(RESULT, ReportFormat.REPORT_FORMAT_JSON)) == RESULT


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        render(RESULT, ReportFormat.REPORT_FORMAT_UNSPECIFIED)
