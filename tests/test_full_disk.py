"""Disks that are really full, below the agent's spool and below the collector's store."""

import asyncio
import secrets
import zlib
from pathlib import Path

import grpc
import pytest
import yaml

from headstart.agent.agent import Agent, AgentConfig
from headstart.collector.faults import StartFault
from headstart.v1.experiments_pb2 import ListHostsRequest, RunState
from headstart.v1.records_pb2 import Envelope, RecordKind
from support.attending import (
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
from support.policies import everything_allowed
from support.running import app, experiment, free_port, run
from support.small_disk import fill, free, small_disk
from support.waiting import until

pytestmark = [pytest.mark.alone, pytest.mark.root]

QUEUED = RunState.RUN_STATE_QUEUED
DONE = RunState.RUN_STATE_DONE


def samples(sequence: int, run_id: str) -> Envelope:
    payload = secrets.token_bytes(50_000)
    return envelope(
        sequence,
        run_id,
        kind=RecordKind.RECORD_KIND_SAMPLES,
        payload=payload,
        decoded_bytes=len(payload),
        crc32=zlib.crc32(payload),
    )


@in_loop
async def test_a_collector_without_room_refuses_and_goes_on_where_it_acked(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        async with collecting(disk / "store") as collector:
            async with attend(collector.port) as agent:
                (run_id,) = await submit(collector.port)
                await agent.until("lease")
                await agent.send(starting(1, run_id))
                await agent.acked(1)
                fill(disk)
                # What is left in the log's file is used up first.
                for sequence in range(2, 200):
                    if agent.stream.done():
                        break
                    await agent.send(samples(sequence, run_id))
                    await asyncio.sleep(0.02)
                code, words = await agent.ended()
            free(disk)
            async with attend(collector.port, running=[(run_id, 1)]) as agent:
                acked = agent.welcome.acked_sequence
                await agent.send(samples(acked + 1, run_id), ending(acked + 2, run_id))
                run = await watched(collector.port, run_id, DONE)

    assert code == grpc.StatusCode.UNAVAILABLE
    assert "full" in words
    assert acked >= 1
    assert run.attempt == 1


@in_loop
async def test_an_agent_without_room_takes_no_run_says_why_and_lives(tmp_path: Path) -> None:
    port = free_port()
    pair = experiment(port, {"a": app(port), "b": app(port)}, plan={"blocks": 1, "idle": "1s"})
    with small_disk(tmp_path / "disk", 128) as disk:
        async with collecting(tmp_path / "store") as collector:
            agent = Agent(
                AgentConfig(
                    target=f"127.0.0.1:{collector.port}",
                    state=disk / "agent",
                    host="h1",
                    policy=everything_allowed(),
                )
            )
            fill(disk, leave_bytes=10 << 20)
            living = asyncio.create_task(agent.run())
            async with experiments(collector.port) as stub:
                while not (hosts := (await stub.ListHosts(ListHostsRequest())).hosts):
                    await asyncio.sleep(0.02)
            (run_id,) = await submit(collector.port, yaml.safe_dump(pair))
            waits = (await run_of(collector.port, run_id)).state
            free(disk)
            agent.attendance._beat()
            await watched(collector.port, run_id, RunState.RUN_STATE_LEASED)
            await until(lambda: bool(agent.runs.running()))
            # In the middle of the run nothing is left at all.
            fill(disk)
            await until(lambda: not agent.runs.running())
            alive = not living.done()
            free(disk)
            agent.spool.flush()
            agent.attendance._beat()
            run = await watched(collector.port, run_id, DONE, RunState.RUN_STATE_FAILED)
            agent.stop()
            await living

    assert waits == QUEUED
    assert "MiB are free for its spool, 64 MiB are wanted" in hosts[0].not_ready
    assert alive
    assert run.state == DONE, run.reason


@in_loop
async def test_a_collector_that_starts_without_room_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        # Enough for the folder and its lock, not for the tables.
        fill(disk, leave_bytes=32 << 10)
        with pytest.raises(StartFault, match="cannot hold the store"):
            async with collecting(disk / "store"):
                pass
        free(disk)
        async with collecting(disk / "store"):
            pass


def test_a_run_whose_data_folder_has_too_little_room_says_so_at_once(tmp_path: Path) -> None:
    port = free_port()
    with small_disk(tmp_path / "disk", 40) as disk:
        ran = run(disk, experiment(port, {"a": app(port), "b": app(port)}))

    assert ran.status == 3
    assert "the agent takes no run: " in ran.errors
    assert "64 MiB are wanted" in ran.errors
