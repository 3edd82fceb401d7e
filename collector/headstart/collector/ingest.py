"""What is checked of an envelope before it is stored; its payload stays opaque.

Only a terminal record is opened: it ends a run in the transaction that stores it.
"""

import grpc

from headstart.collector.config import Limits
from headstart.collector.decode import RecordDecodeError, check_payload, decode
from headstart.collector.refused import Refused
from headstart.collector.self_metrics import Refusal
from headstart.v1.fleet_pb2 import RecordBatch
from headstart.v1.records_pb2 import Encoding, Envelope, RecordKind, RunOutcome

_KINDS = frozenset(RecordKind.values()) - {RecordKind.RECORD_KIND_UNSPECIFIED}
_ENCODINGS = frozenset({Encoding.ENCODING_PLAIN, Encoding.ENCODING_ZSTD})
# What an integer column holds in every database; a uint64 need not fit.
_LARGEST_SEQUENCE = (1 << 63) - 1
_LARGEST_NUMBER = (1 << 31) - 1
_LONGEST_RUN_ID = 40
# Unpacked in the event loop, unlike all others.
_LARGEST_OUTCOME_BYTES = 64 * 1024


def check_batch(batch: RecordBatch, limits: Limits) -> None:
    """Refuse a message with too many envelopes; its bytes were bounded by the transport."""
    if len(batch.envelopes) > limits.envelopes_per_batch:
        raise _invalid(
            f"a batch of {len(batch.envelopes)} envelopes; "
            f"at most {limits.envelopes_per_batch} are taken",
            Refusal.TOO_LARGE,
        )


def check_envelope(envelope: Envelope, limits: Limits) -> None:
    """Raise Refused unless the header is within bounds and the payload is whole."""
    name = f"envelope {envelope.sequence}"
    if not 0 < envelope.sequence <= _LARGEST_SEQUENCE:
        raise _invalid(f"{name}: sequences count from 1")
    if not 0 < len(envelope.run_id) <= _LONGEST_RUN_ID:
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


def outcome_of(envelope: Envelope) -> RunOutcome:
    """The terminal record in an envelope of kind RUN_OUTCOME. Raises Refused."""
    name = f"envelope {envelope.sequence}"
    if envelope.decoded_bytes > _LARGEST_OUTCOME_BYTES:
        raise _invalid(f"{name}: a terminal record of {envelope.decoded_bytes} bytes")
    try:
        record = decode(envelope)
    except RecordDecodeError as error:
        raise Refused(grpc.StatusCode.DATA_LOSS, f"{name}: {error}", Refusal.CORRUPT) from error
    if record.WhichOneof("record") != "run_outcome":
        raise _invalid(
            f"{name}: its header says run_outcome, it holds {record.WhichOneof('record')}"
        )
    return record.run_outcome


def _invalid(message: str, reason: Refusal = Refusal.PROTOCOL) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message, reason)
