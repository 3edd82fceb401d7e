"""Raw batches by month, on PostgreSQL: what a month holds goes as a whole, when none is needed.

Run ids begin with the day of their submission (`new_run_id`), and text sorts by its bytes, so that
a range of ids is a month and a run never lies in two. A table for each is made by the transaction
that needs it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

_POSTGRESQL = "postgresql"
_MONTH = re.compile(r"[0-9]{6}")
# Of runs that are not named by a time; only tests have some.
_OTHERS = (("batches_before", "MINVALUE", "'0'"), ("batches_after", "':'", "MAXVALUE"))
# Readings are short; a dump of the database is not.
_PATIENCE = "2s"
# SQLSTATE of a lock that was waited for in vain.
_NOT_AVAILABLE = "55P03"
_MONTHS = text(
    "SELECT part.relname FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid "
    "WHERE inhparent = to_regclass('batches') AND part.relname ~ '^batches_[0-9]{6}$' "
    "ORDER BY part.relname"
)


class MonthIsRead(Exception):
    """A month's table cannot be dropped now."""


@dataclass(frozen=True)
class Month:
    """A table of raw batches: those of runs from one id on and before another."""

    name: str
    first: str
    end: str


def _of(month: str) -> Month:
    # What follows the month is a digit, which sorts before a colon.
    return Month(f"batches_{month}", month, month + ":")


def make_others(connection: Connection) -> None:
    """In a new store: where what is named by no month goes."""
    for name, first, end in _OTHERS:
        connection.exec_driver_sql(
            f"CREATE TABLE {name} PARTITION OF batches FOR VALUES FROM ({first}) TO ({end})"
        )


def make_room(connection: Connection, run_ids: Iterable[str]) -> None:
    """Have a table for the batches of each of these runs, where there are such tables."""
    if connection.dialect.name != _POSTGRESQL:
        return
    months = {run_id[:6] for run_id in run_ids if _MONTH.match(run_id)}
    for month in map(_of, sorted(months)):
        is_there = text("SELECT to_regclass(:name) IS NOT NULL")
        if connection.execute(is_there, {"name": month.name}).scalar_one():
            continue
        # Attached, since readings would have to end for one that is made in its place.
        connection.exec_driver_sql(f"CREATE TABLE {month.name} (LIKE batches INCLUDING ALL)")
        connection.exec_driver_sql(
            f"ALTER TABLE batches ATTACH PARTITION {month.name} "
            f"FOR VALUES FROM ('{month.first}') TO ('{month.end}')"
        )


def months(connection: Connection) -> Sequence[Month]:
    """Tables of months, the oldest first; none where the store has no such tables."""
    if connection.dialect.name != _POSTGRESQL:
        return ()
    names = connection.execute(_MONTHS).scalars()
    return [_of(name.removeprefix("batches_")) for name in names]


def drop(connection: Connection, month: Month) -> None:
    """Delete a month's batches at once. Raises MonthIsRead."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    try:
        connection.exec_driver_sql(f"DROP TABLE {month.name}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == _NOT_AVAILABLE:
            raise MonthIsRead(f"somebody reads {month.name}") from error
        raise
    connection.exec_driver_sql("SET LOCAL lock_timeout = DEFAULT")
