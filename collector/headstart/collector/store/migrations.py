"""From an empty or older store to this release's tables, or a refusal."""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, func, insert, inspect, select, update

from headstart.collector.faults import StartFault
from headstart.collector.findings.json import from_json
from headstart.collector.findings.points import points_of
from headstart.collector.store import end_order
from headstart.collector.store.identity_tables import certificates, tokens
from headstart.collector.store.tables import (
    ROW_BYTES,
    audit,
    batches,
    former_names,
    hosts,
    identities,
    judged,
    metadata,
    points,
    restores,
    results,
    revoked,
    runs,
    shifts,
    streams,
    version,
)

log = logging.getLogger(__name__)

Upgrade = Callable[[Connection], None]


def _add_series(connection: Connection) -> None:
    """Points of the results that there are; they are history, and never alert."""
    metadata.create_all(connection, tables=[points, judged, shifts])
    ended = select(results.c.run_id, runs.c.ended_seconds).join(runs)
    for run_id, ended_seconds in connection.execute(ended.where(results.c.fault == "")).all():
        text = select(results.c.result_json).where(results.c.run_id == run_id)
        try:
            found = points_of(from_json(connection.execute(text).scalar_one()))
        except ValueError as error:
            log.warning("run %s is not in the history: %s", run_id, error)
            continue
        if found:
            connection.execute(insert(points), [asdict(point) for point in found])
            connection.execute(insert(judged).values(run_id=run_id, judged_seconds=ended_seconds))


def _count_bytes(connection: Connection) -> None:
    """What the batches of each run and host take, which quotas are held against."""
    for table in (runs.name, hosts.name):
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN stored_bytes BIGINT DEFAULT 0 NOT NULL"
        )
    of_batch = func.length(batches.c.payload) + ROW_BYTES
    of_run = select(func.coalesce(func.sum(of_batch), 0)).where(batches.c.run_id == runs.c.run_id)
    connection.execute(update(runs).values(stored_bytes=of_run.scalar_subquery()))
    of_host = select(func.coalesce(func.sum(runs.c.stored_bytes), 0))
    of_host = of_host.where(runs.c.host == hosts.c.host)
    connection.execute(update(hosts).values(stored_bytes=of_host.scalar_subquery()))


def _add_stream_marks(connection: Connection) -> None:
    """What tells a stream from its copy, and which stream an attempt is written by."""
    for table, column in (
        ("streams", "mark BIGINT NOT NULL DEFAULT 0"),
        ("runs", "returns INTEGER NOT NULL DEFAULT 0"),
        ("runs", "stream_id VARCHAR(64) NOT NULL DEFAULT ''"),
    ):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column}")


def _add_identity(connection: Connection) -> None:
    """Tokens, and the certificates that were given for them."""
    metadata.create_all(connection, tables=[tokens, certificates])


def _add_audit(connection: Connection) -> None:
    """Whose certificates are refused, who was seen, and who did what."""
    metadata.create_all(connection, tables=[revoked, identities, audit])


def _add_queue(connection: Connection) -> None:
    """What operators say of hosts and of the order of runs."""
    for table, column in (
        ("hosts", "drained_seconds FLOAT DEFAULT '0' NOT NULL"),
        ("hosts", "drain_reason TEXT DEFAULT '' NOT NULL"),
        ("runs", "priority INTEGER DEFAULT '0' NOT NULL"),
        ("runs", "expires_seconds FLOAT DEFAULT '0' NOT NULL"),
        ("runs", "candidates TEXT DEFAULT '' NOT NULL"),
    ):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column}")
    metadata.create_all(connection, tables=[former_names])
    next(index for index in runs.indexes if index.name == "runs_that_wait").create(connection)


def _add_end_order(connection: Connection) -> None:
    """In which order runs ended, whatever the clock said."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN end_order BIGINT DEFAULT '0' NOT NULL")
    end_order.number_ended(connection, time.time())
    connection.exec_driver_sql("DROP INDEX runs_by_time")
    for name in ("runs_by_end", "runs_by_submission"):
        next(index for index in runs.indexes if index.name == name).create(connection)


def _add_restores(connection: Connection) -> None:
    """Of which backups the store was made; one that was just restored has the table."""
    metadata.create_all(connection, tables=[restores])


def _add_store_id(connection: Connection) -> None:
    """What tells the store from others, and how sure the size of a shift is."""
    known = {column["name"] for column in inspect(connection).get_columns(shifts.name)}
    for table, name, kind in (
        ("version", "store_id", "VARCHAR(12) DEFAULT ''"),
        ("shifts", "ratio_low", "FLOAT DEFAULT '0'"),
        ("shifts", "ratio_high", "FLOAT DEFAULT '0'"),
    ):
        # The first step makes the table of shifts as it is now.
        if name not in known:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind} NOT NULL")
    connection.execute(update(version).values(store_id=new_store_id()))


def _add_any_queue(connection: Connection) -> None:
    """What lets a host find its next run without those of others."""
    index = next(index for index in runs.indexes if index.name == "runs_that_any_may_have")
    index.create(connection)


def _add_stream_numbers(connection: Connection) -> None:
    """Which streams of a host are the newest, on any database."""
    connection.exec_driver_sql("ALTER TABLE streams ADD COLUMN number BIGINT DEFAULT '0' NOT NULL")
    connection.exec_driver_sql("UPDATE streams SET number = rowid")
    next(index for index in streams.indexes if index.name == "streams_by_host").create(connection)


# The n-th step (from 1) leads from version n to n + 1. Steps are never changed
# once released.
UPGRADES: Sequence[Upgrade] = (
    _add_series,
    _count_bytes,
    _add_stream_marks,
    _add_identity,
    _add_audit,
    _add_queue,
    _add_end_order,
    _add_restores,
    _add_store_id,
    _add_any_queue,
    # The first version that PostgreSQL has: steps that follow are for both.
    _add_stream_numbers,
)


KNOWN_VERSION = len(UPGRADES) + 1
# Of a store that is being copied: no release opens it.
UNFINISHED = 0


class StoreVersionError(StartFault):
    """The store cannot be used by this release; the message says what to do."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"the store has version {found}, this release of headstart knows versions up to "
            f"{known}: upgrade headstart, or choose another data folder"
        )


def new_store_id() -> str:
    """Twelve hexadecimal digits: no two stores of a fleet, or of many, have the same."""
    return secrets.token_hex(6)


def store_id(connection: Connection) -> str:
    """What tells a store of this release from others."""
    return str(connection.execute(select(version.c.store_id)).scalar_one())


def _make_all(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        from headstart.collector.store.postgresql_tables import make_all

        make_all(connection)
    else:
        metadata.create_all(connection)


def prepare(connection: Connection, upgrades: Sequence[Upgrade] = UPGRADES) -> int:
    """Make or upgrade the tables within the caller's transaction; the version that stands.

    Raises StoreVersionError, or StartFault for half a copy, before anything is changed.
    """
    known = len(upgrades) + 1
    if not inspect(connection).has_table(version.name):
        _make_all(connection)
        connection.execute(insert(version).values(version=known, store_id=new_store_id()))
        return known
    found = connection.execute(select(version.c.version)).scalar_one()
    if found == UNFINISHED:
        raise StartFault(
            "the store is a copy that is not finished: `headstart store copy` with the same places "
            "goes on with it"
        )
    if not 1 <= found <= known:
        raise StoreVersionError(found, known)
    for upgrade in upgrades[found - 1 :]:
        upgrade(connection)
    if found != known:
        connection.execute(update(version).values(version=known))
    return known


def require_known(connection: Connection) -> None:
    """Raises StoreVersionError where the tables are not those of this release."""
    found = connection.execute(select(version.c.version)).scalar_one()
    if found != KNOWN_VERSION:
        raise StoreVersionError(found, KNOWN_VERSION)
