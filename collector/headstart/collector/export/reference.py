"""The tables of columns in docs/EXPORT.md.

`python -m headstart.collector.export.reference docs/EXPORT.md` writes them anew between their
two marks; a test holds the document to it.
"""

import sys
from collections.abc import Iterable

from headstart.collector.export.layout import COMMON, TABLES, Column, Table
from headstart.collector.generated import write_part

BEGIN = "<!-- columns: generated, do not edit -->"
END = "<!-- /columns -->"


def reference() -> str:
    """What all tables share, then each."""
    parts = [_section("Every table", COMMON)]
    parts += [_section(_title(table), table.columns[len(COMMON) :]) for table in TABLES.values()]
    return "\n\n".join(parts)


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
    write_part(sys.argv[1], BEGIN, END, reference())
