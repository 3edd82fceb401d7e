r"""Words from outside, made fit to be shown: one function for each kind of place.

An agent, an app, a build's log, an experiment file, an image, an engine and a collector all
hand us text, and whoever reads it must not be misled by it. What could act on a terminal, end
a line, reorder a line on screen or break a parser is shown as Python writes it (`\x1b`,
`\u202e`) instead of dropped: the reader sees that something was there. Cleaning twice is
cleaning once. Letters of every script, emoji and their joiners stay as they are.

Hostile here are (categories of Unicode 15):
- Cc: C0 and C1 controls, among them ESC, CSI (U+009B), DEL, CR and LF;
- Cf: invisible format characters: directional marks, embeddings, overrides and isolates, zero
  width space, byte order mark, soft hyphen, tags; not the visible signs of Arabic and Kaithi
  numbers, and not the joiners U+200C and U+200D between two characters beyond ASCII;
- Zl, Zp: line and paragraph separator;
- Cs and noncharacters: lone surrogates, U+FFFE, U+FFFF and their like, which UTF-8 or XML 1.0
  forbid.
"""

import hashlib
import re

# Longer than any line of ours; what says more says it in a report's block.
LINE_CHARACTERS = 4096
# A label is an index key in Prometheus, and every series carries it.
LABEL_CHARACTERS = 128
_FILE_NAME_CHARACTERS = 128

# Cf without its visible members, the joiners, and what is reserved to be invisible.
_INVISIBLE = (
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_NEVER = "\u2028\u2029\ud800-\udfff\ufdd0-\ufdef" + "".join(
    f"{chr(plane | 0xFFFE)}{chr(plane | 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_JOINED = f"[^\x00-\x9f\u200c\u200d{_INVISIBLE}{_NEVER}]"
_STRAY = re.compile(f"(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})")
_IN_A_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_INVISIBLE}{_NEVER}]|{_STRAY.pattern}")
_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}{_NEVER}]")
# Colours and "erase in line" of ECMA-48 carry no words, and build tools write many.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*[mK]")
# JSON escapes C0 itself; indentation's line feeds are its only raw ones.
_IN_JSON = re.compile(f"[\x7f-\x9f{_INVISIBLE}{_NEVER}]")
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]")

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def uncoloured(text: str) -> str:
    """The text without colours and without "erase in line"."""
    return _COLOURS.sub("", text)


def line(text: str, most: int = LINE_CHARACTERS) -> str:
    r"""One line for a terminal, a log, a report or an attribute of XML.

    A line break shows as `\n` and a tab as `\t`; colours are taken away. What is longer than
    `most` characters is cut, and ends in how long it was.
    """
    return _bounded(uncoloured(text), _IN_A_LINE, most)


def lines(text: str) -> str:
    """Several lines for a terminal, a report or text in XML: line feeds and tabs stay.

    It has no bound of its own: a log or a file is shown whole.
    """
    found = uncoloured(text.replace("\r\n", "\n"))
    joined = _STRAY.sub(_shown, found)
    # A call for each control of a binary log would take seconds: there are few distinct ones.
    for character in filter(_IN_LINES.match, set(found)):
        joined = joined.replace(character, _show(character))
    return joined


def label(text: str) -> str:
    """The value of a Prometheus label: one line of at most `LABEL_CHARACTERS`.

    A value that is too long ends in a short hash of itself, so that two of them stay two.
    """
    found = _IN_A_LINE.sub(_shown, text[: LABEL_CHARACTERS + 1])
    if len(found) <= LABEL_CHARACTERS:
        return found
    suffix = "~" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return found[: LABEL_CHARACTERS - len(suffix)].rstrip("\u200c\u200d") + suffix


def json_text(serialised: str) -> str:
    r"""A JSON text with the same values in which hostile characters are written as `\uXXXX`."""
    return _IN_JSON.sub(_json_escape, serialised)


def file_name(text: str) -> str:
    """A plain file name: ASCII letters, digits, `.`, `_` and `-`; never hidden, never a folder."""
    found = _NOT_IN_FILE_NAMES.sub("_", text[:_FILE_NAME_CHARACTERS])
    return f"_{found}" if found.startswith((".", "-")) or not found else found


def _shown(found: re.Match[str]) -> str:
    return _show(found.group())


def _show(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return _SHORT.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _bounded(text: str, hostile: re.Pattern[str], most: int) -> str:
    found = hostile.sub(_shown, text[: most + 1])
    if len(found) <= most:
        return found
    end = f"… ({len(text):,} characters)"
    return found[: max(0, most - len(end))] + end


def _json_escape(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
