"""A store made into another database's: page by page, each read back and held against its source.

The target has version 0 until all of it is there, so that no collector opens half of a store. A
copy that was interrupted goes on: pages that are there are compared, what is missing follows.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, func, insert, inspect, select, tuple_, update
from sqlalchemy.exc import DBAPIError

from headstart.collector.store import partitions
from headstart.collector.store.database import Database
from headstart.collector.store.migrations import KNOWN_VERSION, UNFINISHED, prepare
from headstart.collector.store.tables import batches, metadata, version

log = logging.getLogger(__name__)

PAGE_ROWS = 1_000
_PAGE_BYTES = 8 << 20
# Batches are in this order in an index of both databases; other tables in that of their key.
_ORDERS = {batches.name: ("run_id", "attempt", "sequence", "stream_id")}

# Some rows at a time: a page's limit in bytes is found while it is read.
_STREAMED = {"yield_per": 50}

Tell = Callable[[str, int, int], None]


class CopyRefused(Exception):
    """What was asked for cannot be; nothing was changed. The message says what to change."""


class CopyFault(Exception):
    """A database is at fault, or has not what was written. What is there can be gone on with."""


@dataclass(frozen=True)
class Copied:
    """What is in both stores: rows of each table, and the store's id."""

    rows: dict[str, int]
    store_id: str


@dataclass(frozen=True)
class _Page:
    """Rows in their order, and the key of the last one."""

    rows: Sequence[Row[Any]]
    last: tuple[Any, ...]

    def digest(self) -> bytes:
        """The same of the same rows, whichever database they are from."""
        found = hashlib.sha256()
        for row in self.rows:
            found.update(repr(tuple(map(_plain, row))).encode("utf-8", "surrogatepass"))
        return found.digest()


def copy(
    source: Database,
    target: Database,
    *,
    tell: Tell = lambda _table, _done, _all: None,
    page_rows: int = PAGE_ROWS,
) -> Copied:
    """Copy all of a store as of one moment. Nobody else may write to the target meanwhile.

    `tell`: called after each page with a table, its rows that are there, and all of them.
    Raises CopyRefused, CopyFault, and StartFault where a database cannot hold a store.
    """
    with _engines(source, target) as (reader, writer):
        try:
            with reader.begin() as reading:
                store_id = _require_known(source, reading)
                _begin(target, writer, store_id)
                rows = {}
                for table in metadata.sorted_tables:
                    if table is not version:
                        copier = _Copier(target, reading, writer, table, page_rows)
                        rows[table.name] = copier.run(tell)
                _finish(target, writer, rows)
        except DBAPIError as error:
            raise CopyFault(f"{source.shown}: {source.words_of(error)}") from error
    return Copied(rows, store_id)


@contextmanager
def _writing(target: Database, writer: Engine) -> Iterator[Connection]:
    """A transaction in the target. Raises CopyFault."""
    try:
        with writer.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise CopyFault(f"{target.shown}: {target.words_of(error)}") from error


@contextmanager
def _engines(source: Database, target: Database) -> Iterator[tuple[Engine, Engine]]:
    reader, writer = source.reader_engine(), target.writer_engine()
    try:
        yield reader, writer
    finally:
        writer.dispose()
        reader.dispose()


def _require_known(source: Database, connection: Connection) -> str:
    """The store's id. Raises CopyRefused for what is not a store of this release."""
    if not inspect(connection).has_table(version.name):
        raise CopyRefused(f"{source.shown}: there is no store")
    found = connection.execute(select(version.c.version)).scalar_one()
    if found == UNFINISHED:
        raise CopyRefused(f"{source.shown} is itself a copy that was not finished")
    if found > KNOWN_VERSION:
        raise CopyRefused(
            f"{source.shown} has version {found}, this release of headstart knows versions up to "
            f"{KNOWN_VERSION}: upgrade headstart"
        )
    if found < KNOWN_VERSION:
        raise CopyRefused(
            f"{source.shown} has version {found}, this release has {KNOWN_VERSION}: start a "
            "collector of this release on it once, which brings it there, and stop it again"
        )
    return str(connection.execute(select(version.c.store_id)).scalar_one())


def _begin(target: Database, writer: Engine, store_id: str) -> None:
    """Make the tables, or find those of a copy of the same store that was interrupted."""
    with _writing(target, writer) as connection:
        target.check(connection)
        if inspect(connection).has_table(version.name):
            row = connection.execute(select(version.c.version, version.c.store_id)).one()
            if row.version != UNFINISHED:
                raise CopyRefused(f"{target.shown} has a store in it: a copy replaces nothing")
            if row.store_id != store_id:
                raise CopyRefused(
                    f"{target.shown} has an unfinished copy of another store ({row.store_id}) in "
                    f"it, this one is {store_id}: remove what is there"
                )
            log.info("%s: an unfinished copy is gone on with", target.shown)
            return
        prepare(connection)
        target.begin_group(connection)
        connection.execute(update(version).values(version=UNFINISHED, store_id=store_id))


def _finish(target: Database, writer: Engine, rows: dict[str, int]) -> None:
    """Count what is there, and make it a store."""
    with _writing(target, writer) as connection:
        target.begin_group(connection)
        for name, copied in rows.items():
            found = _count(connection, metadata.tables[name])
            if found != copied:
                raise CopyFault(_differs(target, name, f"{found} rows for {copied}"))
        if connection.dialect.name == "postgresql":
            _go_on_counting(connection)
        connection.execute(update(version).values(version=KNOWN_VERSION))


def _go_on_counting(connection: Connection) -> None:
    """New rows get numbers after those that were copied; SQLite looks for itself."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.execute(
            select(func.pg_get_serial_sequence(table.name, column.name))
        ).scalar()
        highest = connection.execute(select(func.max(column))).scalar()
        if sequence and highest:
            connection.execute(select(func.setval(sequence, highest)))


class _Copier:
    """One table."""

    def __init__(
        self,
        target: Database,
        reading: Connection,
        writer: Engine,
        table: Table,
        page_rows: int,
    ) -> None:
        self._target = target
        self._reading = reading
        self._writer = writer
        self._table = table
        self._page_rows = page_rows
        names = _ORDERS.get(table.name) or [column.name for column in table.primary_key]
        self._key = [table.c[name] for name in names]

    def run(self, tell: Tell) -> int:
        """Have all rows in the target; how many they are."""
        everything = _count(self._reading, self._table)
        done, after = 0, None
        for page in self._pages():
            self._have(page, after)
            after = page.last
            done += len(page.rows)
            tell(self._table.name, done, everything)
        return done

    def _pages(self) -> Iterator[_Page]:
        """Of the source. A table without a key has few rows, and is one page."""
        after: tuple[Any, ...] | None = None
        while rows := self._rows(self._reading, after, None, self._page_rows):
            page = _Page(rows, self._key_of(rows[-1]))
            yield page
            if not self._key or (len(rows) < self._page_rows and _size(rows) < _PAGE_BYTES):
                return
            after = page.last

    def _rows(
        self,
        connection: Connection,
        after: tuple[Any, ...] | None,
        upto: tuple[Any, ...] | None,
        limit: int | None,
    ) -> Sequence[Row[Any]]:
        """In the order of the key: those between two keys, or so many that they are a page."""
        query = select(self._table).order_by(*(self._key or self._table.c))
        if after is not None:
            query = query.where(tuple_(*self._key) > after)
        if upto is not None:
            query = query.where(tuple_(*self._key) <= upto)
        if limit is None or not self._key:
            return connection.execute(query).all()
        rows: list[Row[Any]] = []
        size = 0
        with connection.execute(query.limit(limit), execution_options=_STREAMED) as found:
            for row in found:
                rows.append(row)
                size += _size([row])
                if size >= _PAGE_BYTES:
                    break
        return rows

    def _key_of(self, row: Row[Any]) -> tuple[Any, ...]:
        return tuple(row._mapping[column] for column in self._key)

    def _have(self, page: _Page, after: tuple[Any, ...] | None) -> None:
        """Write what is missing of a page, and read back what is there then."""
        upto = page.last or None
        with _writing(self._target, self._writer) as connection:
            there = self._rows(connection, after, upto, None)
            missing = page.rows[len(there) :]
            if missing:
                self._target.begin_group(connection)
                if self._table is batches:
                    partitions.make_room(connection, {row.run_id for row in missing})
                connection.execute(insert(self._table), [dict(row._mapping) for row in missing])
        if missing:
            with _writing(self._target, self._writer) as connection:
                there = self._rows(connection, after, upto, None)
        if _Page(there, page.last).digest() != page.digest():
            where = f"the rows up to {', '.join(map(str, page.last))}" if page.last else "its rows"
            raise CopyFault(_differs(self._target, self._table.name, where))


def _differs(target: Database, table: str, what: str) -> str:
    return (
        f"{target.shown} has not what is in the source, in {table}: {what}. Did a collector write "
        "to the source since the copy began? Remove what is there, and copy anew"
    )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _size(rows: Sequence[Row[Any]]) -> int:
    """Bytes, as far as they are many."""
    return sum(len(value) for row in rows for value in row if isinstance(value, str | bytes))


def _plain(value: Any) -> Any:
    """As every database keeps it: PostgreSQL has no NUL in text."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    return bytes(value) if isinstance(value, memoryview) else value
