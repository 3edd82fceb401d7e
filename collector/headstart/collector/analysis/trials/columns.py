"""Sample batches as arrays: differences to values, absent readings to NaN."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

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


def _cumulated(deltas: list[int], rows: list[int]) -> Integers:
    """Sums of differences that begin anew with each batch of so many rows."""
    sums = np.zeros(len(deltas) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(deltas, dtype=np.int64, count=len(deltas)), out=sums[1:])
    begins = np.cumsum([0, *rows[:-1]])
    return np.asarray(sums[1:] - np.repeat(sums[begins], rows))


def readings(
    batches: Iterable[SampleBatch], quantity: Quantity.ValueType, zero_monotonic_ns: int
) -> Readings:
    """A quantity over all batches of a trial. Raises MalformedBatch."""
    steps: list[int] = []
    deltas: list[int] = []
    rows: list[int] = []
    origins: list[float] = []
    absent: list[int] = []
    for batch in batches:
        found = _column(batch, quantity)
        if found is None:
            continue
        if found.absent_rows:
            absent += [len(deltas) + row for row in found.absent_rows]
        # A slice is a list made at once; the field itself would be read value by value.
        steps += batch.time_delta_us[:]
        deltas += found.delta[:]
        rows.append(len(found.delta))
        # Subtracted as integers: CLOCK_MONOTONIC in seconds leaves a double few digits.
        origins.append((batch.origin_monotonic_ns - zero_monotonic_ns) / 1e9)
    if not deltas:
        return Readings(np.zeros(0), np.zeros(0))
    all_times = np.repeat(origins, rows) + _cumulated(steps, rows) / 1e6
    all_values = _cumulated(deltas, rows).astype(np.float64)
    if absent:
        present = np.ones(len(deltas), dtype=np.bool_)
        present[absent] = False
        all_times, all_values = all_times[present], all_values[present]
    if (all_times[1:] < all_times[:-1]).any():
        order = np.argsort(all_times, kind="stable")
        all_times, all_values = all_times[order], all_values[order]
    return Readings(all_times, all_values)


def around(
    batches: Iterable[SampleBatch],
    quantity: Quantity.ValueType,
    zero_monotonic_ns: int,
    times: Iterable[float],
) -> list[SampleBatch]:
    """The batches of a quantity near these times: enough to interpolate there."""
    having = [(_first_ns(b), b) for b in batches if _found(b, quantity) is not None]
    having.sort(key=itemgetter(0))
    firsts = [first for first, _ in having]
    wanted: set[int] = set()
    for seconds in times:
        after = bisect_right(firsts, zero_monotonic_ns + round(seconds * 1e9))
        wanted.update(range(max(after - 2, 0), min(after + 1, len(having))))
    return [having[index][1] for index in sorted(wanted)]


def _first_ns(batch: SampleBatch) -> int:
    first_us = batch.time_delta_us[0] if batch.time_delta_us else 0
    return batch.origin_monotonic_ns + first_us * 1_000


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
