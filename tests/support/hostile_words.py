"""Words as somebody writes who wants to be misread, and what must never be left of them."""

import re
import unicodedata
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

# A title, colours, a cleared screen by ESC and by CSI, a forged line, a reordered line,
# markup of HTML, Markdown, rich and Prometheus, and characters that XML forbids.
HOSTILE = (
    "\x1b]0;pwned\x07\x1b[31mRED\x1b[2J\x1b[H\x9b31m\r\nFORGED line\u2028FORGED"
    "\u202egnp\u200b\ufeff\ufffe\x00\x7f<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    "[click](javascript:alert(1)) ![i](http://evil.example/x.png) | a |"
    '\n# FORGED\n```\n[bold]b[/]"} 1'
)

VISIBLE_FORMATS = {0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x600, 0x606)}
JOINERS = "\u200c\u200d"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def is_hostile(character: str) -> bool:
    """By the categories of Unicode; the ranges in `words.foreign.clean` are a copy of them."""
    code = ord(character)
    nothing = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    category = unicodedata.category(character)
    if category == "Cf":
        return code not in VISIBLE_FORMATS
    return nothing or category in ("Cc", "Zl", "Zp", "Cs")


def hostile_in(output: bytes, coloured: bool = False, rewritten: bool = False) -> list[str]:
    """What of an output must not be there, with what stands before and after it.

    `coloured`: our own colours may be; `rewritten`: our own return to the line's beginning.
    """
    text = output.decode("utf-8")
    if coloured:
        text = _COLOURS.sub("", text).replace("\r\n", "\n")
    if rewritten:
        text = text.replace("\r\x1b[K", "\n")
    return [
        text[max(0, place - 20) : place + 20]
        for place, character in enumerate(text)
        if is_hostile(character) and character not in "\n\t"
    ]


def forged_in(output: bytes) -> list[str]:
    """Lines that begin as somebody else chose. Blocks of several lines may hold such lines."""
    return re.findall(r"(?m)^(?:# )?FORGED.*", output.decode("utf-8").replace("\r", "\n"))


def fill(message: Message, text: str = HOSTILE, keep: tuple[str, ...] = ()) -> None:
    """Replace every text that is set in a message, in depth, but in the fields of these names."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(value, text)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            for each in value if field.is_repeated else [value]:
                fill(each, text, keep)
        elif field.type == FieldDescriptor.TYPE_STRING and field.name not in keep:
            if field.is_repeated:
                value[:] = [text] * len(value)
            else:
                setattr(message, field.name, text)


def _fill_map(entries: Any, text: str) -> None:
    for key in list(entries):
        if isinstance(entries[key], str):
            del entries[key]
            entries[text] = text
