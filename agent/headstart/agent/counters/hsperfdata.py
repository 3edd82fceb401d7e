"""The counters that HotSpot keeps in a memory-mapped file of its own (-XX:+UsePerfData).

The format: perfMemory.hpp and perfData.hpp of OpenJDK, version 2. A prologue of 32
bytes, then entries, each with its name and one value: a 64-bit number or a text.
Reading is passive: the JVM does not notice. Nothing in the file is trusted.
"""

import struct

_PROLOGUE_BYTES = 32
_MAGIC = bytes.fromhex("cafec0c0")
_VERSION = 2
_LITTLE = 1
_NUMBER, _BYTE = ord("J"), ord("B")
_MAXIMUM_ENTRIES = 4096
_MAXIMUM_TEXT_BYTES = 1024


class Malformed(Exception):
    """The bytes are no performance data of a JVM that is up."""


def parse(data: bytes) -> dict[str, int | str]:
    """All counters by name. Raises Malformed."""
    if len(data) < _PROLOGUE_BYTES or data[:4] != _MAGIC:
        raise Malformed("it does not begin as performance data does")
    order = "<" if data[4] == _LITTLE else ">"
    if data[5] != _VERSION:
        raise Malformed(f"its version is {data[5]}")
    if not data[7]:
        raise Malformed("the JVM has not finished it")
    # Bytes used, overflow, time of the last change, where entries begin, how many.
    at, count = struct.unpack_from(f"{order}ii", data, 24)
    if not 0 <= count <= _MAXIMUM_ENTRIES:
        raise Malformed(f"it has {count} entries")
    found: dict[str, int | str] = {}
    entry = struct.Struct(f"{order}iii4bi")
    for _ in range(count):
        if at < _PROLOGUE_BYTES or at + entry.size > len(data):
            raise Malformed("an entry lies outside of it")
        size, name_at, length, kind, _, _, _, value_at = entry.unpack_from(data, at)
        if size < entry.size or at + size > len(data):
            raise Malformed("an entry has no size that it can have")
        body = data[at : at + size]
        _add(found, body, order, name_at, length, kind, value_at)
        at += size
    return found


def _add(
    found: dict[str, int | str],
    body: bytes,
    order: str,
    name_at: int,
    length: int,
    kind: int,
    value_at: int,
) -> None:
    """Take one entry; one that is of an unknown kind or out of its own bounds is left out."""
    end = body.find(b"\0", name_at) if name_at > 0 else -1
    if end < 0 or value_at <= 0:
        return
    name = body[name_at:end].decode("ascii", "replace")
    if kind == _NUMBER and length == 0 and value_at + 8 <= len(body):
        (found[name],) = struct.unpack_from(f"{order}q", body, value_at)
    elif kind == _BYTE and 0 < length <= _MAXIMUM_TEXT_BYTES:
        found[name] = body[value_at : value_at + length].split(b"\0")[0].decode("utf-8", "replace")
