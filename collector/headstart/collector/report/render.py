"""A result in any of the formats that the collector serves."""

from headstart.collector.findings import RunResult
from headstart.collector.findings.json import to_json
from headstart.v1.experiments_pb2 import ReportFormat


def render(result: RunResult, report_format: ReportFormat.ValueType) -> bytes:
    """The report as UTF-8. Raises ValueError for a format that is not known.

    HTML imports matplotlib and takes its lock: not for a thread that serves others.
    """
    if report_format == ReportFormat.REPORT_FORMAT_JSON:
        return to_json(result, indent=1).encode()
    if report_format == ReportFormat.REPORT_FORMAT_MARKDOWN:
        from headstart.collector.report.formats.markdown import render_markdown

        return render_markdown(result).encode()
    if report_format == ReportFormat.REPORT_FORMAT_HTML:
        from headstart.collector.report.formats.html import render_html

        return render_html(result).encode()
    raise ValueError(f"report format {report_format} is not known")
