"""What commands offer to choose from: the values of the protocol's enums, by their words."""

from collections.abc import Iterable
from typing import TypeVar

from headstart.v1 import experiments_pb2
from headstart.v1.experiments_pb2 import ExportFormat, ExportTable, ReportFormat
from headstart.words.enums import Enum, words

_Number = TypeVar("_Number", bound=int)

BUILD_LOGS = ReportFormat.REPORT_FORMAT_BUILD_LOGS


def _choices(enum: Enum[_Number]) -> dict[str, _Number]:
    return {name.replace("_", "-"): number for number, name in words(enum).items()}


REPORTS = _choices(ReportFormat)
EXPORTS = _choices(ExportFormat)
TABLES = _choices(ExportTable)


def suffix(enum: Enum[_Number], number: _Number) -> str:
    """What the name of a file in this format ends in, such as ".md"."""
    options = enum.DESCRIPTOR.values_by_number[number].GetOptions()
    return str(options.Extensions[experiments_pb2.file_suffix])


def listed(suffixes: Iterable[str], conjunction: str = "or") -> str:
    """Such as ".json, .md or .html"."""
    *others, last = suffixes
    return f"{', '.join(others)} {conjunction} {last}" if others else last
