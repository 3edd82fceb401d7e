"""The two rows of the epoch in a PostgreSQL database, made where they are not there yet."""

from sqlalchemy import Boolean, Column, MetaData, Table, func, insert, inspect, select

from headstart.collector.store.column_types import NUMBER, TEXT
from headstart.collector.store.migrations import prepare
from headstart.collector.store.postgresql import PostgresDatabase
from headstart.collector.store.tables import version

_tables = MetaData()
# "HSTS", and the schema.
_LOCK = "SELECT pg_advisory_xact_lock(1213420627, hashtext(current_schema()))"

# Whoever writes holds it, whoever takes over changes it. No part of a copy of the store.
epoch = Table(
    "epoch",
    _tables,
    Column("one", NUMBER, primary_key=True, autoincrement=False),
    Column("number", NUMBER, nullable=False),
    Column("holder", TEXT, nullable=False),
    Column("address", TEXT, nullable=False),
    # SHA-256 of the certificate of the collectors' authority, hexadecimal.
    Column("authority", TEXT, nullable=False),
)
# Apart, since a beat does not wait for a transaction that writes.
epoch_beats = Table(
    "epoch_beats",
    _tables,
    Column("one", NUMBER, primary_key=True, autoincrement=False),
    Column("number", NUMBER, nullable=False),
    Column("beats", NUMBER, nullable=False),
    Column("released", Boolean, nullable=False),
)


def make_ready(database: PostgresDatabase) -> None:
    """Make an empty database a store, and give a store its epoch; an older one is not upgraded.

    Whoever does the same meanwhile waits. Raises StartFault and DBAPIError.
    """
    engine = database.writer_engine()
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(_LOCK)
            database.check(connection)
            if not inspect(connection).has_table(version.name):
                prepare(connection)
            _tables.create_all(connection)
            if not connection.execute(select(func.count()).select_from(epoch)).scalar_one():
                row = {"one": 1, "number": 0}
                connection.execute(insert(epoch).values(**row, holder="", address="", authority=""))
                connection.execute(insert(epoch_beats).values(**row, beats=0, released=True))
    finally:
        engine.dispose()
