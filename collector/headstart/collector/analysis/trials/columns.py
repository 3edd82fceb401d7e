"""Sample batches as arrays: differences to values, absent readings to NaN."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.v1.records_pb2 import Quantity, SampleBatch

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


def column(batch: SampleBatch, quantity: Quantity.ValueType) -> Floats | None:
    """A quantity of the instance as a whole (pid 0); None when the batch has no such column.

    Raises MalformedBatch.
    """
    found = whole_column(batch, quantity)
    if found is None:
        return None
    values, absent = found
    return np.where(absent, np.nan, values)


def whole_column(
    batch: SampleBatch, quantity: Quantity.ValueType
) -> tuple[Integers, Truths] | None:
    """As `column`, but the integers that were read, and which of them stand for no reading."""
    found = next((c for c in batch.columns if c.quantity == quantity and c.pid == 0), None)
    if found is None:
        return None
    rows = len(batch.time_delta_us)
    if len(found.delta) != rows:
        raise MalformedBatch(f"a column of {len(found.delta)} values in a batch of {rows} rows")
    absent = np.zeros(rows, dtype=np.bool_)
    if found.absent_rows:
        listed = np.array(found.absent_rows, dtype=np.int64)
        if listed.max() >= rows:
            raise MalformedBatch(f"row {listed.max()} is absent in a batch of {rows} rows")
        absent[listed] = True
    return np.cumsum(np.array(found.delta, dtype=np.int64)), absent


def readings(
    batches: Iterable[SampleBatch], quantity: Quantity.ValueType, zero_monotonic_ns: int
) -> Readings:
    """A quantity over all batches of a trial. Raises MalformedBatch."""
    times: list[Floats] = []
    values: list[Floats] = []
    for batch in batches:
        found = column(batch, quantity)
        if found is not None:
            times.append(times_seconds(batch, zero_monotonic_ns))
            values.append(found)
    if not times:
        return Readings(np.zeros(0), np.zeros(0))
    all_times, all_values = np.concatenate(times), np.concatenate(values)
    order = np.argsort(all_times, kind="stable")
    all_times, all_values = all_times[order], all_values[order]
    present = np.isfinite(all_values)
    return Readings(all_times[present], all_values[present])


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
