"""The queue and its leases as agents and people see them."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc
import grpc.aio
import pytest

from headstart.collector.config import CollectorConfig, Timing
from headstart.collector.findings.run_info import RunInfo
from headstart.collector.fleet import fleet
from headstart.collector.server import Collector
from headstart.v1.experiment_pb2 import Network
from headstart.v1.experiments_pb2 import CancelRequest, ListHostsRequest, RunState, WatchRequest
from headstart.v1.fleet_pb2 import Hello
from headstart.v1.records_pb2 import RunStatus
from support.attending import (
    EXPERIMENT,
    OPEN_PORT,
    Attending,
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    hello,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)
from support.collector_process import collector_process
from support.stores import url_of
from support.waiting import until

pytestmark = pytest.mark.usefixtures("each_store")

QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
DONE = RunState.RUN_STATE_DONE
FAILED = RunState.RUN_STATE_FAILED
CANCELLED = RunState.RUN_STATE_CANCELLED
LOST = RunState.RUN_STATE_LOST

# Leases that end soon; the agents of these tests do not beat unless told to.
HASTY = Timing(heartbeat_seconds=30, lease_seconds=0.3, tick_seconds=0.05)


async def leased(agent: Attending) -> tuple[str, int]:
    """The next lease: run and attempt."""
    attempt = (await agent.until("lease")).attempt
    return attempt.run_id, attempt.attempt


@in_loop
async def test_a_host_gets_one_run_at_a_time_in_the_order_of_submission(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        runs = [(await submit(collector.port))[0] for _ in range(3)]

        for sequence, run_id in zip((1, 3, 5), runs, strict=True):
            assert await leased(agent) == (run_id, 1)
            states = [(await run_of(collector.port, run)).state for run in runs]
            assert states.count(LEASED) == 1
            await agent.send(starting(sequence, run_id), ending(sequence + 1, run_id))


@in_loop
async def test_runs_wait_for_an_agent_that_is_away(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            pass
        (run_id,) = await submit(collector.port)
        assert (await run_of(collector.port, run_id)).state == QUEUED
        async with attend(collector.port) as agent:
            assert await leased(agent) == (run_id, 1)


@in_loop
async def test_a_restarted_collector_keeps_queue_and_leases(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        first, second = [(await submit(collector.port))[0] for _ in range(2)]
        await leased(agent)
        await agent.send(starting(1, first))
        await agent.acked(1)
    async with collecting(tmp_path) as collector:
        assert (await run_of(collector.port, first)).state == LEASED
        assert (await run_of(collector.port, second)).state == QUEUED
        async with attend(collector.port, running=[(first, 1)]) as agent:
            assert agent.welcome.acked_sequence == 1
            await agent.send(ending(2, first))

            assert (await watched(collector.port, first, DONE)).attempt == 1
            assert await leased(agent) == (second, 1)


@in_loop
async def test_an_agent_that_restarted_lost_its_attempt(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await leased(agent)
            await agent.send(envelope(1, run_id))
        async with attend(collector.port) as agent:
            assert await leased(agent) == (run_id, 2)
            # What the spool still holds of the first attempt is stored and ends nothing.
            at = agent.welcome.acked_sequence
            await agent.send(ending(at + 1, run_id, attempt=1))
            await agent.acked(at + 1)
            assert (await run_of(collector.port, run_id)).state == LEASED

            await agent.send(starting(at + 2, run_id, 2), ending(at + 3, run_id, attempt=2))
            assert (await watched(collector.port, run_id, DONE)).attempt == 2


@in_loop
async def test_a_run_that_is_lost_three_times_is_lost(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            (run_id,) = await submit(collector.port)
        for attempt in (2, 3):
            async with attend(collector.port) as agent:
                assert await leased(agent) == (run_id, attempt)
        async with attend(collector.port):
            run = await watched(collector.port, run_id, LOST)

            assert run.reason == "lost 3 times, last: the agent came back without it"
            assert run.ended_time_seconds > 0


@in_loop
async def test_a_run_whose_end_waits_in_the_spool_is_not_lost(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await leased(agent)
        async with attend(collector.port, unacked=[(run_id, 1)]) as agent:
            assert (await run_of(collector.port, run_id)).state == LEASED
            await agent.send(starting(1, run_id), ending(2, run_id))
            assert (await watched(collector.port, run_id, DONE)).attempt == 1


@in_loop
async def test_a_lease_without_a_sign_of_life_ends(tmp_path: Path) -> None:
    async with collecting(tmp_path, timing=HASTY) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await leased(agent)
        run = await watched(collector.port, run_id, QUEUED)

        assert run.reason == "attempt 1 was lost: no sign of it for 0.3 s"


@in_loop
async def test_an_agent_that_was_cut_off_takes_its_run_up_again(tmp_path: Path) -> None:
    async with collecting(tmp_path, timing=HASTY) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await leased(agent)
        await watched(collector.port, run_id, QUEUED)
        async with attend(collector.port, running=[(run_id, 1)]) as agent:
            await agent.send(starting(1, run_id), ending(2, run_id))
            run = await watched(collector.port, run_id, DONE)

            assert run.attempt == 1
            assert run.reason == ""


@in_loop
async def test_heartbeats_keep_a_lease(tmp_path: Path) -> None:
    async with collecting(tmp_path, timing=HASTY) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await leased(agent)
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 4 * HASTY.lease_seconds:
            await agent.beat((run_id, 1))
            renewed = await agent.until("lease_renewed")
            assert renewed.attempt.run_id == run_id

        assert (await run_of(collector.port, run_id)).attempt == 1


@in_loop
async def test_an_agent_is_told_to_end_what_does_not_count(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await leased(agent)
        async with attend(collector.port) as agent:
            assert await leased(agent) == (run_id, 2)
        async with attend(collector.port, running=[(run_id, 1), (run_id, 2)]) as agent:
            cancel = await agent.until("cancel")
            assert (cancel.attempt.run_id, cancel.attempt.attempt) == (run_id, 1)

            await agent.beat((run_id, 1), (run_id, 2))
            assert (await agent.until("cancel")).attempt.attempt == 1


@in_loop
async def test_an_agent_that_does_not_read_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "_UNREAD_MESSAGES", 10)
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        # Cancels of attempts with long names are soon more than the transport holds.
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for beat in range(3000):
                await agent.beat((f"{beat:015000}", 1))
                if "does not read what it is told" in caplog.text:
                    break
        await until(lambda: "does not read what it is told" in caplog.text, seconds=50)


@in_loop
async def test_a_heartbeat_has_a_size(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        await agent.beat(("r", 1), doing="x" * 20_000)

        assert (await agent.ended())[0] == grpc.StatusCode.INVALID_ARGUMENT


@in_loop
async def test_no_run_is_leased_while_the_agent_still_runs_another(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, running=[("20200101-000000-gone", 1)]) as agent,
    ):
        (run_id,) = await submit(collector.port)
        await agent.until("cancel")
        assert (await run_of(collector.port, run_id)).state == QUEUED

        await agent.beat()

        assert await leased(agent) == (run_id, 1)


@in_loop
async def test_a_queued_run_is_cancelled_at_once(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        first, second = [(await submit(collector.port))[0] for _ in range(2)]
        async with experiments(collector.port) as stub:
            answer = await stub.Cancel(CancelRequest(run_id=second, reason="not needed"))

        assert answer.run.state == CANCELLED
        assert answer.run.reason == "not needed"
        (third,) = await submit(collector.port)
        assert await leased(agent) == (first, 1)
        await agent.send(starting(1, first), ending(2, first))
        assert await leased(agent) == (third, 1)


@in_loop
async def test_a_cancel_is_repeated_until_the_terminal_record_comes(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await leased(agent)
        async with experiments(collector.port) as stub:
            answer = await stub.Cancel(CancelRequest(run_id=run_id, reason="too slow"))
        assert answer.run.state == LEASED
        for _ in range(2):
            cancel = await agent.until("cancel")
            assert (cancel.attempt.run_id, cancel.reason) == (run_id, "too slow")
            await agent.beat((run_id, 1))
        # Also to the next stream, and by the next collector.
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, running=[(run_id, 1)]) as agent,
    ):
        assert (await agent.until("cancel")).reason == "too slow"
        cancelled = ending(1, run_id, status=RunStatus.RUN_STATUS_CANCELLED)
        await agent.send(cancelled)
        run = await watched(collector.port, run_id, CANCELLED)
        assert run.reason == "too slow"


@in_loop
async def test_a_cancelled_run_whose_agent_is_lost_is_not_queued_again(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await leased(agent)
        async with experiments(collector.port) as stub:
            await stub.Cancel(CancelRequest(run_id=run_id, reason="enough"))
        async with attend(collector.port):
            run = await watched(collector.port, run_id, CANCELLED)

            assert run.reason == "enough"


@in_loop
async def test_cancelling_what_has_ended_changes_nothing(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.send(starting(1, run_id), ending(2, run_id))
        before = await watched(collector.port, run_id, DONE)
        async with experiments(collector.port) as stub:
            await stub.Cancel(CancelRequest(run_id=run_id))

        assert await run_of(collector.port, run_id) == before


@in_loop
async def test_a_failed_runs_reason_is_kept(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.send(ending(1, run_id, status=RunStatus.RUN_STATUS_FAILED, reason="no image"))
        run = await watched(collector.port, run_id, RunState.RUN_STATE_FAILED)

        assert run.reason == "no image"


@in_loop
async def test_the_newer_stream_of_a_host_wins(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as older:
        (run_id,) = await submit(collector.port)
        await leased(older)
        await older.send(starting(1, run_id), envelope(2, run_id))
        async with attend(collector.port, running=[(run_id, 1)]) as newer:
            assert (await older.ended())[0] == grpc.StatusCode.ABORTED
            at = newer.welcome.acked_sequence
            # What the older stream had handed over counts, or is asked for again.
            assert at in (0, 2)
            records = [starting(1, run_id), *(envelope(n, run_id) for n in (2, 3))]
            await newer.send(*records[at:], ending(4, run_id))

            assert await newer.acked(4) == 4
            assert (await run_of(collector.port, run_id)).state == DONE


@in_loop
async def test_progress_reaches_those_who_watch(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await leased(agent)
        async with experiments(collector.port) as stub:
            watch = stub.Watch(WatchRequest(run_id=run_id))
            assert (await watch.read()).run.progress.doing == ""
            await agent.beat((run_id, 1), doing="block 1, trial 1 of 2: aot, load")
            assert "aot, load" in (await watch.read()).run.progress.doing
            await agent.send(starting(1, run_id), ending(2, run_id))
            assert (await watch.read()).run.state == DONE
            assert await watch.read() is grpc.aio.EOF


@in_loop
async def test_hosts_are_shown_with_what_their_agents_say(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port, host="h1") as agent:
        async with attend(collector.port, host="h2", stream_id="s2"):
            pass
        (run_id, _) = await submit(collector.port)
        await leased(agent)
        await agent.beat((run_id, 1), spool_bytes=4096)
        await agent.until("lease_renewed")
        async with experiments(collector.port) as stub:
            first, second = (await stub.ListHosts(ListHostsRequest())).hosts

        assert (first.host.host, first.connected, first.running_run_id) == ("h1", True, run_id)
        assert first.spool_bytes == 4096
        assert (second.host.host, second.running_run_id) == ("h2", "")


@in_loop
async def test_the_plan_decides_on_blocks_unless_told_otherwise(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await leased(agent)
        answers = []
        for done in (1, 2, 3):
            await agent.ask(run_id, done)
            decision = await agent.until("block_decision")
            answers.append((decision.blocks_done, decision.another, decision.reason))

        assert answers == [
            (1, True, "1 of 3 blocks"),
            (2, True, "2 of 3 blocks"),
            (3, False, "3 of 3 blocks"),
        ]


@in_loop
async def test_the_injected_decision_is_asked_and_its_faults_do_not_stop_a_run(
    tmp_path: Path,
) -> None:
    async def decide(info: RunInfo, blocks_done: int) -> tuple[bool, str]:
        if blocks_done == 2:
            raise ValueError("no verdict")
        return False, f"{info.experiment.name} is decided"

    config = CollectorConfig(data=tmp_path, store=url_of(tmp_path), **OPEN_PORT)
    collector = await Collector.start(config, decide)
    async with collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await leased(agent)
        await agent.ask(run_id, 1)
        first = await agent.until("block_decision")
        await agent.ask(run_id, 2)
        second = await agent.until("block_decision")

        assert (first.another, first.reason) == (False, "players is decided")
        assert second.another
        assert second.reason == "2 of 3 blocks; the decision failed: no verdict"


@in_loop
async def test_a_question_about_an_attempt_that_does_not_count_is_a_cancel(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        await agent.ask("20200101-000000-gone", 1)

        assert (await agent.until("cancel")).attempt.run_id == "20200101-000000-gone"


@in_loop
async def test_a_frozen_collector_throws_no_run_away(tmp_path: Path) -> None:
    timing = Timing(heartbeat_seconds=0.2, lease_seconds=0.6, tick_seconds=0.05)
    with collector_process(
        CollectorConfig(data=tmp_path, store=url_of(tmp_path), timing=timing)
    ) as process:
        async with attend(process.port, hello()) as agent:
            (run_id,) = await submit(process.port)
            await leased(agent)
            process.process.send_signal(signal.SIGSTOP)
            # Longer than the lease and than the silence that ends a stream.
            await asyncio.sleep(3 * timing.lease_seconds)
            process.process.send_signal(signal.SIGCONT)
            await agent.beat((run_id, 1))
            await agent.until("lease_renewed")
            await agent.send(starting(1, run_id), ending(2, run_id))
            run = await watched(process.port, run_id, DONE)

            assert run.attempt == 1


@in_loop
async def test_an_earlier_agent_is_sent_the_bridge_and_never_the_hosts_network(
    tmp_path: Path,
) -> None:
    """It would take a network that it does not know for the host's; it names none in its hello."""
    found: dict[str, Network.ValueType] = {}
    knows = [Network.NETWORK_OWN, Network.NETWORK_HOLDER]
    for host, networks in (("earlier", []), ("now", knows)):
        async with collecting(tmp_path / host) as collector:
            said = hello()
            said.policy.networks.extend(networks)
            async with attend(collector.port, said) as agent:
                await submit(collector.port)
                found[host] = (await agent.until("lease")).experiment.plan.network

    assert found == {"earlier": Network.NETWORK_HOLDER, "now": Network.NETWORK_OWN}


@in_loop
async def test_an_earlier_agent_gets_no_run_that_refers_to_what_its_host_knows(
    tmp_path: Path,
) -> None:
    """It would start the app without the value."""
    referring = EXPERIMENT.replace("compilation: jit", "env: {DB_PASSWORD: {from: DB}}")
    assert referring != EXPERIMENT
    async with collecting(tmp_path) as collector, attend(collector.port, hello()) as agent:
        (run_id,) = await submit(collector.port, referring)
        run = await watched(collector.port, run_id, FAILED)
        (other,) = await submit(collector.port)
        lease = await agent.until("lease")

    assert "update it" in run.reason
    assert lease.attempt.run_id == other


def _of_one_release(said: Hello) -> None:
    """It said so in its policy, before there were features."""
    said.policy.knows_secrets = True


def _of_today(said: Hello) -> None:
    said.features.extend(["secrets", "of a later release"])


@pytest.mark.parametrize("says", [_of_one_release, _of_today])
@in_loop
async def test_an_agent_that_knows_how_is_leased_the_reference(
    tmp_path: Path, says: Callable[[Hello], None]
) -> None:
    referring = EXPERIMENT.replace("compilation: jit", "env: {DB_PASSWORD: {from: DB}}")
    said = hello()
    says(said)
    async with collecting(tmp_path) as collector, attend(collector.port, said) as agent:
        await submit(collector.port, referring)
        lease = await agent.until("lease")

    assert lease.experiment.variants[0].secret_environment["DB_PASSWORD"].variable == "DB"
