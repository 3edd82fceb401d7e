"""A store as releases of before made it."""

from typing import Any

# What the newest step of `migrations` adds.
STREAM_NUMBERS = ("DROP INDEX streams_by_host", "ALTER TABLE streams DROP COLUMN number")

# What the one before it adds; later steps are undone first.
ANY_QUEUE = (*STREAM_NUMBERS, "DROP INDEX runs_that_any_may_have")

# What the one before it adds; later steps are undone first.
STORE_ID = (
    *ANY_QUEUE,
    "ALTER TABLE version DROP COLUMN store_id",
    "ALTER TABLE shifts DROP COLUMN ratio_low",
    "ALTER TABLE shifts DROP COLUMN ratio_high",
)

# What the one before it adds; later steps are undone first.
END_ORDER = (
    *STORE_ID,
    "DROP INDEX runs_by_end",
    "DROP INDEX runs_by_submission",
    "ALTER TABLE runs DROP COLUMN end_order",
    "CREATE INDEX runs_by_time ON runs (submitted_seconds)",
)

# What the step of `migrations` for the queue adds; later steps are undone first.
QUEUE = (
    *END_ORDER,
    "DROP TABLE former_names",
    "DROP INDEX runs_that_wait",
    "ALTER TABLE hosts DROP COLUMN drained_seconds",
    "ALTER TABLE hosts DROP COLUMN drain_reason",
    "ALTER TABLE runs DROP COLUMN priority",
    "ALTER TABLE runs DROP COLUMN expires_seconds",
    "ALTER TABLE runs DROP COLUMN candidates",
)


def without_a_queue(connection: Any) -> None:
    """Without drains, priorities and names of before, by a connection of SQLAlchemy."""
    for statement in QUEUE:
        connection.exec_driver_sql(statement)
