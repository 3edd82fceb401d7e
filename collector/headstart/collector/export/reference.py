"""The tables of columns in docs/EXPORT.md.

`python -m headstart.collector.export.reference docs/EXPORT.md` writes them anew between their
two marks; a test holds the document to it.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from headstart.collector.export.layout import COMMON, TABLES, Column, Table

BEGIN = "<!-- columns: generated, do not edit -->"
END = "<!-- /columns -->"


def reference() -> str:
    """What all tables share, then each."""
    parts = [_section("Every table", COMMON)]
    parts += [_section(_title(table), table.columns[len(COMMON) :]) for table in TABLES.values()]
    return "\n\n".join(parts)


def with_reference(document: str) -> str:
    """The document with what lies between the marks written anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


def _title(table: Table) -> str:
    return f"`{table.name}`: a row is {table.row}"


def _section(title: str, columns: Iterable[Column]) -> str:
    rows = (
        f"| `{column.name}` | {column.kind.value} | {column.unit} | {column.meaning} |"
        for column in columns
    )
    head = ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"### {title}", "", *head, *rows])


if __name__ == "__main__":
    _path = Path(sys.argv[1])
    _path.write_text(with_reference(_path.read_text(encoding="utf-8")), encoding="utf-8")
