"""From an empty or older store to this release's tables, or a refusal."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, insert, inspect, select, update

from headstart.collector.start_fault import StartFault
from headstart.collector.store_schema import (
    judged,
    metadata,
    points,
    results,
    runs,
    shifts,
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
            # Here, since statistics take long to import and few stores are old.
            from headstart.collector.points import points_of
            from headstart.collector.results_json import from_json

            found = points_of(from_json(connection.execute(text).scalar_one()))
        except ValueError as error:
            log.warning("run %s is not in the history: %s", run_id, error)
            continue
        if found:
            connection.execute(insert(points), [asdict(point) for point in found])
            connection.execute(insert(judged).values(run_id=run_id, judged_seconds=ended_seconds))


# The n-th step (from 1) leads from version n to n + 1. Steps are never changed
# once released.
UPGRADES: Sequence[Upgrade] = (_add_series,)


class StoreVersionError(StartFault):
    """The store cannot be used by this release; the message says what to do."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"the store has version {found}, this release of headstart knows versions up to "
            f"{known}: upgrade headstart, or choose another data folder"
        )
        self.found = found
        self.known = known


def prepare(connection: Connection, upgrades: Sequence[Upgrade] = UPGRADES) -> int:
    """Make or upgrade the tables within the caller's transaction; the version that stands.

    Raises StoreVersionError before anything is changed.
    """
    known = len(upgrades) + 1
    if not inspect(connection).has_table(version.name):
        metadata.create_all(connection)
        connection.execute(insert(version).values(version=known))
        return known
    found = connection.execute(select(version.c.version)).scalar_one()
    if not 1 <= found <= known:
        raise StoreVersionError(found, known)
    for upgrade in upgrades[found - 1 :]:
        upgrade(connection)
    if found != known:
        connection.execute(update(version).values(version=known))
    return known
