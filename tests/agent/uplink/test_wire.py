"""Records to envelopes."""

import random
import zlib

import pytest
import zstandard

from headstart.agent.uplink.wire import RecordTooLarge, envelope_of
from headstart.v1.records_pb2 import (
    Encoding,
    Event,
    LoadWindow,
    LoadWindows,
    Record,
    RecordKind,
    RunOutcome,
)


def test_a_small_record_travels_plain_and_is_checked() -> None:
    envelope = envelope_of(Event(trial=3, name="note", text="hello"), "run", 2)

    assert envelope.encoding == Encoding.ENCODING_PLAIN
    assert envelope.trial == 3
    assert envelope.crc32 == zlib.crc32(envelope.payload)
    assert Record.FromString(envelope.payload).event.text == "hello"


def test_a_large_record_is_compressed_and_its_size_stated() -> None:
    envelope = envelope_of(Event(text="a" * 5000), "run", 1)
    decoded = zstandard.decompress(envelope.payload)

    assert envelope.encoding == Encoding.ENCODING_ZSTD
    assert len(decoded) == envelope.decoded_bytes > len(envelope.payload)


def test_rows_count_windows() -> None:
    envelope = envelope_of(LoadWindows(windows=[LoadWindow(), LoadWindow()]), "run", 1)

    assert (envelope.kind, envelope.rows) == (RecordKind.RECORD_KIND_LOAD_WINDOWS, 2)


def test_the_terminal_record_belongs_to_no_trial() -> None:
    assert envelope_of(RunOutcome(trials=9), "run", 1).trial == 0


@pytest.mark.parametrize(
    "text", [random.Random(7).randbytes(1 << 20).hex(), "a" * (17 << 20)], ids=["packed", "decoded"]
)
def test_a_record_that_no_collector_takes_is_none(text: str) -> None:
    with pytest.raises(RecordTooLarge, match=r"a record \(event\) of \d+ bytes"):
        envelope_of(Event(text=text), "run", 1)
