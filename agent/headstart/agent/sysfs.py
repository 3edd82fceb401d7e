"""Reading the small files of /proc and /sys, which may be absent or closed to us."""

from pathlib import Path


def read_text(path: Path) -> str:
    """Its text without blanks around it; empty when it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def chosen(text: str) -> str:
    """The choice in brackets of a file such as `always [madvise] never`."""
    before, bracket, after = text.partition("[")
    return after.partition("]")[0] if bracket else before
