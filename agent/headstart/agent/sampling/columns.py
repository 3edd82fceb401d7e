"""Rows of readings as the columns of a SampleBatch: a first value, then differences.

Two cadences share one batch, since the collector's cost is per message: a row
that holds no reading of a quantity is listed in its `absent_rows`, and its
difference is 0. An absent reading before the first one repeats the value 0.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headstart.v1.records_pb2 import Quantity, SampleBatch, SampleColumn


class Row(NamedTuple):
    """Readings of one moment, in microseconds since the origin of the batch."""

    time_us: int
    values: Mapping[Quantity.ValueType, int]


def sample_batch(
    trial: int, origin_monotonic_ns: int, rows: Sequence[Row], missed_slots: int
) -> SampleBatch:
    """The batch of these rows, in their order; a column for each quantity that any row has."""
    quantities = sorted({quantity for row in rows for quantity in row.values})
    return SampleBatch(
        trial=trial,
        origin_monotonic_ns=origin_monotonic_ns,
        time_delta_us=differences([row.time_us for row in rows]),
        columns=[_column(quantity, rows) for quantity in quantities],
        missed_slots=missed_slots,
    )


def differences(values: Sequence[int]) -> list[int]:
    """The first value as it is, then each value less the one before."""
    return [value - last for value, last in zip(values, [0, *values], strict=False)]


def _column(quantity: Quantity.ValueType, rows: Sequence[Row]) -> SampleColumn:
    deltas: list[int] = []
    absent: list[int] = []
    last = 0
    for index, row in enumerate(rows):
        value = row.values.get(quantity)
        if value is None:
            absent.append(index)
            value = last
        deltas.append(value - last)
        last = value
    return SampleColumn(quantity=quantity, delta=deltas, absent_rows=absent)
