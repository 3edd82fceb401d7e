"""The samples of one trial, packed as they came: a long run has a hundred million values."""

from dataclasses import dataclass, field

import numpy as np

from headstart.collector.analysis.trials.columns import Integers, MalformedBatch, Readings, Truths
from headstart.collector.findings.packed_samples import PackedSamples
from headstart.v1.packed_pb2 import PackedBatch
from headstart.v1.records_pb2 import Quantity, SampleBatch
from headstart.words.packed_values import count_values

# What analysis reads of a trial over its time; all else is for exports.
READ = frozenset(
    {
        Quantity.QUANTITY_RSS_BYTES,
        Quantity.QUANTITY_CGROUP_CPU_US,
        Quantity.QUANTITY_CPU_USER_US,
        Quantity.QUANTITY_CPU_SYSTEM_US,
    }
)


@dataclass
class _Column:
    """A quantity over all batches; differences begin anew with each."""

    times: bytearray = field(default_factory=bytearray)
    deltas: bytearray = field(default_factory=bytearray)
    absent: bytearray = field(default_factory=bytearray)
    # By batch three numbers: its origin in ns, its rows, and how many of these are absent.
    batches: list[int] = field(default_factory=list)
    fault: str = ""


class Samples:
    """Add batches in any order; readings come in that of time."""

    def __init__(self) -> None:
        self._columns: dict[int, _Column] = {}

    def add(self, batch: SampleBatch) -> None:
        """Add a batch as agents send it. What does not fit is refused when it is read."""
        rows = len(batch.time_delta_us)
        packed = PackedBatch.FromString(batch.SerializeToString())
        columns = {}
        faults = {}
        for whole, column in zip(batch.columns, packed.columns, strict=True):
            quantity = whole.quantity
            if quantity not in READ or whole.pid or quantity in columns:
                continue
            columns[quantity] = quantity, column.delta, column.absent_rows
            if (values := len(whole.delta)) != rows:
                faults[quantity] = f"a column of {values} values in a batch of {rows} rows"
        self.add_packed(
            PackedSamples(
                batch.trial,
                batch.origin_monotonic_ns,
                rows,
                packed.time_delta_us,
                [*columns.values()],
            )
        )
        for quantity, fault in faults.items():
            self._columns[quantity].fault = fault

    def add_packed(self, batch: PackedSamples) -> None:
        """Add a batch whose columns have a value for each row."""
        _, origin_ns, rows, times, columns = batch
        for quantity, delta, absent in columns:
            found = self._columns.get(quantity)
            if found is None:
                found = self._columns[quantity] = _Column()
            found.times += times
            found.deltas += delta
            if absent:
                found.absent += absent
                found.batches += (origin_ns, rows, count_values(absent))
            else:
                found.batches += (origin_ns, rows, 0)

    def clear(self) -> None:
        """Let go of all batches."""
        self._columns.clear()

    def readings(self, quantity: Quantity.ValueType, zero_monotonic_ns: int) -> Readings:
        """A quantity of the instance as a whole (pid 0). Raises MalformedBatch."""
        column = self._columns.get(quantity)
        if column is None or not column.deltas:
            return Readings(np.zeros(0), np.zeros(0))
        if column.fault:
            raise MalformedBatch(column.fault)
        rows, absents = np.array(column.batches[1::3]), np.array(column.batches[2::3])
        # Subtracted as integers: CLOCK_MONOTONIC in seconds leaves a double few digits.
        origins = np.array([(ns - zero_monotonic_ns) / 1e9 for ns in column.batches[::3]])
        times = np.repeat(origins, rows) + _cumulated(_signed(column.times), rows) / 1e6
        values = _cumulated(_signed(column.deltas), rows).astype(np.float64)
        if column.absent:
            present = _present(column.absent, rows, absents)
            times, values = times[present], values[present]
        if (times[1:] < times[:-1]).any():
            order = np.argsort(times, kind="stable")
            times, values = times[order], values[order]
        return Readings(times, values)


def _present(packed: bytearray, rows: Integers, absents: Integers) -> Truths:
    """Which rows have a reading; `absents` of each batch have none."""
    absent = _unsigned(packed)
    if (absent >= np.repeat(rows, absents)).any():
        raise MalformedBatch(f"row {absent.max()} is absent in a batch of {rows.max()} rows")
    present = np.ones(int(rows.sum()), dtype=np.bool_)
    present[np.repeat(_begins(rows), absents) + absent] = False
    return present


def _begins(rows: Integers) -> Integers:
    return np.asarray(np.cumsum(rows) - rows)


def _cumulated(deltas: Integers, rows: Integers) -> Integers:
    """Sums of differences that begin anew with each batch of so many rows."""
    sums = np.zeros(len(deltas) + 1, dtype=np.int64)
    np.cumsum(deltas, out=sums[1:])
    return np.asarray(sums[1:] - np.repeat(sums[_begins(rows)], rows))


def _signed(packed: bytearray) -> Integers:
    """sint64: the sign is the lowest bit."""
    values = _raw(packed)
    signs = -(values & np.uint64(1)).view(np.int64)
    return np.asarray((values >> np.uint64(1)).view(np.int64) ^ signs)


def _unsigned(packed: bytearray) -> Integers:
    return _raw(packed).view(np.int64)


def _raw(packed: bytearray) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Varints: seven bits a byte, the lowest first, and the last byte is below 128."""
    data = np.frombuffer(packed, dtype=np.uint8)
    ends = np.flatnonzero(data < 0x80)
    begins = np.zeros_like(ends)
    begins[1:] = ends[:-1] + 1
    more = ends - begins
    values = (data[begins] & 0x7F).astype(np.uint64)
    at = np.flatnonzero(more)
    shift = 1
    while len(at):
        part = (data[begins[at] + shift] & 0x7F).astype(np.uint64)
        values[at] |= part << np.uint64(7 * shift)
        at = at[more[at] > shift]
        shift += 1
    return values
