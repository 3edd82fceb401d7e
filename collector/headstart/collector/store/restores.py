"""When this store was made of a backup: what happened since the backup is not in it."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from headstart.collector.store.tables import restores

log = logging.getLogger(__name__)

_REMINDED_SECONDS = 30 * 86400.0


@dataclass(frozen=True)
class Restore:
    """Unix seconds; what lies between the two is unknown here."""

    made_seconds: float
    restored_seconds: float


def note(path: Path, restore: Restore) -> None:
    """In a store of any version that no collector has. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path)) as connection:
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS restores "
                "(made_seconds FLOAT NOT NULL, restored_seconds FLOAT NOT NULL)"
            )
            connection.execute(
                "INSERT INTO restores VALUES (?, ?)",
                (restore.made_seconds, restore.restored_seconds),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def remind(found: Sequence[Restore], now: float) -> None:
    """Log of the last one what nobody else knows, while certificates of before it may hold."""
    if not found or now - found[-1].restored_seconds > _REMINDED_SECONDS:
        return
    made, restored = (
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(each))
        for each in (found[-1].made_seconds, found[-1].restored_seconds)
    )
    log.warning(
        "the store was restored at %s from a backup of %s: what was revoked between the two holds "
        "again, until it is revoked anew (headstart revoke)",
        restored,
        made,
    )


def all_of(connection: Connection) -> Sequence[Restore]:
    """The oldest first."""
    rows = connection.execute(select(restores).order_by(restores.c.restored_seconds))
    return [Restore(**row._mapping) for row in rows]
