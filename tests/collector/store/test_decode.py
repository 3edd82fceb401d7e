import zlib

import pytest
import zstandard

from headstart.collector.store.decode import (
    MAXIMUM_DECODED_BYTES,
    RecordDecodeError,
    check_payload,
    decode,
    decode_payload,
)
from headstart.v1.records_pb2 import Encoding, Envelope, Event, Record

RECORD = Record(event=Event(trial=3, name="note", text="x" * 500))
SERIALISED = RECORD.SerializeToString()
PLAIN, ZSTD = Encoding.ENCODING_PLAIN, Encoding.ENCODING_ZSTD


def test_a_plain_and_a_packed_payload_give_the_same_record() -> None:
    packed = zstandard.compress(SERIALISED)

    assert decode_payload(SERIALISED, PLAIN, len(SERIALISED), zlib.crc32(SERIALISED)) == RECORD
    assert decode_payload(packed, ZSTD, len(SERIALISED), zlib.crc32(packed)) == RECORD


def test_an_envelope_is_decoded_by_its_own_header() -> None:
    envelope = Envelope(
        encoding=PLAIN,
        decoded_bytes=len(SERIALISED),
        crc32=zlib.crc32(SERIALISED),
        payload=SERIALISED,
    )

    assert decode(envelope) == RECORD


def test_one_flipped_bit_is_noticed() -> None:
    packed = bytearray(zstandard.compress(SERIALISED))
    checksum = zlib.crc32(packed)
    packed[-3] ^= 1

    with pytest.raises(RecordDecodeError) as raised:
        decode_payload(bytes(packed), ZSTD, len(SERIALISED), checksum)
    assert raised.value.reason == "checksum"


def test_a_frame_cannot_unpack_to_more_than_its_header_promised() -> None:
    bomb = zstandard.compress(bytes(50_000_000))
    without_size = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(50_000_000))

    for frame in (bomb, without_size):
        with pytest.raises(RecordDecodeError) as raised:
            decode_payload(frame, ZSTD, 1000, zlib.crc32(frame))
        assert raised.value.reason == "size"


def test_an_enormous_promise_is_refused_before_anything_is_unpacked() -> None:
    with pytest.raises(RecordDecodeError) as raised:
        check_payload(b"", MAXIMUM_DECODED_BYTES + 1, zlib.crc32(b""))
    assert raised.value.reason == "size"


def test_a_window_of_gigabytes_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = packer.compress(SERIALISED) + packer.flush()

    with pytest.raises(RecordDecodeError) as raised:
        decode_payload(frame, ZSTD, len(SERIALISED), zlib.crc32(frame))
    assert raised.value.reason == "encoding"


@pytest.mark.parametrize("payload", [b"", b"not zstd", zstandard.compress(SERIALISED)[:-20]])
def test_what_is_no_whole_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(RecordDecodeError):
        decode_payload(payload, ZSTD, len(SERIALISED), zlib.crc32(payload))


def test_bytes_that_are_no_record_are_refused() -> None:
    with pytest.raises(RecordDecodeError) as raised:
        decode_payload(b"\xff" * 9, PLAIN, 9, zlib.crc32(b"\xff" * 9))
    assert raised.value.reason == "content"


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(RecordDecodeError) as raised:
        decode_payload(b"", Encoding.ENCODING_UNSPECIFIED, 0, 0)
    assert raised.value.reason == "encoding"
