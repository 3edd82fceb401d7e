"""Rows of one table, as columns: what the makers of rows give and the writer takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from headstart.collector.analysis.trials.columns import Integers, Truths
from headstart.collector.export.layout import Table

# None: not measured.
Value = str | int | float | bool | None | Sequence[str] | Sequence[float | None]


@dataclass(frozen=True)
class Masked:
    """Integers, and which of them stand for no reading."""

    values: Integers
    absent: Truths


@dataclass(frozen=True)
class Rows:
    """So many rows: values that all of them share, and columns of that length."""

    count: int
    shared: Mapping[str, Value]
    columns: Mapping[str, Sequence[Value] | Masked | Integers] = field(default_factory=dict)


class TableFile(Protocol):
    """A file of rows, complete once it was closed without an exception. `rows`: so many so far."""

    rows: int

    def add(self, rows: Rows) -> None:
        """Rows in which every column of the table has a value, be it None."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Complete it, unless something went wrong."""


# What the module of a format has as `WRITER`.
Writer = Callable[[BinaryIO, Table], TableFile]
