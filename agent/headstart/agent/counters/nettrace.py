"""Events out of a nettrace stream, format version 4 and 5, which a measured program wrote.

The format: NetTraceFormat_v5.md of microsoft/perfview. Nothing in the stream is
trusted: every length is held against what is there, nesting and counts are bounded,
and a stream that ends early gives the events before its end.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Value = int | float | str

_MAGIC = b"Nettrace\x14\x00\x00\x00!FastSerialization.1"
_NULL, _BEGIN, _END = 1, 5, 6
_BLOCKS = ("EventBlock", "MetadataBlock", "StackBlock", "SPBlock")
# SyncTimeUTC, two longs and four ints.
_TRACE_BYTES = 16 + 2 * 8 + 4 * 4
_COMPRESSED = 1
# The fields of one kind of event, nested ones included. Fields without a size (an empty object) let
# events of two bytes cost as much as there are of them: all that are read are counted too.
_MAXIMUM_FIELDS = 256
_MAXIMUM_READ_FIELDS = 500_000
_MAXIMUM_DEPTH = 4
_OBJECT, _STRING = 1, 18
# System.TypeCode of what has a fixed size; a Boolean takes four bytes.
_FIXED = {
    3: "<i",
    4: "<H",
    5: "<b",
    6: "<B",
    7: "<h",
    8: "<H",
    9: "<i",
    10: "<I",
    11: "<q",
    12: "<Q",
    13: "<f",
    14: "<d",
    # DateTime, in ticks.
    16: "<q",
}


class Malformed(Exception):
    """The bytes are no nettrace stream."""


@dataclass(frozen=True)
class Event:
    """One event; the fields of nested objects stand beside the others."""

    provider: str
    name: str
    fields: dict[str, Value]


@dataclass(frozen=True)
class _Field:
    name: str
    code: int
    nested: tuple["_Field", ...] = ()


@dataclass(frozen=True)
class _Kind:
    provider: str
    name: str
    fields: tuple[_Field, ...]
    # Fields that an event of it costs to read, nested ones included.
    cost: int


class _Ended(Exception):
    """Fewer bytes than were announced."""


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if size < 0 or size > self.left():
            raise _Ended
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        value = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return int(value)

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("a number of more than ten bytes")

    def text(self) -> str:
        """UTF-16, ended by a zero."""
        end = self.at
        while self.data[end : end + 2] != b"\0\0":
            if end + 2 > len(self.data):
                raise _Ended
            end += 2
        found = self.take(end - self.at).decode("utf-16-le", "replace")
        self.at += 2
        return found


def events(stream: bytes) -> Iterator[Event]:
    """Events in the order of the stream, those of unknown kinds left out.

    Raises Malformed for what is no nettrace stream, or costs more to read than one does;
    one that was cut just ends.
    """
    cursor = _Cursor(stream)
    if not stream.startswith(_MAGIC[: len(stream)]):
        raise Malformed("it does not begin as a nettrace stream does")
    kinds: dict[int, _Kind] = {}
    read = 0
    try:
        cursor.take(len(_MAGIC))
        for type_name, block in _objects(cursor):
            if type_name == "MetadataBlock":
                for _, payload in _blobs(block):
                    _define(payload, kinds)
            elif type_name == "EventBlock":
                for kind_id, payload in _blobs(block):
                    kind = kinds.get(kind_id)
                    read += kind.cost if kind is not None else 1
                    if read > _MAXIMUM_READ_FIELDS:
                        raise Malformed("it has more events than counters need")
                    if kind is not None and (event := _event(kind, payload)):
                        yield event
    except _Ended:
        return


def _objects(cursor: _Cursor) -> Iterator[tuple[str, bytes]]:
    """Type and payload of each object; a block's payload begins with its header."""
    while (tag := cursor.take(1)[0]) != _NULL:
        if tag != _BEGIN or cursor.take(2) != bytes((_BEGIN, _NULL)):
            raise Malformed("an object does not begin where one must")
        cursor.take(8)
        type_name = cursor.take(cursor.number("<i")).decode("ascii", "replace")
        if cursor.take(1)[0] != _END:
            raise Malformed("a type does not end where it must")
        if type_name == "Trace":
            payload = cursor.take(_TRACE_BYTES)
        elif type_name in _BLOCKS:
            size = cursor.number("<i")
            # Blocks are aligned to four bytes of the stream.
            cursor.take(-cursor.at % 4)
            payload = cursor.take(size)
        else:
            raise Malformed(f"an object of the unknown type {type_name[:40]!r}")
        yield type_name, payload
        if cursor.take(1)[0] != _END:
            raise Malformed(f"a {type_name} does not end where it must")


def _blobs(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Metadata id and payload of each event of a block; a torn last one is left out."""
    cursor = _Cursor(block)
    try:
        size, flags = cursor.number("<H"), cursor.number("<H")
        cursor.at = max(size, cursor.at)
        blob = _compressed if flags & _COMPRESSED else _plain
        previous = (0, 0)
        while cursor.left() > 0:
            previous = blob(cursor, *previous)
            kind_id, payload_size = previous
            yield kind_id & 0x7FFFFFFF, cursor.take(payload_size)
            if blob is _plain:
                cursor.take(min(-cursor.at % 4, cursor.left()))
    except _Ended:
        return


def _plain(cursor: _Cursor, _kind_id: int, _size: int) -> tuple[int, int]:
    cursor.take(4)
    kind_id = cursor.number("<I")
    # Sequence, two threads, processor, stack, time, two activities.
    cursor.take(4 + 8 + 8 + 4 + 4 + 8 + 16 + 16)
    return kind_id, cursor.number("<i")


def _compressed(cursor: _Cursor, kind_id: int, size: int) -> tuple[int, int]:
    """Header fields that are not there are those of the event before."""
    flags = cursor.take(1)[0]
    if flags & 1:
        kind_id = cursor.varint()
    # Sequence, capturing thread and processor; thread; stack; always the time.
    for _ in range(3 * bool(flags & 2) + bool(flags & 4) + bool(flags & 8) + 1):
        cursor.varint()
    cursor.take(16 * (bool(flags & 16) + bool(flags & 32)))
    if flags & 128:
        size = cursor.varint()
    return kind_id, size


def _define(payload: bytes, kinds: dict[int, _Kind]) -> None:
    """Read one record of metadata; what follows the fields (tags of version 5) is not needed."""
    cursor = _Cursor(payload)
    try:
        kind_id = cursor.number("<i")
        provider = cursor.text()
        cursor.take(4)
        name = cursor.text()
        cursor.take(8 + 4 + 4)
        fields = _fields(cursor, 0)
        if (cost := _cost(fields)) <= _MAXIMUM_FIELDS:
            kinds[kind_id] = _Kind(provider, name, fields, cost)
    except (_Ended, Malformed):
        # An event that cannot be read is one that is not known.
        return


def _fields(cursor: _Cursor, depth: int) -> tuple[_Field, ...]:
    count = cursor.number("<i")
    if not 0 <= count <= _MAXIMUM_FIELDS or depth > _MAXIMUM_DEPTH:
        raise Malformed("more fields than an event has")
    found = []
    for _ in range(count):
        code = cursor.number("<i")
        nested = _fields(cursor, depth + 1) if code == _OBJECT else ()
        found.append(_Field(cursor.text(), code, nested))
    return tuple(found)


def _cost(fields: tuple[_Field, ...]) -> int:
    return 1 + sum(_cost(field.nested) for field in fields)


def _event(kind: _Kind, payload: bytes) -> Event | None:
    """None: it has a field of an unknown type, or is shorter than its fields."""
    found: dict[str, Value] = {}
    try:
        _read(_Cursor(payload), kind.fields, found)
    except (_Ended, KeyError):
        return None
    return Event(kind.provider, kind.name, found)


def _read(cursor: _Cursor, fields: tuple[_Field, ...], found: dict[str, Value]) -> None:
    for field in fields:
        if field.code == _OBJECT:
            _read(cursor, field.nested, found)
        elif field.code == _STRING:
            found[field.name] = cursor.text()
        else:
            form = _FIXED[field.code]
            found[field.name] = struct.unpack(form, cursor.take(struct.calcsize(form)))[0]
