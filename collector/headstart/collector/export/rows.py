"""Rows of one table, as columns: what the makers of rows give and the writer takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headstart.collector.analysis.trials.columns import Integers, Truths

# None: not measured.
Value = str | int | float | bool | None | Sequence[str]


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
