"""Disks that fail below a store or a spool: read-only, full, hanging, and well again."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import grpc
import pytest

from headstart.agent.agent import Agent, AgentConfig
from headstart.collector.config import CollectorConfig, Timing
from headstart.collector.faults import StartFault
from headstart.v1.experiments_pb2 import ListHostsRequest, RunState, SubmitRequest
from support.attending import (
    EXPERIMENT,
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)
from support.collector_process import collector_process
from support.exposed import exposed
from support.ext4_disk import ext4_disk
from support.policies import everything_allowed
from support.running import free_port
from support.small_disk import fill, free, small_disk

pytestmark = [pytest.mark.alone, pytest.mark.root]

DONE = RunState.RUN_STATE_DONE
FAILED = RunState.RUN_STATE_FAILED
# A silence of 1.5 s is the end of a stream.
_QUICK = Timing(heartbeat_seconds=0.5)


class _Watched:
    """What a collector's metrics port says."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def health(self) -> tuple[int, str]:
        async with self._http.get("/healthz") as answer:
            return answer.status, await answer.text()

    async def figure(self, name: str) -> float:
        async with self._http.get("/metrics") as answer:
            value = exposed(await answer.text(), name)
        assert value is not None
        return value

    async def until_sick(self) -> str:
        """What it says then."""
        while (found := await self.health())[0] != 503:
            await asyncio.sleep(0.05)
        return found[1]

    async def until_well(self) -> None:
        while await self.health() != (200, "ok\n"):
            await asyncio.sleep(0.05)


async def _refusal_of_submit(port: int) -> grpc.aio.AioRpcError:
    """The first answer that says no. A call that was taken may wait for the disk."""
    async with experiments(port) as stub:
        while True:
            try:
                await stub.Submit(
                    SubmitRequest(source_text=EXPERIMENT, base_directory="/"), timeout=1
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    return error


@in_loop
async def test_a_disk_that_became_read_only_is_said_and_what_was_acked_is_there_when_it_is_mended(
    tmp_path: Path,
) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    with ext4_disk(tmp_path) as disk:
        config = CollectorConfig(disk.folder / "store", metrics_listen=metrics)
        with collector_process(config) as collector:
            async with attend(collector.port) as agent:
                (run_id,) = await submit(collector.port)
                await agent.until("lease")
                await agent.send(starting(1, run_id))
                await agent.acked(1)
                disk.fail()
                await agent.send(envelope(2, run_id))
                code, words = await agent.ended()
            refused = await _refusal_of_submit(collector.port)
            async with aiohttp.ClientSession(f"http://{metrics}") as http:
                health = await _Watched(http).health()
                faulty = await _Watched(http).figure("headstart_collector_store_faulty")
            collector.kill()
            disk.unmount()
            disk.mend()
            disk.mount()
        with collector_process(config) as collector:
            async with attend(collector.port, running=[(run_id, 1)]) as agent:
                acked = agent.welcome.acked_sequence
                await agent.send(envelope(2, run_id), ending(3, run_id))
                run = await watched(collector.port, run_id, DONE)

    assert code == grpc.StatusCode.UNAVAILABLE
    assert "Read-only file system" in words
    assert refused.code() == grpc.StatusCode.UNAVAILABLE
    assert "Read-only file system" in str(refused.details())
    assert health[0] == 503
    assert "Read-only file system" in health[1]
    assert faulty == 1
    assert acked == 1
    assert run.attempt == 1


@in_loop
async def test_nobody_has_to_write_for_a_read_only_disk_to_be_noticed(tmp_path: Path) -> None:
    with ext4_disk(tmp_path) as disk:
        folder = disk.folder / "store"
        async with collecting(folder, metrics_listen="127.0.0.1:0") as collector:
            address = f"http://127.0.0.1:{collector.metrics_port}"
            async with aiohttp.ClientSession(address) as http:
                before = await _Watched(http).health()
                disk.fail()
                await _Watched(http).until_sick()

    assert before == (200, "ok\n")


@in_loop
async def test_a_full_disk_and_room_again_are_noticed_though_nobody_writes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        async with collecting(disk / "store", metrics_listen="127.0.0.1:0") as collector:
            address = f"http://127.0.0.1:{collector.metrics_port}"
            async with aiohttp.ClientSession(address) as http:
                fill(disk)
                said = await _Watched(http).until_sick()
                free(disk)
                await _Watched(http).until_well()

    assert "full" in said


@in_loop
async def test_while_the_disk_is_full_silent_streams_end_all_the_same_and_lost_attempts_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    timing = Timing(heartbeat_seconds=1, lease_seconds=2, tick_seconds=0.25)
    with small_disk(tmp_path / "disk", 24) as disk:
        async with collecting(disk / "store", timing=timing) as collector:
            async with attend(collector.port) as agent:
                (run_id,) = await submit(collector.port)
                await agent.until("lease")
                fill(disk)
                code, words = await agent.ended()
            free(disk)
            await watched(collector.port, run_id, RunState.RUN_STATE_QUEUED)

    assert (code, words) == (grpc.StatusCode.UNAVAILABLE, "nothing came for 3 s")
    assert "leases that have passed their deadline are not ended yet" in caplog.text
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@in_loop
async def test_a_collector_on_a_read_only_disk_does_not_start_and_says_why(tmp_path: Path) -> None:
    with ext4_disk(tmp_path) as disk:
        async with collecting(disk.folder / "store"):
            pass
        disk.unmount()
        disk.mount("ro")
        with pytest.raises(StartFault, match=r"cannot hold the store: .*Read-only file system"):
            async with collecting(disk.folder / "store"):
                pass


@in_loop
async def test_a_disk_that_hangs_is_said_and_all_goes_on_when_it_does_not(tmp_path: Path) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    with ext4_disk(tmp_path) as disk:
        config = CollectorConfig(
            disk.folder / "store",
            metrics_listen=metrics,
            # The agent says nothing meanwhile, for as long as the disk and its looks take.
            timing=Timing(heartbeat_seconds=20),
        )
        with collector_process(config) as collector:
            async with (
                aiohttp.ClientSession(f"http://{metrics}") as http,
                attend(collector.port) as agent,
            ):
                watching = _Watched(http)
                (run_id,) = await submit(collector.port)
                await agent.until("lease")
                await agent.send(starting(1, run_id))
                await agent.acked(1)
                disk.freeze()
                try:
                    await agent.send(envelope(2, run_id))
                    said = await watching.until_sick()
                    slow = await watching.figure("headstart_collector_store_commit_latest_seconds")
                    refused = await _refusal_of_submit(collector.port)
                finally:
                    disk.thaw()
                # On the same stream, without a word from the agent.
                await agent.acked(2)
                await watching.until_well()
                await agent.send(ending(3, run_id))
                await watched(collector.port, run_id, DONE)

    assert "the store's disk is slow: a commit has taken" in said
    assert slow >= 5
    assert refused.code() == grpc.StatusCode.UNAVAILABLE
    assert "slow: a commit has taken" in str(refused.details())


def _agent(port: int, state: Path) -> Agent:
    target = f"127.0.0.1:{port}"
    return Agent(AgentConfig(target, state, host="h1", policy=everything_allowed()))


async def _not_ready(port: int, wanted: Callable[[str], bool]) -> str:
    """What a collector says of the only host, once it is as wanted."""
    async with experiments(port) as stub:
        while True:
            hosts = (await stub.ListHosts(ListHostsRequest())).hosts
            if hosts and hosts[0].connected and wanted(hosts[0].not_ready):
                return str(hosts[0].not_ready)
            await asyncio.sleep(0.05)


@in_loop
async def test_an_agent_whose_disk_hangs_says_so_stays_and_is_ready_when_it_does_not(
    tmp_path: Path,
) -> None:
    with ext4_disk(tmp_path, 128) as disk:
        async with collecting(tmp_path / "store", timing=_QUICK) as collector:
            agent = _agent(collector.port, disk.folder / "agent")
            living = asyncio.create_task(agent.run())
            await _not_ready(collector.port, lambda said: not said)
            disk.freeze()
            try:
                recording = asyncio.create_task(asyncio.to_thread(agent.spool.look))
                said = await _not_ready(collector.port, bool)
                (run_id,) = await submit(collector.port)
                waits = (await run_of(collector.port, run_id)).state
            finally:
                disk.thaw()
            await recording
            await _not_ready(collector.port, lambda said: not said)
            await watched(collector.port, run_id, RunState.RUN_STATE_LEASED, DONE, FAILED)
            agent.stop()
            await living

    assert "its spool's disk is slow: a commit has taken" in said
    assert waits == RunState.RUN_STATE_QUEUED


@in_loop
async def test_an_agent_whose_disk_is_read_only_says_so_and_takes_no_run(tmp_path: Path) -> None:
    with ext4_disk(tmp_path, 128) as disk:
        async with collecting(tmp_path / "store", timing=_QUICK) as collector:
            agent = _agent(collector.port, disk.folder / "agent")
            living = asyncio.create_task(agent.run())
            await _not_ready(collector.port, lambda said: not said)
            disk.fail()
            (run_id,) = await submit(collector.port)
            said = await _not_ready(collector.port, bool)
            run = await run_of(collector.port, run_id)
            alive = not living.done()
            agent.stop()
            await living

    assert "its spool cannot be written: " in said
    assert "Read-only file system" in said
    assert run.state == RunState.RUN_STATE_QUEUED
    assert alive


@in_loop
async def test_an_agent_on_a_full_disk_begins_its_new_stream_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 128) as disk:
        async with collecting(tmp_path / "store", timing=_QUICK) as collector:
            port = collector.port
            agent = _agent(port, disk / "agent")
            living = asyncio.create_task(agent.run())
            await _not_ready(port, lambda said: not said)
            await asyncio.to_thread(agent.spool.append, envelope(1, "20200101-000000-gone"))
            while agent.spool.acked < 1:
                await asyncio.sleep(0.05)
        first = agent.spool.stream_id
        fill(disk)
        # Another store, which confirmed nothing.
        listen = f"127.0.0.1:{port}"
        async with collecting(tmp_path / "another", timing=_QUICK, listen=listen):
            while "the spool cannot be written: database or disk is full" not in caplog.text:
                assert not living.done()
                await asyncio.sleep(0.05)
            kept = agent.spool.stream_id
            free(disk)
            await _not_ready(port, lambda said: not said)
            agent.stop()
            await living

    assert kept == first
    assert agent.spool.replaces == first
