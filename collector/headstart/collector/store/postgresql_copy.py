"""Raw batches by COPY: a third of an INSERT's CPU time on either side.

Measured, in groups of 250: 5,400 to 5,500 batches a second, 1,700 to 2,300 by INSERT.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from headstart.collector.store.statements import insert_new
from headstart.collector.store.tables import batches

_NAMES = [column.name for column in batches.columns]
_TYPES = {"stream_id": "text", "run_id": "text", "payload": "bytea"}
_COPY = f"COPY batches ({', '.join(_NAMES)}) FROM STDIN (FORMAT BINARY)"
# A copy has its price, whatever is in it.
_FEW = 4


def put(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add batches; those that are there already are passed over."""
    if len(rows) >= _FEW and _copied(connection, rows):
        return
    connection.execute(insert_new(connection, batches), rows)


def _copied(connection: Connection, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether all of it was new; else nothing is stored."""
    driver: Any = connection.connection
    savepoint = connection.begin_nested()
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types([_TYPES.get(name, "int8") for name in _NAMES])
            for row in rows:
                copy.write_row([row[name] for name in _NAMES])
    except psycopg.errors.UniqueViolation:
        # Sent again after a commit of which nobody heard.
        savepoint.rollback()
        return False
    except psycopg.Error as error:
        raise OperationalError(_COPY, None, error) from error
    savepoint.commit()
    return True
