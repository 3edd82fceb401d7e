"""Rows of one table, as columns: what the makers of rows give and the writer takes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.descriptor import EnumDescriptor

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


def word(enum: EnumDescriptor, value: int) -> str | None:
    """Such as "does_not_start"; None for UNSPECIFIED, the number for a newer agent's value."""
    if value == 0:
        return None
    known = enum.values_by_number.get(value)
    if known is None:
        return str(value)
    # buf's style: every value begins with the name of its enum.
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
    return str(known.name).removeprefix(f"{prefix}_").lower()
