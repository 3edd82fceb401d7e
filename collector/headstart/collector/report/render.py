"""A result in any of the formats that the collector serves."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from headstart.collector.findings import RunResult
from headstart.v1.experiments_pb2 import ReportFormat
from headstart.words.enums import word

# What the module of a format has as `RENDER`.
Render = Callable[[RunResult], str]


def render(result: RunResult, report_format: ReportFormat.ValueType) -> bytes:
    """The report as UTF-8. Raises ValueError for a format that is not known, or not of a result.

    HTML imports matplotlib and takes its lock: not for a thread that serves others.
    """
    module = f"headstart.collector.report.formats.{word(ReportFormat, report_format)}"
    if not report_format or find_spec(module) is None:
        raise ValueError(f"report format {report_format} is not known")
    form: Render = import_module(module).RENDER
    return form(result).encode()
