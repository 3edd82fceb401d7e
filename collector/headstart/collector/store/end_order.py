"""The order in which runs ended: a number that the store gives, whatever a clock says.

A clock may be wrong for a while. By its times alone, a run that ended while it was years ahead
would be the latest for ever.
"""

from typing import Any

from sqlalchemy import Connection, func, select, update

from headstart.collector.store.tables import runs

# Of a run that has not ended.
NOT_ENDED: dict[str, Any] = {"ended_seconds": 0.0, "end_order": 0}


def ended_at(connection: Connection, now: float) -> dict[str, Any]:
    """Columns of a run that ends now, as the last one."""
    last = select(func.coalesce(func.max(runs.c.end_order), 0))
    return {"ended_seconds": now, "end_order": connection.execute(last).scalar_one() + 1}


def number_ended(connection: Connection, now: float) -> None:
    """Number the runs of a store that has none: by their ends, as far as these can be true.

    One that ended in the future ended behind those that were submitted before it.
    """
    rows = connection.execute(
        select(runs.c.run_id, runs.c.experiment_id, runs.c.ended_seconds)
        .where(runs.c.ended_seconds > 0)
        .order_by(runs.c.experiment_id, runs.c.ended_seconds, runs.c.run_id)
    ).all()
    latest = 0.0
    ends = []
    for row in rows:
        if row.ended_seconds <= now:
            latest = max(latest, row.ended_seconds)
        known = row.ended_seconds if row.ended_seconds <= now else latest
        ends.append((known, row.ended_seconds, row.run_id))
    for number, (_, _, run_id) in enumerate(sorted(ends), 1):
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(end_order=number))
