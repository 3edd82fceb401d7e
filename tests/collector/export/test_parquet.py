"""The writer: row groups, types, and what is not complete."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from headstart.collector.export.formats.parquet import ParquetFile
from headstart.collector.export.layout import TABLES, Column, Kind, Table
from headstart.collector.export.reference import BEGIN, END, reference
from headstart.collector.export.rows import Masked, Rows
from headstart.collector.generated import with_part

DOCUMENT = Path(__file__).parents[3] / "docs" / "EXPORT.md"
TABLE = Table(
    "numbers",
    "a number",
    (
        Column("number", Kind.INTEGER, "", "a number"),
        Column("words", Kind.TEXTS, "", "words of it"),
    ),
)


def numbers(count: int) -> Rows:
    """The last one absent."""
    absent = np.zeros(count, dtype=np.bool_)
    absent[-1] = True
    return Rows(count, {"words": ["a", "b"]}, {"number": Masked(np.arange(count), absent)})


def test_memory_is_bounded_by_row_groups_and_small_parts_share_one() -> None:
    file = io.BytesIO()
    with ParquetFile(file, TABLE) as parquet:
        for _ in range(30):
            parquet.add(numbers(10_000))
        parquet.add(Rows(0, {}))
    found = pq.ParquetFile(file)
    groups = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    table = found.read()

    assert parquet.rows == 300_000
    assert groups == [70_000, 70_000, 70_000, 70_000, 20_000]
    assert table["number"].null_count == 30
    assert table["words"][0].as_py() == ["a", "b"]


def test_a_table_without_rows_has_its_columns() -> None:
    file = io.BytesIO()
    with ParquetFile(file, TABLE):
        pass

    assert pq.read_table(file).column_names == ["number", "words"]


def test_rows_that_lack_a_column_are_refused() -> None:
    with pytest.raises(KeyError, match="words"), ParquetFile(io.BytesIO(), TABLE) as parquet:
        parquet.add(Rows(1, {"number": 1}))


def test_names_are_unique_and_end_in_their_unit() -> None:
    suffixes = {"seconds": "_seconds", "bytes": "_bytes", "nanoseconds": "_ns"}
    suffixes |= {"microseconds": "_us"}
    for table in TABLES.values():
        names = [column.name for column in table.columns]

        assert len(set(names)) == len(names)
        for column in table.columns:
            # "CPU time per request" ends in what it is per.
            name = column.name.removesuffix("_per_request")
            assert name.endswith(suffixes.get(column.unit, "")), name


def test_the_document_has_the_columns_that_are_written() -> None:
    text = DOCUMENT.read_text()

    assert text == with_part(text, BEGIN, END, reference()), (
        "run `python -m headstart.collector.export.reference docs/EXPORT.md`"
    )
    assert "| `rss_bytes` | integer | bytes | resident set" in reference()
