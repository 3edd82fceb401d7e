"""Program files by hand: just the headers that tell their kinds apart."""

import struct
from collections.abc import Mapping

_INTERP = 3
_SYMTAB, _STRTAB, _DYNSYM = 2, 3, 11
_SHF_ALLOC = 2
# dotnet/runtime, apphost: what stands before the offset of a bundle's header.
BUNDLE_SIGNATURE = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")


def elf(
    sections: Mapping[str, bytes] | None = None,
    interpreted: bool = False,
    dynamic_names: bytes = b"",
    symbols: bytes = b"",
    end: bytes = b"",
) -> bytes:
    """A little-endian ELF-64 file with these sections; `symbols`: of a table not stripped."""
    content = bytearray(64 + 56)
    names = bytearray(b"\0")
    table = [(0, 0, 0, 0, 0, 0)]

    def add(name: str, kind: int, data: bytes, flags: int = _SHF_ALLOC, link: int = 0) -> None:
        table.append((len(names), kind, flags, len(content), len(data), link))
        names.extend(name.encode() + b"\0")
        content.extend(data)

    for name, data in (sections or {}).items():
        add(name, 1, data, 0 if name.startswith(".debug") else _SHF_ALLOC)
    if dynamic_names:
        add(".dynstr", _STRTAB, dynamic_names)
        add(".dynsym", _DYNSYM, b"", link=len(table) - 1)
    if symbols:
        add(".strtab", _STRTAB, symbols, flags=0)
        add(".symtab", _SYMTAB, symbols, flags=0, link=len(table) - 1)
    add(".shstrtab", _STRTAB, b"", flags=0)
    at_name, kind, flags, _, _, link = table[-1]
    table[-1] = (at_name, kind, flags, len(content), len(names), link)
    content.extend(names)
    offset = len(content)
    for at_name, kind, flags, at, size, link in table:
        content.extend(struct.pack("<IIQQQQIIQQ", at_name, kind, flags, 0, at, size, link, 0, 1, 0))
    content[:64] = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack(
            "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, offset, 0, 64, 56, 1, 64, len(table), len(table) - 1
        )
    )
    segment = _INTERP if interpreted else 1
    content[64:120] = struct.pack("<IIQQQQQQ", segment, 4, 0, 0, 0, 0, 0, 8)
    return bytes(content) + end


def pe(managed: bool = True, native_header: bytes = b"", wide: bool = False) -> bytes:
    """A Windows executable; `native_header`: what its managed native header begins with."""
    address = 0x2000
    clr = bytearray(72)
    if native_header:
        struct.pack_into("<II", clr, 64, address + len(clr), len(native_header))
    section = bytes(clr) + native_header
    optional = bytearray(240 if wide else 224)
    optional[:2] = b"\x0b\x02" if wide else b"\x0b\x01"
    if managed:
        struct.pack_into("<II", optional, (112 if wide else 96) + 8 * 14, address, 72)
    raw = 128 + 24 + len(optional) + 40
    header = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0)
    sections = struct.pack("<8sIIII16x", b".text", len(section), address, len(section), raw)
    return header + coff + bytes(optional) + sections + section


IL = pe()
READY_TO_RUN = pe(native_header=b"RTR\0\x09\0\0\0", wide=True)


def bundle(assemblies: Mapping[str, bytes], compressed: bool = False) -> bytes:
    """A single-file program: an ELF host, then assemblies, then the list of them."""
    host = bytearray(elf({".data": bytes(8) + BUNDLE_SIGNATURE}, interpreted=True))
    entries = b""
    for path, content in assemblies.items():
        packed = len(content) // 2 if compressed else 0
        entries += struct.pack("<qqq", len(host), len(content), packed) + b"\x01" + _text(path)
        host.extend(content)
    header = struct.pack("<IIi", 6, 0, len(assemblies)) + _text("id") + bytes(40) + entries
    at = host.index(BUNDLE_SIGNATURE) - 8
    host[at : at + 8] = struct.pack("<q", len(host))
    return bytes(host) + header


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()
