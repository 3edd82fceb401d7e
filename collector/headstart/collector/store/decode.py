"""From stored payloads to records: the only place of the collector that unpacks them.

Ingest needs the header alone (`check_payload`); analysis unpacks. What came from an
agent is untrusted: its size is bounded before anything is unpacked, and a frame
cannot unpack to more than its header promised.
"""

import io
import threading
import zlib

import zstandard
from google.protobuf.message import DecodeError as ProtobufError

from headstart.v1.records_pb2 import Encoding, Envelope, Record

# The largest record is a build's outcome, whose log is compressed within it; a
# second of samples takes some 10 kB.
MAXIMUM_DECODED_BYTES = 16 * 1024 * 1024

_of_thread = threading.local()


class RecordDecodeError(Exception):
    """A payload is not what its header says: it was damaged, or its sender is broken.

    `reason` is a word for counters: "checksum", "size", "encoding", "content".
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def check_payload(payload: bytes, decoded_bytes: int, crc32: int) -> None:
    """Raise RecordDecodeError unless the payload is whole and its size is within bounds."""
    if decoded_bytes > MAXIMUM_DECODED_BYTES:
        raise RecordDecodeError(
            "size", f"a record of {decoded_bytes} bytes; at most {MAXIMUM_DECODED_BYTES} are taken"
        )
    if zlib.crc32(payload) != crc32:
        raise RecordDecodeError("checksum", f"{len(payload)} bytes do not have CRC {crc32:08x}")


def decode_payload(
    payload: bytes, encoding: Encoding.ValueType, decoded_bytes: int, crc32: int
) -> Record:
    """The record of a stored row. Raises RecordDecodeError."""
    return parse(unpack(payload, encoding, decoded_bytes, crc32))


def unpack(payload: bytes, encoding: Encoding.ValueType, decoded_bytes: int, crc32: int) -> bytes:
    """The serialised record of a stored row. Raises RecordDecodeError."""
    check_payload(payload, decoded_bytes, crc32)
    if encoding == Encoding.ENCODING_PLAIN:
        serialised = payload
    elif encoding == Encoding.ENCODING_ZSTD:
        serialised = _unpack(payload, decoded_bytes)
    else:
        raise RecordDecodeError("encoding", f"encoding {encoding} is not known")
    if len(serialised) != decoded_bytes:
        raise RecordDecodeError(
            "size", f"unpacks to {len(serialised)} bytes or more instead of {decoded_bytes}"
        )
    return serialised


def parse(serialised: bytes) -> Record:
    """The record itself. Raises RecordDecodeError."""
    record = Record()
    try:
        record.ParseFromString(serialised)
    except ProtobufError as error:
        raise RecordDecodeError("content", f"not a record: {error}") from error
    return record


def decode(envelope: Envelope) -> Record:
    """The record in an envelope. Raises RecordDecodeError."""
    return decode_payload(
        envelope.payload, envelope.encoding, envelope.decoded_bytes, envelope.crc32
    )


def _unpacker() -> zstandard.ZstdDecompressor:
    """This thread's own: one is not for several, and making one costs more than using it."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "unpacker", None)
    if found is None:
        found = zstandard.ZstdDecompressor(max_window_size=MAXIMUM_DECODED_BYTES)
        _of_thread.unpacker = found
    return found


def _unpack(payload: bytes, decoded_bytes: int) -> bytes:
    """At most one byte more than promised; the caller compares.

    `ZstdDecompressor.decompress(max_output_size=...)` is no bound: it believes the
    content size in the frame's own header, so that one is compared first. The window is
    bounded for the same reason.
    """
    unpacker = _unpacker()
    try:
        if zstandard.frame_content_size(payload) == decoded_bytes:
            return unpacker.decompress(payload)
        with unpacker.stream_reader(io.BytesIO(payload)) as reader:
            return reader.read(decoded_bytes + 1)
    except zstandard.ZstdError as error:
        raise RecordDecodeError("encoding", f"not a zstd frame: {error}") from error
