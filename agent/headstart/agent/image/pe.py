"""Whether a Windows executable holds .NET code, and whether some of it is precompiled.

Forms: ECMA-335 II.25 (headers of a managed file) and dotnet/runtime's
docs/design/coreclr/botr/readytorun-format.md (READYTORUN_SIGNATURE).
"""

import struct
from enum import Enum
from typing import BinaryIO

MAGIC = b"MZ"
_CLR_DIRECTORY = 14
_NATIVE_HEADER_OFFSET = 64
_READY_TO_RUN = b"RTR\0"
_MAXIMUM_SECTIONS = 96


class Managed(Enum):
    """What a file holds."""

    NONE = 1
    IL = 2
    READY_TO_RUN = 3


def read_pe(file: BinaryIO, start: int = 0) -> Managed:
    """NONE also for what is no PE file; `start`: where it begins within a bundle."""
    try:
        return _read(file, start)
    except (struct.error, OverflowError, ValueError, OSError):
        return Managed.NONE


def _read(file: BinaryIO, start: int) -> Managed:
    file.seek(start)
    head = file.read(64)
    if head[:2] != MAGIC:
        return Managed.NONE
    (at,) = struct.unpack_from("<I", head, 60)
    file.seek(start + at)
    head = file.read(24)
    if head[:4] != b"PE\0\0":
        return Managed.NONE
    (sections,) = struct.unpack_from("<H", head, 6)
    (optional_size,) = struct.unpack_from("<H", head, 20)
    optional = file.read(optional_size)
    # PE32+ has wider fields before the table of directories.
    directories = 112 if optional[:2] == b"\x0b\x02" else 96
    (clr_address,) = struct.unpack_from("<I", optional, directories + 8 * _CLR_DIRECTORY)
    if not clr_address:
        return Managed.NONE
    table = file.read(40 * min(sections, _MAXIMUM_SECTIONS))
    clr = _at(file, start, table, clr_address, _NATIVE_HEADER_OFFSET + 8)
    address, size = struct.unpack_from("<II", clr, _NATIVE_HEADER_OFFSET)
    if not size:
        return Managed.IL
    precompiled = _at(file, start, table, address, 4) == _READY_TO_RUN
    return Managed.READY_TO_RUN if precompiled else Managed.IL


def _at(file: BinaryIO, start: int, table: bytes, address: int, length: int) -> bytes:
    """Bytes at an address of the loaded file."""
    for section in range(0, len(table) - 39, 40):
        size, begin, raw_size, raw = struct.unpack_from("<IIII", table, section + 8)
        if begin <= address < begin + max(size, raw_size):
            file.seek(start + raw + address - begin)
            return file.read(length)
    return b""
