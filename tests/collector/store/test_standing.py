"""What the writer keeps of runs between groups: never anything else than the store would say."""

import asyncio
from pathlib import Path

from sqlalchemy import Connection, column, select, table, update

from headstart.collector.config import Quotas
from headstart.collector.store import ends, hosts as store_hosts, leasing, records, submitting
from headstart.collector.store.migrations import prepare
from headstart.collector.store.sqlite import writer_engine
from headstart.collector.store.standing import Standings
from headstart.collector.store.store import Store
from headstart.collector.store.tables import ROW_BYTES, runs
from headstart.collector.store.writer import Append, Appended
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import envelope, in_loop
from support.stores import Stores

_PAYLOAD = bytes(1000)


def lease(connection: Connection) -> str:
    """A run of host h1, leased to stream s1."""
    store_hosts.greet(connection, HostFacts(host="h1"), Policy(), 1.0)
    records.open_stream(connection, "s1", "h1")
    submitting.submit(connection, Experiment(name="e"), ["h1"], 1.0)
    leased = leasing.lease_next(connection, "h1", 1.0, "s1")
    assert leased is not None
    return leased.run_id


async def send(store: Store, run_id: str, sequence: int) -> Appended:
    """A batch, in a group of its own."""
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
    row = records.row_of("s1", envelope(sequence, run_id, payload=_PAYLOAD))
    store.append(
        Append("s1", [row], sequence, [], done.set_result, payload_bytes=len(row["payload"]))
    )
    return await done


def counted(connection: Connection) -> list[int]:
    """Stored bytes of the run and of the host, as the tables have them."""
    return [
        connection.execute(select(column("stored_bytes")).select_from(table(of))).scalar_one()
        for of in ("runs", "hosts")
    ]


class Groups:
    """A store with one run, and groups of it without a thread."""

    def __init__(self, folder: Path) -> None:
        self._engine = writer_engine(folder / "store.sqlite")
        with self._engine.begin() as connection:
            prepare(connection)
            self._run_id = lease(connection)

    def group(
        self,
        standings: Standings,
        size: int,
        *,
        changes_runs: bool = False,
        fails: bool = False,
    ) -> None:
        """One that adds so many bytes to the run."""
        with self._engine.connect() as connection:
            standings.of(connection, [self._run_id])[self._run_id].add(size)
            standings.write(connection, changes_runs=changes_runs)
            if fails:
                connection.rollback()
                standings.failed()
            else:
                connection.commit()
                standings.committed()

    def reconnect(self) -> None:
        """The connection is made anew, and meanwhile somebody else has counted something."""
        self._engine.dispose()
        with self._engine.begin() as connection:
            connection.execute(update(runs).values(stored_bytes=1000))
        self._engine.dispose()

    def room(self, standings: Standings, quota: int) -> int:
        """What the run may still store."""
        with self._engine.begin() as connection:
            return standings.of(connection, [self._run_id])[self._run_id].of_run.room(quota)

    def counted(self) -> list[int]:
        """See above."""
        with self._engine.begin() as connection:
            return counted(connection)


@in_loop
async def test_the_end_of_an_attempt_is_felt_by_the_next_group(stores: Stores) -> None:
    async with stores.open(group_seconds=0) as store:
        run_id = await store.write(lease)
        before = [await send(store, run_id, sequence) for sequence in (1, 2)]
        attempt = Attempt(run_id=run_id, attempt=1)
        await store.write(lambda c: ends.lose(c, attempt, "gone", 2.0))
        await store.write(lambda c: leasing.lease_next(c, "h1", 3.0, "s1"))
        after = await send(store, run_id, 3)

    assert [each.batches for each in before] == [1, 1]
    assert (after.batches, after.fenced) == (0, {(run_id, 1): 1})


@in_loop
async def test_a_quota_holds_while_bytes_are_counted_in_memory_alone(stores: Stores) -> None:
    quotas = Quotas(run_bytes=3 * (len(_PAYLOAD) + ROW_BYTES))
    async with stores.open(group_seconds=0, quotas=quotas) as store:
        run_id = await store.write(lease)
        sent = [await send(store, run_id, sequence) for sequence in (1, 2, 3)]
        in_tables = await store.read(counted)
        beyond = await send(store, run_id, 4)

    assert [each.batches for each in sent] == [1, 1, 1]
    assert in_tables == [0, 0]
    assert [change.run_id for change in beyond.ended] == [run_id]


@in_loop
async def test_what_is_stored_is_counted_before_a_change_and_when_the_store_closes(
    stores: Stores,
) -> None:
    each = len(_PAYLOAD) + ROW_BYTES
    async with stores.open(group_seconds=0) as store:
        run_id = await store.write(lease)
        await send(store, run_id, 1)
        await store.note(lambda _connection: None)
        after_note = await store.read(counted)
        at_change = await store.write(counted)
        await send(store, run_id, 2)
    async with stores.open() as store:
        anew = await store.read(counted)

    assert after_note == [0, 0]
    assert at_change == [each, each]
    assert anew == [2 * each, 2 * each]


def test_bytes_are_counted_in_the_tables_after_ten_seconds(tmp_path: Path) -> None:
    now = [0.0]
    standings = Standings(lambda: now[0])
    groups = Groups(tmp_path)
    seen = []
    for at in (0.0, 9.0, 11.0, 12.0):
        now[0] = at
        groups.group(standings, 100)
        seen.append(groups.counted())

    assert seen == [[0, 0], [0, 0], [300, 300], [300, 300]]


def test_a_group_that_failed_adds_nothing_and_takes_nothing_of_what_was_owed(
    tmp_path: Path,
) -> None:
    standings = Standings(lambda: 0.0)
    groups = Groups(tmp_path)
    groups.group(standings, 100)
    groups.group(standings, 70, fails=True)
    groups.group(standings, 50, changes_runs=True, fails=True)
    owed = standings.owes
    groups.group(standings, 5, changes_runs=True)

    assert owed
    assert groups.counted() == [105, 105]
    assert not standings.owes


def test_what_is_known_ends_with_the_connection_and_what_is_owed_stays(tmp_path: Path) -> None:
    standings = Standings(lambda: 0.0)
    groups = Groups(tmp_path)
    groups.group(standings, 100)
    before = groups.room(standings, 5000)
    groups.reconnect()

    assert before == 4900
    assert groups.room(standings, 5000) == 3900
