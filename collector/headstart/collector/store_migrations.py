"""From an empty or older store to this release's tables, or a refusal."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, update

from headstart.collector.start_fault import StartFault
from headstart.collector.store_schema import metadata, version

# The n-th step (from 1) leads from version n to n + 1. Steps are never changed
# once released.
Upgrade = Callable[[Connection], None]
UPGRADES: Sequence[Upgrade] = ()


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
