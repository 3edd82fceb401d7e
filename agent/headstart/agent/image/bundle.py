"""The .NET single-file bundle: a host program with assemblies appended.

Form: dotnet/designs, accepted/2020/single-file/bundler.md; the header's place is in the
host, in front of a signature (the SHA-256 of ".net core bundle").
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from headstart.agent.image.pe import Managed, read_pe

_SIGNATURE = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")
_SEARCHED_BYTES = 64 << 20
_PIECE = 1 << 20
_MAXIMUM_FILES = 10_000
_ASSEMBLY = 1
# From this version of the header on entries may be compressed.
_COMPRESSED_FROM = 6


class Malformed(Exception):
    """It says that it is a bundle, and its list of files is none."""


def read_bundle(file: BinaryIO, name: str) -> Managed:
    """What the assembly NAME.dll in a bundle holds; NONE when the file is no bundle.

    Raises Malformed.
    """
    at = _header_offset(file)
    if not at:
        return Managed.NONE
    try:
        for offset, compressed, path in _assemblies(file, at):
            if path == f"{name}.dll":
                return Managed.IL if compressed else read_pe(file, offset)
    except (struct.error, OverflowError, ValueError, OSError) as error:
        raise Malformed(f"its list of files cannot be read: {error}") from error
    # A renamed program, or assemblies that are compressed: managed code it is.
    return Managed.IL


def _header_offset(file: BinaryIO) -> int:
    """0: no bundle. The host has the signature always, an offset only once bundled."""
    file.seek(0)
    kept, read = b"", 0
    while read < _SEARCHED_BYTES and (piece := file.read(_PIECE)):
        read += len(piece)
        window = kept + piece
        found = window.find(_SIGNATURE)
        if found >= 8:
            offset: int = struct.unpack_from("<q", window, found - 8)[0]
            return max(0, offset)
        kept = window[-len(_SIGNATURE) - 8 :]
    return 0


def _assemblies(file: BinaryIO, at: int) -> Iterator[tuple[int, bool, str]]:
    """Offset, whether compressed, path."""
    file.seek(at)
    major, _, count = struct.unpack("<IIi", file.read(12))
    _text(file)
    if major >= 2:
        # Places of two JSON files, flags.
        file.read(40)
    for _ in range(min(count, _MAXIMUM_FILES)):
        offset, _ = struct.unpack("<qq", file.read(16))
        compressed = major >= _COMPRESSED_FROM and struct.unpack("<q", file.read(8))[0] != 0
        (kind,) = struct.unpack("<B", file.read(1))
        path = _text(file)
        if kind == _ASSEMBLY:
            yield offset, compressed, path


def _text(file: BinaryIO) -> str:
    """Length in 7-bit groups, then UTF-8 (BinaryWriter.Write(string))."""
    length = shift = 0
    while True:
        (byte,) = struct.unpack("<B", file.read(1))
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 21:
            return file.read(min(length, 4096)).decode("utf-8", "replace")
