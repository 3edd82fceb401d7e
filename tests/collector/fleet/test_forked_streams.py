"""Hosts that were reset to an earlier state or copied, as the collector sees them."""

import time
from pathlib import Path

import grpc
import pytest

from headstart.cli.host_words import host_line
from headstart.collector.metrics.families import Sample
from headstart.collector.metrics.fleet_samples import steady_samples
from headstart.v1.experiments_pb2 import ListHostsRequest, RunState
from headstart.v1.fleet_pb2 import Attempt, AttendRequest, Heartbeat
from headstart.v1.records_pb2 import RunStatus
from support.attending import (
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    hello,
    in_loop,
    refused,
    run_of,
    starting,
    submit,
    watched,
)
from support.stores import Stores

pytestmark = pytest.mark.usefixtures("each_store")

QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
DONE = RunState.RUN_STATE_DONE
LOST = RunState.RUN_STATE_LOST
RETURNED = RunStatus.RUN_STATUS_RETURNED


@in_loop
async def test_the_welcome_names_the_newest_record_by_its_mark(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.send(starting(1, run_id), envelope(2, run_id, mark=-77))
            await agent.acked(2)
        async with attend(collector.port, running=[(run_id, 1)]) as agent:
            assert (agent.welcome.acked_sequence, agent.welcome.acked_mark) == (2, -77)


@in_loop
async def test_an_attempt_that_two_streams_wrote_is_made_again(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.until("lease")
            await agent.send(starting(1, run_id), envelope(2, run_id))
            await agent.acked(2)
        said = hello(stream_id="s2", replaces="s1", running=[(run_id, 1)])
        async with attend(collector.port, said) as agent:
            assert (await agent.until("cancel")).attempt.attempt == 1
            # What the other life recorded of it ends nothing and is not stored.
            await agent.send(starting(1, run_id), ending(2, run_id))
            await agent.acked(2)
            assert (await run_of(collector.port, run_id)).state == QUEUED
            await agent.beat()
            assert (await agent.until("lease")).attempt.attempt == 2
            await agent.send(starting(3, run_id, 2), ending(4, run_id, 2))

            assert (await watched(collector.port, run_id, DONE)).attempt == 2


@in_loop
async def test_an_attempt_of_which_nothing_is_stored_goes_on_in_the_new_stream(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.until("lease")
        said = hello(stream_id="s2", replaces="s1", running=[(run_id, 1)])
        async with attend(collector.port, said) as agent:
            await agent.send(starting(1, run_id), ending(2, run_id))

            assert (await watched(collector.port, run_id, DONE)).attempt == 1


@in_loop
async def test_a_copy_of_a_host_is_refused_while_the_other_attends(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port, life=1) as first:
            code, words = await refused(collector.port, hello(life=2))
            assert code == grpc.StatusCode.UNAVAILABLE
            assert "another agent attends as host 'h1': is this one a copy of it?" in words
            async with experiments(collector.port) as stub:
                (state,) = (await stub.ListHosts(ListHostsRequest())).hosts
            assert state.refused_twin_time_seconds > 0
            assert "another agent asks to attend as this host" in host_line(state)
            assert Sample("headstart_host_twin", ("h1",), 1.0) in list(steady_samples(state))
            (run_id,) = await submit(collector.port)
            assert (await first.until("lease")).attempt.run_id == run_id
        # An agent that comes back after a restart is not taken for one.
        async with attend(collector.port, life=2, running=[(run_id, 1)]):
            assert (await run_of(collector.port, run_id)).state == LEASED


@in_loop
async def test_the_same_agent_may_take_over_its_own_stream(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, life=1) as older,
        attend(collector.port, life=1),
    ):
        assert (await older.ended())[0] == grpc.StatusCode.ABORTED


@in_loop
async def test_a_run_that_is_given_back_is_queued_again_and_not_lost(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        for attempt in range(1, 6):
            assert (await agent.until("lease")).attempt.attempt == attempt
            returned = ending(attempt, run_id, attempt, RETURNED, "the agent was stopped")
            await agent.send(returned)
        assert (await agent.until("lease")).attempt.attempt == 6
        await agent.send(starting(6, run_id, 6), ending(7, run_id, 6))

        assert (await watched(collector.port, run_id, DONE)).attempt == 6


@in_loop
async def test_a_run_that_is_given_back_for_ever_is_lost(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        for attempt in range(1, 12):
            assert (await agent.until("lease")).attempt.attempt == attempt
            await agent.send(ending(attempt, run_id, attempt, RETURNED, "again"))
        run = await watched(collector.port, run_id, LOST)

        assert run.reason == "given back 11 times, last: again"


@pytest.mark.parametrize("said_at", ["hello", "heartbeat"])
@in_loop
async def test_an_agent_that_takes_no_run_is_offered_none_and_says_why(
    tmp_path: Path, said_at: str
) -> None:
    why = "3 MiB are free for its spool, 64 MiB are wanted"
    said = hello(not_ready=why if said_at == "hello" else "")
    async with collecting(tmp_path) as collector, attend(collector.port, said) as agent:
        if said_at == "heartbeat":
            await agent.stream.write(AttendRequest(heartbeat=Heartbeat(not_ready=why)))
        async with experiments(collector.port) as stub:
            while (state := (await stub.ListHosts(ListHostsRequest())).hosts[0]).not_ready != why:
                pass
        assert state.connected
        (run_id,) = await submit(collector.port)
        assert (await run_of(collector.port, run_id)).state == QUEUED
        await agent.beat()

        assert (await agent.until("lease")).attempt.run_id == run_id


@in_loop
async def test_a_declined_lease_is_offered_again_without_being_counted(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        for attempt in range(1, 6):
            await agent.until("lease")
            declined = [Attempt(run_id=run_id, attempt=attempt)]
            no = Heartbeat(not_ready="its disk is full", declined=declined)
            await agent.stream.write(AttendRequest(heartbeat=no))
            while (run := await run_of(collector.port, run_id)).state != QUEUED:
                pass
            assert run.reason == f"attempt {attempt} was lost: its disk is full"
            await agent.beat()


@in_loop
async def test_a_store_that_was_set_back_makes_anew_what_is_partly_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.until("lease")
            await agent.send(starting(1, run_id), envelope(2, run_id))
            await agent.acked(2)
        # Three times, so that a loss that counts would end it.
        for said in range(3):
            acked = hello(acked=9, running=[(run_id, 1)], partly=[(run_id, 1)])
            async with attend(collector.port, acked) as agent:
                assert "set back" in (await agent.until("cancel")).reason
                run = await run_of(collector.port, run_id)
                assert run.state == QUEUED
                if not said:
                    assert "7 records of its host were acknowledged and are not here" in run.reason
        async with attend(
            collector.port, hello(stream_id="s2", replaces="s1", unacked=[(run_id, 1)])
        ) as agent:
            leased = (await agent.until("lease")).attempt
            # What is left of the other one does not count as a record of this one.
            await agent.send(ending(1, run_id, 1, trials=5))
            assert leased.attempt > 1000
            await agent.send(starting(2, run_id, leased.attempt), ending(3, run_id, leased.attempt))
            assert (await watched(collector.port, run_id, DONE)).attempt == leased.attempt
    assert "(7 records of stream s1 after record 2): the store was set back" in caplog.text


@in_loop
async def test_an_attempt_that_is_whole_in_the_spool_goes_on_in_a_store_that_was_set_back(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.until("lease")
        async with attend(collector.port, hello(acked=9, unacked=[(run_id, 1)])):
            assert (await run_of(collector.port, run_id)).state == LEASED
        said = hello(stream_id="s2", replaces="s1", unacked=[(run_id, 1)])
        async with attend(collector.port, said) as agent:
            await agent.send(starting(1, run_id), ending(2, run_id))
            assert (await watched(collector.port, run_id, DONE)).attempt == 1


@in_loop
async def test_an_attempt_that_the_store_never_gave_out_is_not_given_out_again(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            pass
        (run_id,) = await submit(collector.port)
        async with attend(collector.port, running=[(run_id, 1)]) as agent:
            assert "set back" in (await agent.until("cancel")).reason
            await agent.send(starting(1, run_id), ending(2, run_id))
            await agent.acked(2)
            assert (await run_of(collector.port, run_id)).state == QUEUED
            await agent.beat()
            assert (await agent.until("lease")).attempt.attempt > 1000


@in_loop
async def test_a_clock_that_was_ahead_keeps_no_host_for_ever(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port):
        pass
    Stores(tmp_path).execute("UPDATE hosts SET last_seen_seconds = last_seen_seconds + 1e9")
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        (state,) = (await stub.ListHosts(ListHostsRequest())).hosts
    assert state.last_seen_time_seconds <= time.time()
