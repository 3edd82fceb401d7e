"""Rows become columns that a reader can decode without loss."""

from headstart.agent.sampling.columns import Row, differences, sample_batch
from headstart.v1.records_pb2 import Quantity, SampleBatch, SampleColumn

RSS = Quantity.QUANTITY_RSS_BYTES
THREADS = Quantity.QUANTITY_THREADS


def decoded(column: SampleColumn) -> list[int | None]:
    """As the comments of records.proto say."""
    values: list[int | None] = []
    value = 0
    for delta in column.delta:
        value += delta
        values.append(value)
    for index in column.absent_rows:
        values[index] = None
    return values


def column_of(batch: SampleBatch, quantity: Quantity.ValueType) -> list[int | None]:
    return next(decoded(c) for c in batch.columns if c.quantity == quantity)


def test_first_value_then_differences() -> None:
    assert differences([5, 7, 4]) == [5, 2, -3]
    assert differences([]) == []


def test_every_column_has_a_value_for_every_row() -> None:
    rows = [Row(20_000, {RSS: 10}), Row(40_100, {RSS: 30, THREADS: 4}), Row(60_000, {RSS: 20})]

    batch = sample_batch(7, 123, rows, missed_slots=2)

    assert (batch.trial, batch.origin_monotonic_ns, batch.missed_slots) == (7, 123, 2)
    assert list(batch.time_delta_us) == [20_000, 20_100, 19_900]
    assert column_of(batch, RSS) == [10, 30, 20]
    assert column_of(batch, THREADS) == [None, 4, None]


def test_absent_readings_repeat_the_last_value() -> None:
    rows = [Row(0, {}), Row(1, {RSS: 9}), Row(2, {}), Row(3, {RSS: 8})]

    (column,) = sample_batch(1, 0, rows, 0).columns

    assert list(column.delta) == [0, 9, 0, -1]
    assert list(column.absent_rows) == [0, 2]


def test_a_quantity_that_no_row_has_makes_no_column() -> None:
    assert not sample_batch(1, 0, [Row(0, {}), Row(1, {})], 0).columns
