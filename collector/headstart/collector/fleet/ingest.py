"""What is checked of an envelope before it is stored.

Samples stay opaque: they come in by the thousand, hold integers alone, and are checked
when they are analysed. Every other record is opened and held against its run's plan.
"""

import grpc

from headstart.collector.config import MEBIBYTE, Limits
from headstart.collector.fleet.refused import Refused
from headstart.collector.own_metrics import Refusal
from headstart.collector.store.decode import RecordDecodeError, check_payload, decode
from headstart.collector.store.queries import LONGEST_RUN_ID
from headstart.collector.store.record_bounds import (
    Bounds,
    Unbelievable,
    check_numbers,
    check_record,
)
from headstart.v1.fleet_pb2 import Heartbeat, RecordBatch
from headstart.v1.records_pb2 import Encoding, Envelope, Record, RecordKind
from headstart.words.enums import word

_KINDS = frozenset(RecordKind.values()) - {RecordKind.RECORD_KIND_UNSPECIFIED}
_ENCODINGS = frozenset({Encoding.ENCODING_PLAIN, Encoding.ENCODING_ZSTD})
# What an integer column holds in every database; a uint64 need not fit.
_LARGEST_SEQUENCE = (1 << 63) - 1
_LARGEST_NUMBER = (1 << 31) - 1
# Unpacked, since it is done in the event loop. A build's diagnostics are the longest.
_LARGEST_BYTES = {
    RecordKind.RECORD_KIND_RUN_OUTCOME: 64 * 1024,
    RecordKind.RECORD_KIND_EVENT: 256 * 1024,
    RecordKind.RECORD_KIND_BUILD_OUTCOME: 8 * MEBIBYTE,
}
_LARGEST_OTHER_BYTES = 4 * MEBIBYTE


def check_batch(batch: RecordBatch, limits: Limits) -> None:
    """Refuse a message with too many envelopes; its bytes were bounded by the transport."""
    if len(batch.envelopes) > limits.envelopes_per_batch:
        raise _invalid(
            f"a batch of {len(batch.envelopes)} envelopes; "
            f"at most {limits.envelopes_per_batch} are taken",
            Refusal.TOO_LARGE,
        )


def check_heartbeat(heartbeat: Heartbeat, limits: Limits) -> None:
    """Refuse one that is too large, or that has numbers or texts which nothing can have."""
    size = heartbeat.ByteSize()
    many = max(len(heartbeat.running) + len(heartbeat.declined), len(heartbeat.progress))
    if size > limits.heartbeat_bytes or many > limits.running:
        raise _invalid(f"a heartbeat of {size} bytes with {many} attempts", Refusal.TOO_LARGE)
    try:
        check_numbers(heartbeat, "heartbeat")
    except Unbelievable as error:
        raise _invalid(str(error), Refusal.UNBELIEVABLE) from error


def check_envelope(envelope: Envelope, limits: Limits) -> None:
    """Raise Refused unless the header is within bounds and the payload is whole."""
    name = f"envelope {envelope.sequence}"
    if not 0 < envelope.sequence <= _LARGEST_SEQUENCE:
        raise _invalid(f"{name}: sequences count from 1")
    if not 0 < len(envelope.run_id) <= LONGEST_RUN_ID:
        raise _invalid(f"{name}: a run id of {len(envelope.run_id)} characters")
    if not 0 < envelope.attempt <= _LARGEST_NUMBER:
        raise _invalid(f"{name}: attempts count from 1, this says {envelope.attempt}")
    if envelope.kind not in _KINDS:
        raise _invalid(f"{name}: record kind {envelope.kind} is not known")
    if envelope.encoding not in _ENCODINGS:
        raise _invalid(f"{name}: encoding {envelope.encoding} is not known")
    if envelope.rows > limits.rows_per_envelope:
        raise _invalid(
            f"{name}: {envelope.rows} rows; at most {limits.rows_per_envelope} are taken",
            Refusal.TOO_LARGE,
        )
    try:
        check_payload(envelope.payload, envelope.decoded_bytes, envelope.crc32)
    except RecordDecodeError as error:
        if error.reason == "checksum":
            raise Refused(grpc.StatusCode.DATA_LOSS, f"{name}: {error}", Refusal.CORRUPT) from error
        raise _invalid(f"{name}: {error}", Refusal.TOO_LARGE) from error


def is_opened(envelope: Envelope) -> bool:
    """Whether a record is looked into before it is stored."""
    return envelope.kind != RecordKind.RECORD_KIND_SAMPLES


def opened(envelope: Envelope, bounds: Bounds) -> Record:
    """The record, believable by its run's plan. Raises Unbelievable."""
    kind = word(RecordKind, envelope.kind)
    largest = _LARGEST_BYTES.get(envelope.kind, _LARGEST_OTHER_BYTES)
    if envelope.decoded_bytes > largest:
        raise Unbelievable(f"{kind} has {envelope.decoded_bytes} bytes; at most {largest} fit")
    try:
        record = decode(envelope)
    except RecordDecodeError as error:
        raise Unbelievable(f"{kind} cannot be read: {error}") from error
    # A newer agent's record has no field here and counts as none.
    found = record.WhichOneof("record")
    if found != kind and (found or envelope.kind == RecordKind.RECORD_KIND_RUN_OUTCOME):
        raise Unbelievable(f"its header says {kind}, it holds {found or 'nothing known'}")
    check_record(record, envelope.trial, bounds)
    return record


def _invalid(message: str, reason: Refusal = Refusal.PROTOCOL) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message, reason)
