"""Files that people write: UTF-8, and where one is not, what it is and where that shows."""

from pathlib import Path

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = "\ufeff"
# C1 controls in Latin-1, which nobody types; in Windows-1252 they are quotes, dashes, the euro.
_WINDOWS = range(0x80, 0xA0)


class NotUtf8(Exception):
    """A file that cannot be read as text; `str()` says what was found, and the remedy."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_text(path: Path) -> str:
    """A file's text; a byte order mark of UTF-8 is left out. Raises NotUtf8 and OSError."""
    return decoded(path.read_bytes())


def decoded(content: bytes) -> str:
    """The text of a file's bytes. Raises NotUtf8."""
    if content.startswith(_UTF_16) or _has_zeros(content):
        raise NotUtf8("the file is UTF-16: save it as UTF-8")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        byte = content[error.start]
        raise NotUtf8(
            f"byte 0x{byte:02X} is not UTF-8; the file looks like {_looks_like(content)}: "
            "save it as UTF-8",
            before.count("\n") + 1,
            len(before) - (before.rfind("\n") + 1) + 1,
        ) from None
    return text.removeprefix(_BOM)


def _has_zeros(content: bytes) -> bool:
    """Whether every second byte of the beginning is 0, as in Latin text without a mark."""
    begin = content[:64]
    return len(begin) > 3 and (not any(begin[::2]) or not any(begin[1::2]))


def _looks_like(content: bytes) -> str:
    return "Windows-1252" if any(byte in _WINDOWS for byte in content) else "Latin-1"
