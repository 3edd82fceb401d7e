"""The generated part of a document, between two marks."""

from pathlib import Path


def with_part(document: str, begin: str, end: str, part: str) -> str:
    """The document with what lies between the marks written anew."""
    before, _, rest = document.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{part}\n{end}{after}"


def write_part(path: str, begin: str, end: str, part: str) -> None:
    """The same with the document at a path."""
    document = Path(path)
    text = with_part(document.read_text(encoding="utf-8"), begin, end, part)
    document.write_text(text, encoding="utf-8")
