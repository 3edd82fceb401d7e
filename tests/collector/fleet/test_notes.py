"""What agents say of themselves is written together, and nothing of it is lost to a full disk."""

import sqlite3
from functools import partial
from pathlib import Path

import grpc
import pytest
from sqlalchemy.exc import OperationalError

from headstart.collector.fleet.notes import Notes
from headstart.collector.store import hosts as store_hosts, leasing, queries, submitting
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from headstart.v1.fleet_pb2 import Attempt, AttendRequest, Heartbeat, Progress
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import attend, collecting, in_loop, submit
from support.fake_runs import small

pytestmark = pytest.mark.usefixtures("each_store")


async def leased(store: Store) -> str:
    """A run of h1."""
    for facts in (HostFacts(host="h1"), HostFacts(host="h2")):
        await store.write(partial(store_hosts.greet, facts=facts, policy=Policy(), now=1.0))
    (run_id,) = await store.write(lambda c: submitting.submit(c, small().experiment(), ["h1"], 1.0))
    await store.write(lambda c: leasing.lease_next(c, "h1", 1.0))
    return run_id


def doing(run_id: str, words: str, attempt: int = 1) -> list[Progress]:
    return [Progress(attempt=Attempt(run_id=run_id, attempt=attempt), doing=words)]


async def shown(store: Store, run_id: str) -> str:
    return (await store.read(lambda c: queries.summary(c, run_id))).progress.doing


@in_loop
async def test_the_latest_word_of_a_host_on_its_own_run_is_kept(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id, notes = await leased(store), Notes(store)
        for words in ("first", "latest"):
            notes.progress("h1", doing(run_id, words))
        notes.progress("h2", doing(run_id, "of another host"))
        notes.seen("h1", 7.0)
        notes.policy("h2", Policy(pids_limit=9))

        assert sorted(await notes.write()) == [run_id, run_id]
        assert await shown(store, run_id) == "latest"
        first, second = await store.read(store_hosts.states)
        assert (first.last_seen_time_seconds, second.last_seen_time_seconds) == (7.0, 1.0)
        assert await notes.write() == []

        notes.progress("h1", doing(run_id, "of an attempt that is none", attempt=2))
        await notes.write()
        assert await shown(store, run_id) == "latest"


@in_loop
async def test_what_a_full_disk_did_not_take_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        error = sqlite3.OperationalError("disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise OperationalError("", None, error)

    async with Store(tmp_path) as store:
        run_id, notes = await leased(store), Notes(store)
        notes.progress("h1", doing(run_id, "kept"))
        with monkeypatch.context() as patched:
            patched.setattr(store_hosts, "seen", full)
            with pytest.raises(StoreFault, match="disk is full"):
                await notes.write()
        await notes.write()

        assert await shown(store, run_id) == "kept"


@in_loop
async def test_a_heartbeat_says_only_so_much(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        beat = Heartbeat(progress=doing(run_id, "x") * 65)
        await agent.stream.write(AttendRequest(heartbeat=beat))
        code, words = await agent.ended()

        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "with 65 attempts" in words
