"""What an ELF file is, from its headers alone; it is never executed.

Form: ELF-64 Object File Format 1.5 (and the 32-bit one), System V ABI.
"""

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

MAGIC = b"\x7fELF"
_PT_INTERP = 3
_SHT_SYMTAB, _SHT_NOBITS, _SHT_DYNSYM = 2, 8, 11
_SHF_ALLOC = 2
# Of names of sections and of dynamic symbols; a hostile header may claim anything.
_NAMES_BYTES = 8 << 20
_MAXIMUM_HEADER_BYTES = 4096
_TABLE_BYTES = 16 << 20
# Longer ones are not looked for: all 65,535 may begin where no zero comes for megabytes.
_NAME_BYTES = 256


class NotElf(Exception):
    """It is no ELF file, or its headers contradict it."""


@dataclass(frozen=True)
class Elf:
    """`dynamic_names`: the names of dynamic symbols, as they stand in the file, zero-ended."""

    interpreted: bool
    sections: frozenset[str] = frozenset()
    # Of sections that no program needs: symbol tables and debugging information.
    symbol_bytes: int = 0
    dynamic_names: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class _Section:
    name: int
    type: int
    flags: int
    offset: int
    size: int
    link: int


def read_elf(file: BinaryIO) -> Elf:
    """Raises NotElf."""
    try:
        return _read(file)
    except (struct.error, IndexError, OverflowError, ValueError, OSError) as error:
        raise NotElf(str(error)) from error


def _read(file: BinaryIO) -> Elf:
    file.seek(0)
    head = file.read(64)
    if head[:4] != MAGIC:
        raise NotElf("no ELF header")
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    if wide:
        _, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = struct.unpack(
            f"{order}HHIQQQIHHHHHH", head[16:64]
        )
    else:
        _, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = struct.unpack(
            f"{order}HHIIIIIHHHHHH", head[16:52]
        )
    interpreted = any(
        struct.unpack(f"{order}I", header[:4])[0] == _PT_INTERP
        for header in _table(file, phoff, phsize, phnum)
    )
    layout = f"{order}IIQQQQI" if wide else f"{order}IIIIIII"
    sections = [
        _Section(name, kind, flags, offset, size, link)
        for name, kind, flags, _, offset, size, link in (
            struct.unpack(layout, header[: struct.calcsize(layout)])
            for header in _table(file, shoff, shsize, shnum)
        )
    ]
    if not sections or names >= len(sections):
        return Elf(interpreted)
    texts = _content(file, sections[names])
    named = [(section, _text(texts, section.name)) for section in sections]
    dynamic = next((s for s in sections if s.type == _SHT_DYNSYM), None)
    return Elf(
        interpreted=interpreted,
        sections=frozenset(name for _, name in named if name),
        # Sections may claim any size, and to lie upon each other.
        symbol_bytes=min(_symbol_bytes(named, sections), file.seek(0, os.SEEK_END)),
        dynamic_names=_content(file, sections[dynamic.link]) if dynamic else b"",
    )


def _table(file: BinaryIO, offset: int, size: int, count: int) -> list[bytes]:
    if not offset or not 0 < size <= _MAXIMUM_HEADER_BYTES:
        return []
    file.seek(offset)
    data = file.read(min(size * count, _TABLE_BYTES))
    return [data[at : at + size] for at in range(0, len(data) - size + 1, size)]


def _content(file: BinaryIO, section: _Section) -> bytes:
    if section.type == _SHT_NOBITS:
        return b""
    file.seek(section.offset)
    return file.read(min(section.size, _NAMES_BYTES))


def _text(texts: bytes, offset: int) -> str:
    return texts[offset : offset + _NAME_BYTES].partition(b"\0")[0].decode("ascii", "replace")


def _symbol_bytes(named: list[tuple[_Section, str]], sections: list[_Section]) -> int:
    """What `strip` would take away: symbol tables with their names, debugging sections."""
    found = 0
    for section, name in named:
        if section.flags & _SHF_ALLOC or section.type == _SHT_NOBITS:
            continue
        if name.startswith((".debug_", ".zdebug_", ".gnu_debugdata")):
            found += section.size
        elif section.type == _SHT_SYMTAB:
            found += section.size + sections[section.link].size
    return found
