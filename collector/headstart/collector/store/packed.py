"""Batches of samples with their columns left packed: a long run has a hundred million values.

What is as every agent sends it passes by a few looks at bytes; whatever is unusual is unpacked
and held against the bounds value by value, so that the answer is the same.
"""

from collections.abc import Container, Iterable, Iterator
from functools import lru_cache

from google.protobuf.message import DecodeError

from headstart.collector.findings.packed_samples import PackedSamples
from headstart.collector.store.decode import parse, unpack
from headstart.collector.store.records import Packed
from headstart.v1.packed_pb2 import PackedRecord
from headstart.v1.records_pb2 import Record, RecordKind
from headstart.words.packed_values import IS_LAST, count_values, may_be_long

_SAMPLES = RecordKind.RECORD_KIND_SAMPLES
# Fewer values of at most 8 bytes, 55 bits and a sign, do not add up to more than 2^62.
_MOST_ROWS = 128
_MOST_COLUMNS = 1_000
_LAST = b"\x01"


# An agent's slow readings lie in one row of its fifty: few forms, in nearly all columns.
@lru_cache(maxsize=1024)
def _are_rows(absent: bytes, rows: int) -> bool:
    return max(absent) < rows


def read_packed(
    stored: Iterable[Packed], wanted: Container[int]
) -> Iterator[tuple[int, Record | PackedSamples]]:
    """Stored records with the trial of each; of usual batches of samples the wanted quantities.

    Raises RecordDecodeError.
    """
    for trial, kind, payload, encoding, decoded_bytes, crc32 in stored:
        serialised = unpack(payload, encoding, decoded_bytes, crc32)
        batch = usual_batch(serialised, trial, wanted) if kind == _SAMPLES else None
        yield trial, parse(serialised) if batch is None else batch


def usual_batch(serialised: bytes, trial: int, wanted: Container[int]) -> PackedSamples | None:
    """The batch in a serialised record, for sure within the bounds of `record_bounds`.

    None: it is no batch of this trial, or has to be looked at more closely.
    """
    record = PackedRecord()
    try:
        record.ParseFromString(serialised)
    except DecodeError:
        return None
    # What is not read here, or comes twice, is gone then, and its bytes are missing.
    record.DiscardUnknownFields()
    if record.ByteSize() != len(serialised) or may_be_long(serialised):
        return None
    batch = record.samples
    times, columns = batch.time_delta_us, batch.columns
    rows = count_values(times)
    if batch.trial != trial or not 0 < rows <= _MOST_ROWS or len(columns) > _MOST_COLUMNS:
        return None
    if not times.translate(IS_LAST).endswith(_LAST):
        return None
    found = {}
    for column in columns:
        delta, absent, quantity = column.delta, column.absent_rows, column.quantity
        last = delta.translate(IS_LAST)
        if last.count(1) != rows or not last.endswith(_LAST):
            return None
        # Rows below 128 have a byte each.
        if absent and (len(absent) > rows or not _are_rows(absent, rows)):
            return None
        if quantity in wanted and not column.pid and quantity not in found:
            found[quantity] = quantity, delta, absent
    return PackedSamples(trial, batch.origin_monotonic_ns, rows, times, [*found.values()])
