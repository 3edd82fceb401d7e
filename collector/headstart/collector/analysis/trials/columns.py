"""Sample batches as arrays: differences to values, absent readings to NaN."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.v1.records_pb2 import Quantity, SampleBatch, SampleColumn

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


class MalformedBatch(ValueError):
    """The columns of a batch do not have one length, or mark rows that are not there."""


@dataclass(frozen=True)
class Readings:
    """One quantity of a whole trial: seconds from its exec, ascending; absent ones left out."""

    seconds: Floats
    values: Floats


def times_seconds(batch: SampleBatch, zero_monotonic_ns: int) -> Floats:
    """When each row was read, counted from a point of the same clock."""
    steps = np.array(batch.time_delta_us, dtype=np.int64)
    # Subtracted as integers: CLOCK_MONOTONIC in seconds leaves a double few digits.
    origin = (batch.origin_monotonic_ns - zero_monotonic_ns) / 1e9
    return np.asarray(origin + np.cumsum(steps) / 1e6)


def whole_column(
    batch: SampleBatch, quantity: Quantity.ValueType
) -> tuple[Integers, Truths] | None:
    """A quantity of the instance as a whole (pid 0), and which rows stand for no reading.

    None when the batch has no such column. Raises MalformedBatch.
    """
    found = _column(batch, quantity)
    if found is None:
        return None
    absent = np.zeros(len(found.delta), dtype=np.bool_)
    absent[np.array(found.absent_rows, dtype=np.int64)] = True
    return np.cumsum(np.array(found.delta, dtype=np.int64)), absent


def _column(batch: SampleBatch, quantity: Quantity.ValueType) -> SampleColumn | None:
    found = _found(batch, quantity)
    if found is None:
        return None
    rows = len(batch.time_delta_us)
    if len(found.delta) != rows:
        raise MalformedBatch(f"a column of {len(found.delta)} values in a batch of {rows} rows")
    if found.absent_rows and (last := max(found.absent_rows)) >= rows:
        raise MalformedBatch(f"row {last} is absent in a batch of {rows} rows")
    return found


def _found(batch: SampleBatch, quantity: Quantity.ValueType) -> SampleColumn | None:
    for column in batch.columns:
        if column.quantity == quantity and column.pid == 0:
            return column
    return None


def thinned(readings: Readings, points: int) -> Readings:
    """At most `points` readings, evenly over the logarithm of positive, ascending times.

    Startup takes milliseconds of a trial of minutes, so plots have a logarithmic time
    axis. The highest reading of each slice is kept: a peak must not vanish from a plot.
    """
    seconds, values = readings.seconds, readings.values
    if len(seconds) <= points:
        return readings
    edges = np.geomspace(seconds[0], seconds[-1], points + 1)[1:-1]
    slices = np.split(np.arange(len(seconds)), np.searchsorted(seconds, edges))
    keep = np.array([part[np.argmax(values[part])] for part in slices if len(part)])
    return Readings(seconds[keep], values[keep])
