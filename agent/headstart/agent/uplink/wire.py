"""Records to envelopes: the only place of the agent that serialises what travels."""

import zlib

import zstandard

from headstart.v1.records_pb2 import (
    BuildOutcome,
    CheckOutcome,
    Encoding,
    Envelope,
    Event,
    Gap,
    ImageFacts,
    ImagePulled,
    LoadWindows,
    MemoryFloor,
    Record,
    RecordKind,
    RunOutcome,
    RunStarted,
    RuntimeCounters,
    SampleBatch,
    TrialOutcome,
    TrialStarted,
)

AnyRecord = (
    RunStarted
    | TrialStarted
    | Event
    | SampleBatch
    | LoadWindows
    | CheckOutcome
    | TrialOutcome
    | BuildOutcome
    | ImageFacts
    | ImagePulled
    | MemoryFloor
    | RuntimeCounters
    | Gap
    | RunOutcome
)

# Field of Record's oneof, by message; each field has the kind of its name.
_FIELDS = {
    field.message_type.name: field.name
    for field in Record.DESCRIPTOR.oneofs[0].fields
    if field.message_type
}

# Below this size zstd's frame costs more than it saves.
_PLAIN_BELOW_BYTES = 128
# A collector takes messages of 1 MiB. A larger record would be sent, refused and sent again
# for ever, and everything after it would wait.
_LARGEST_PAYLOAD_BYTES = (1 << 20) - (16 << 10)
_LARGEST_DECODED_BYTES = 16 << 20


class RecordTooLarge(ValueError):
    """No collector takes it; the message says what it is and how large."""


def envelope_of(record: AnyRecord, run_id: str, attempt: int) -> Envelope:
    """The envelope of a record; `sequence` is left for the spool to assign. RecordTooLarge."""
    field = _FIELDS[type(record).__name__]
    kind = RecordKind.Value(f"RECORD_KIND_{field.upper()}")
    serialised = Record(**{field: record}).SerializeToString()  # type: ignore[arg-type]  # one oneof field, chosen by type
    payload, encoding = serialised, Encoding.ENCODING_PLAIN
    if len(serialised) >= _PLAIN_BELOW_BYTES:
        payload = zstandard.compress(serialised, level=3)
        encoding = Encoding.ENCODING_ZSTD
    if len(payload) > _LARGEST_PAYLOAD_BYTES or len(serialised) > _LARGEST_DECODED_BYTES:
        raise RecordTooLarge(
            f"a record ({field}) of {len(serialised)} bytes, {len(payload)} of them packed,"
            " is more than a collector takes"
        )
    return Envelope(
        run_id=run_id,
        attempt=attempt,
        trial=getattr(record, "trial", 0),
        kind=kind,
        rows=_rows(record),
        encoding=encoding,
        decoded_bytes=len(serialised),
        crc32=zlib.crc32(payload),
        payload=payload,
    )


def _rows(record: AnyRecord) -> int:
    if isinstance(record, SampleBatch):
        return len(record.time_delta_us)
    if isinstance(record, LoadWindows):
        return len(record.windows)
    return 1
