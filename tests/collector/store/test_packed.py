"""Batches that are taken as they are, packed, are those that the bounds would have taken."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from headstart.collector.analysis.trials.samples import READ, Samples
from headstart.collector.store.decode import RecordDecodeError, parse
from headstart.collector.store.packed import usual_batch
from headstart.collector.store.record_bounds import Bounds, Unbelievable, check_record
from headstart.v1.records_pb2 import Event, Quantity, Record, SampleBatch, SampleColumn

RSS = Quantity.QUANTITY_RSS_BYTES
CPU = Quantity.QUANTITY_CPU_USER_US
BOUNDS = Bounds("h1", frozenset({"jit"}), 1, 1, 0)


def record(rows: int = 50) -> Record:
    """A second of samples: one quantity in each row, one in the first alone."""
    return Record(
        samples=SampleBatch(
            trial=1,
            origin_monotonic_ns=10**15,
            time_delta_us=[20_000] * rows,
            columns=[
                SampleColumn(quantity=RSS, delta=[90_000_000, *[4096, -4096, 0] * rows][:rows]),
                SampleColumn(quantity=CPU, delta=[500] * rows, absent_rows=range(1, rows)),
                SampleColumn(quantity=RSS, pid=7, delta=[1] * rows),
                SampleColumn(quantity=Quantity.QUANTITY_THREADS, delta=[1] * rows),
            ],
        )
    )


def test_a_second_of_samples_is_left_packed() -> None:
    found = usual_batch(record().SerializeToString(), 1, READ)

    assert found is not None
    assert (found.rows, [quantity for quantity, _, _ in found.columns]) == (50, [RSS, CPU])


def _other_trial(sent: Record) -> None:
    sent.samples.trial = 2


def _short_column(sent: Record) -> None:
    del sent.samples.columns[3].delta[-1]


def _row_that_is_not_there(sent: Record) -> None:
    sent.samples.columns[1].absent_rows.append(50)


def _far_row(sent: Record) -> None:
    sent.samples.columns[1].absent_rows.append(4_000_000_000)


def _large_value(sent: Record) -> None:
    sent.samples.columns[3].delta[3] = -(2**61)


def _large_time(sent: Record) -> None:
    sent.samples.time_delta_us[3] = 2**61


@pytest.mark.parametrize(
    "change",
    [_other_trial, _short_column, _row_that_is_not_there, _far_row, _large_value, _large_time],
)
def test_what_may_be_beyond_the_bounds_is_looked_at_value_by_value(
    change: Callable[[Record], None],
) -> None:
    """Also in columns that no analysis reads."""
    sent = record()
    change(sent)

    assert usual_batch(sent.SerializeToString(), 1, READ) is None


def test_bytes_that_another_reader_sees_otherwise_are_not_left_packed() -> None:
    usual = record().SerializeToString()
    other = Record(event=Event(trial=1, text="note")).SerializeToString()
    # One column more, in the middle of whose last number it ends.
    torn = b"\x22\x06\x08\x01\x1a\x02\x01\x80"
    # Absent rows that are not packed.
    loose = b"\x22\x07\x08\x01\x1a\x01\x01\x20\x00"

    for serialised in (usual + other, usual + usual, b"\xff" + usual):
        assert usual_batch(serialised, 1, READ) is None
    for column in (torn, loose):
        one_row = b"\x08\x01\x1a\x01\x01" + column
        assert usual_batch(b"\x22" + bytes([len(one_row)]) + one_row, 1, READ) is None


def test_whatever_is_left_packed_reads_as_its_record_does() -> None:
    """Bytes changed at random: none passes that the bounds refuse, and none reads otherwise."""
    rng = random.Random(13)  # bytes that vary, not a secret
    usual = record(12).SerializeToString()
    packed = 0
    for _ in range(20_000):
        changed = bytearray(usual)
        for _ in range(rng.choice((1, 1, 2, 3))):
            at = rng.randrange(len(changed))
            if rng.random() < 0.3:
                changed[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(2))
            else:
                changed[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        found = usual_batch(bytes(changed), 1, READ)
        if found is None:
            continue
        packed += 1
        try:
            whole = parse(bytes(changed))
            check_record(whole, 1, BOUNDS)
        except (RecordDecodeError, Unbelievable) as error:
            raise AssertionError(bytes(changed).hex()) from error
        one, other = Samples(), Samples()
        one.add_packed(found)
        other.add(whole.samples)
        for quantity in (RSS, CPU):
            left, right = one.readings(quantity, 0), other.readings(quantity, 0)
            assert np.array_equal(left.seconds, right.seconds)
            assert np.array_equal(left.values, right.values)

    assert packed > 1000
