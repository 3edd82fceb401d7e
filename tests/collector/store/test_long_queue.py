"""A queue of thousands of runs: whoever takes the next one does not read those behind it."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection

from headstart.collector.store import hosts as store_hosts, leasing, submitting
from headstart.collector.store.store import Store
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import in_loop
from support.postgres_server import PostgresServer
from support.stores import Stores

_RUNS = 300
_EXPERIMENT_BYTES = 200_000


def _largest_kib() -> int:
    """The most memory that this process had since `_forget_largest`."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found)


def _forget_largest() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        pytest.skip(f"the kernel does not forget the largest size of a process: {error}")


def _queue(connection: Connection, runs: int) -> None:
    store_hosts.greet(connection, HostFacts(host="h1"), Policy(), 1.0)
    asked = Experiment(name="e", source_text="x" * _EXPERIMENT_BYTES)
    submitting.submit(connection, asked, ["h1"] * runs, 1.8e9)


@pytest.mark.postgresql
@in_loop
async def test_a_lease_takes_no_memory_for_the_runs_behind_it(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with Stores(tmp_path, postgres.new_database()).open() as store:
        await store.write(lambda c: _queue(c, 1))
        first = await _lease(store)
        await store.write(lambda c: _queue(c, _RUNS))
        _forget_largest()
        before = _largest_kib()
        leased = await _lease(store)

        assert leased == first
        assert _largest_kib() - before < _RUNS * _EXPERIMENT_BYTES / 1024 / 4


async def _lease(store: Store) -> str:
    """Taken and thrown away: nothing is committed."""
    found: list[str] = []

    def take(connection: Connection) -> None:
        leased = leasing.lease_next(connection, "h1", 1.8e9)
        assert leased is not None
        found.append(leased.run_id)
        raise _Undone

    with pytest.raises(_Undone):
        await store.write(take)
    return found[0]


class _Undone(Exception):
    pass
