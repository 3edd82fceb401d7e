"""Rows to a Parquet file: the only place that imports pyarrow."""

from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from headstart.collector.export.layout import Column, Kind, Table
from headstart.collector.export.rows import Masked, Rows, Writer

# A row group is written when this many rows wait: memory is bounded, and groups are large
# enough for a reader to skip and for the file's index to stay small.
_GROUP_ROWS = 65_536

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.NUMBERS: pa.list_(pa.float64()),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.TRUTH: pa.bool_(),
}


class ParquetFile:
    """A file that is complete once it was closed without an exception."""

    def __init__(self, file: BinaryIO, table: Table) -> None:
        self._columns = table.columns
        self._schema = pa.schema(
            [_field(column) for column in table.columns],
            metadata={"headstart.table": table.name},
        )
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self.rows = 0

    def add(self, rows: Rows) -> None:
        """Rows in which every column of the table has a value, be it None."""
        if not rows.count:
            return
        arrays = [_array(rows, column) for column in self._columns]
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._waiting_rows += rows.count
        self.rows += rows.count
        if self._waiting_rows >= _GROUP_ROWS:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            group = pa.Table.from_batches(self._waiting, schema=self._schema)
            self._writer.write_table(group, row_group_size=max(_GROUP_ROWS, self._waiting_rows))
            self._waiting, self._waiting_rows = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write()
        self._writer.close()


def _field(column: Column) -> pa.Field:
    words = {"unit": column.unit, "meaning": column.meaning}
    return pa.field(
        column.name, _TYPES[column.kind], metadata={k: v for k, v in words.items() if v}
    )


def _array(rows: Rows, column: Column) -> pa.Array:
    """Raises KeyError when the rows do not have the column."""
    kind = _TYPES[column.kind]
    values = rows.columns.get(column.name)
    if isinstance(values, Masked):
        return pa.array(values.values, kind, mask=values.absent)
    if values is not None:
        return pa.array(values, kind)
    shared = rows.shared[column.name]
    if shared is None:
        return pa.nulls(rows.count, kind)
    return pa.repeat(pa.scalar(shared, kind), rows.count)


WRITER: Writer = ParquetFile
