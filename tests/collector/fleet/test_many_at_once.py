"""What a thousand agents that come, return or get work at once must not cost, seen on a few."""

import asyncio
import gc
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from headstart.collector.store.writer import Append
from support.attending import attend, collecting, envelope, hello, in_loop, starting, submit

pytestmark = pytest.mark.usefixtures("each_store")


@in_loop
async def test_an_agent_that_returns_with_its_run_costs_no_reading_of_its_own(
    tmp_path: Path,
) -> None:
    readings: list[str] = []

    def note(_c: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        # The runs of each state are counted too, as they change.
        if "experiments" in text:
            readings.append(text)

    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            [run_id] = await submit(collector.port)
            await agent.until("lease")
            event.listen(collector._store.readers, "before_cursor_execute", note)
            await agent.send(starting(1, run_id))
            await agent.acked(1)
        back = hello(running=[(run_id, 1)])
        async with attend(collector.port, back) as agent:
            await agent.send(envelope(2, run_id))
            await agent.acked(2)

    assert readings == []


@in_loop
async def test_a_submission_to_more_hosts_than_are_leased_together_reaches_each(
    tmp_path: Path,
) -> None:
    hosts = [f"h{number}" for number in range(105)]
    async with collecting(tmp_path) as collector, AsyncExitStack() as stack:
        agents = [
            await stack.enter_async_context(
                attend(collector.port, host=host, stream_id=f"stream-of-{host}")
            )
            for host in hosts
        ]
        made = await submit(collector.port)
        leases = await asyncio.gather(*(agent.until("lease") for agent in agents))

    assert len(set(made)) == len(hosts)
    assert sorted(lease.attempt.run_id for lease in leases) == sorted(made)


@in_loop
async def test_what_an_agent_sent_is_freed_without_the_garbage_collector(tmp_path: Path) -> None:
    """A pass through what a thousand agents sent in a second holds up all that comes meanwhile."""
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        [run_id] = await submit(collector.port)
        await agent.until("lease")
        gc.collect()
        gc.disable()
        try:
            await agent.send(starting(1, run_id))
            await agent.acked(1)
            for sequence in (2, 3, 4):
                await agent.send(envelope(sequence, run_id))
                await agent.acked(sequence)
            kept = [each for each in gc.get_objects() if isinstance(each, Append)]
        finally:
            gc.enable()

    # The last group's stay until the next one comes.
    assert len(kept) <= 1
