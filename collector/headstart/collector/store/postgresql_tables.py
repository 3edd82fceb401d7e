"""The tables of a store in a PostgreSQL database: made, refused, looked at."""

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    text,
)

from headstart.collector.faults import StartFault
from headstart.collector.store import partitions
from headstart.collector.store.column_types import NUMBER
from headstart.collector.store.tables import batches, hosts, metadata, version

# What is PostgreSQL's alone. A copy of a store to another database has no use for it.
own = MetaData()

# A row of each collector that writes (`alone`, or by its term), which each of its transactions
# changes first: its name says afterwards which of them counts (`PostgresDatabase.is_committed`),
# whoever took over meanwhile.
last_group = Table(
    "last_group",
    own,
    Column("one", NUMBER, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
)
_ALONE = 1
# Rows of terms that are kept: a process that asks is one of the latest.
_TERMS_KEPT = 1000


def row_of_term(number: int) -> int:
    """The row in `last_group` of a collector that writes by a term; 0: alone."""
    return _ALONE + number


def begin_term(connection: Connection, number: int) -> None:
    """Make its row, in a transaction before all that are named in it."""
    row = row_of_term(number)
    old = last_group.c.one.between(_ALONE + 1, row - _TERMS_KEPT)
    connection.execute(delete(last_group).where(old))
    if connection.execute(select(last_group).where(last_group.c.one == row)).first() is None:
        connection.execute(insert(last_group).values(one=row, name=""))


_SAME = ("attempt", "sequence")
# As `tables.batches`, in parts. An attempt writes one stream, so that this key says no less.
_parted = Table(
    batches.name,
    own,
    *(
        Column(
            column.name,
            column.type,
            primary_key=column.name in ("run_id", *_SAME),
            autoincrement=False,
            nullable=False,
        )
        # In the order of the key.
        for column in sorted(batches.columns, key=lambda c: (c.name != "run_id", c.name in _SAME))
    ),
    postgresql_partition_by="RANGE (run_id)",
)

_TABLES = text(
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') "
    "AND relnamespace = current_schema()::regnamespace ORDER BY relname"
)
_COLUMNS = text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:of) AND attnum > 0")
_SIZE = text(
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r' "
    "AND relnamespace = current_schema()::regnamespace AND relname !~ '^batches'"
)


def require_own(connection: Connection) -> None:
    """Raises StartFault where the schema is not there, or has tables of somebody else in it."""
    schema = connection.execute(text("SELECT current_schema()")).scalar()
    if schema is None:
        raise StartFault(
            "none of the schemas in its search_path is there, or may be used: CREATE SCHEMA, or "
            "name one by ?options=-csearch_path%3DNAME in the URL"
        )
    there = list(connection.execute(_TABLES).scalars())
    if version.name in there:
        columns = set(connection.execute(_COLUMNS, {"of": version.name}).scalars())
        if columns >= {column.name for column in version.columns}:
            return
    if there:
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""
        raise StartFault(
            f"its schema {schema} has tables in it that are no store's ({', '.join(there[:3])}"
            f"{more}): expected an empty schema, or one that a collector made"
        )


def make_all(connection: Connection) -> None:
    """Every table of a new store."""
    metadata.create_all(
        connection, tables=[table for table in metadata.sorted_tables if table is not batches]
    )
    own.create_all(connection)
    # It is compressed when it comes.
    connection.exec_driver_sql("ALTER TABLE batches ALTER COLUMN payload SET STORAGE EXTERNAL")
    partitions.make_others(connection)
    connection.execute(insert(last_group).values(one=_ALONE, name=""))


def used_bytes(connection: Connection) -> int:
    """What batches take by what quotas are held against, and the files of all else.

    A deleted row leaves room for others in its file, which PostgreSQL keeps.
    """
    of_batches = select(func.coalesce(func.sum(hosts.c.stored_bytes), 0))
    return int(connection.execute(of_batches).scalar_one()) + int(
        connection.execute(_SIZE).scalar_one()
    )
