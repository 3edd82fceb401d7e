"""Statements for which SQLite and PostgreSQL have words of their own."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Integer

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class place_of(FunctionElement[int]):  # a function of SQL
    """Where a text begins within another, from 1; 0: it is not within it."""

    inherit_cache = True
    type = Integer()


@compiles(place_of, "sqlite")
def _instr(element: place_of, compiler: Any, **settings: Any) -> str:
    return f"instr({compiler.process(element.clauses, **settings)})"


@compiles(place_of, "postgresql")
def _strpos(element: place_of, compiler: Any, **settings: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **settings)})"


def at_least(least: float, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value, or the least that it may be."""
    return case((value < least, least), else_=value)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    return _INSERTS[dialect](table).on_conflict_do_nothing()


def insert_new(connection: Connection, table: Table) -> Any:
    """An INSERT that passes over rows whose key is there already."""
    return _insert_new(connection.dialect.name, table)


@cache
def _insert_or_update(dialect: str, table: Table, kept: frozenset[str]) -> Any:
    inserted = _INSERTS[dialect](table)
    keys = [column.name for column in table.primary_key]
    later = {
        column.name: inserted.excluded[column.name]
        for column in table.columns
        if column.name not in {*keys, *kept}
    }
    return inserted.on_conflict_do_update(index_elements=keys, set_=later)


def insert_or_update(connection: Connection, table: Table, *kept: str) -> Any:
    """An INSERT, or where the key is there already an UPDATE of all columns but those `kept`."""
    return _insert_or_update(connection.dialect.name, table, frozenset(kept))
