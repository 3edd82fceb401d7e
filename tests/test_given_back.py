"""An agent that is stopped in the middle of a run gives it back, and a later one makes it."""

import asyncio
import time
from pathlib import Path

import pytest
import yaml

from headstart.agent.agent import Agent, AgentConfig
from headstart.collector.server import Collector
from headstart.v1.experiments_pb2 import RunState
from support.attending import collecting, in_loop, run_of, submit, watched
from support.policies import everything_allowed
from support.running import app, experiment, free_port
from support.waiting import until

pytestmark = pytest.mark.alone

QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
DONE = RunState.RUN_STATE_DONE


def agent_of(collector: Collector, folder: Path, attending: asyncio.Event) -> Agent:
    return Agent(
        AgentConfig(
            target=f"127.0.0.1:{collector.port}",
            state=folder / "agent",
            host="h1",
            policy=everything_allowed(),
        ),
        on_connected=lambda connected: attending.set() if connected else None,
    )


@in_loop
async def test_a_run_of_an_agent_that_is_stopped_is_made_again(tmp_path: Path) -> None:
    port = free_port()
    slow = experiment(port, {"a": app(port), "b": app(port)}, plan={"blocks": 1, "idle": "1s"})
    async with collecting(tmp_path / "store") as collector:
        attending = asyncio.Event()
        first = agent_of(collector, tmp_path, attending)
        living = asyncio.create_task(first.run())
        await attending.wait()
        (run_id,) = await submit(collector.port, yaml.safe_dump(slow))
        while "block 1" not in (await run_of(collector.port, run_id)).progress.doing:
            await asyncio.sleep(0.05)
            if first.runs.running():
                first.attendance._beat()
        began = time.monotonic()
        first.stop()
        await living
        seconds = time.monotonic() - began
        given_back = await run_of(collector.port, run_id)
        attending.clear()
        second = agent_of(collector, tmp_path, attending)
        living = asyncio.create_task(second.run())
        done = await watched(collector.port, run_id, DONE)
        second.stop()
        await living

        assert seconds < 10
        assert (given_back.state, given_back.attempt) == (QUEUED, 1)
        assert given_back.reason == "attempt 1 was given back: the agent was stopped"
        assert done.attempt == 2


@in_loop
async def test_without_a_collector_the_next_start_gives_the_run_back(tmp_path: Path) -> None:
    port = free_port()
    slow = experiment(port, {"a": app(port), "b": app(port)}, plan={"blocks": 1, "idle": "1s"})
    attending = asyncio.Event()
    async with collecting(tmp_path / "store") as collector:
        first = agent_of(collector, tmp_path, attending)
        living = asyncio.create_task(first.run())
        await attending.wait()
        (run_id,) = await submit(collector.port, yaml.safe_dump(slow))
        await watched(collector.port, run_id, LEASED)
        await until(lambda: bool(first.runs.running()))
    await until(lambda: not first.attendance._connected)
    first.stop()
    await living
    async with collecting(tmp_path / "store") as collector:
        assert (await run_of(collector.port, run_id)).state == LEASED
        attending.clear()
        second = agent_of(collector, tmp_path, attending)
        living = asyncio.create_task(second.run())
        done = await watched(collector.port, run_id, DONE)
        second.stop()
        await living

        assert done.attempt == 2
