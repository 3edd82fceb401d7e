"""SIGKILL while agents ingest: nothing acked is lost, nothing is counted twice."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio

from headstart.collector.config import CollectorConfig
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import Envelope, Record
from support.attending import (
    attend,
    ending,
    envelope,
    hello,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)
from support.collector_process import CollectorProcess, collector_process
from support.waiting import until

_RECORDS = 3000
_KILLS = 5


class Agent:
    """Sends records 1.._RECORDS and a terminal one, and remembers what was acked."""

    def __init__(self, host: str, run_id: str, process: CollectorProcess) -> None:
        self.host = host
        self.run_id = run_id
        self.acked = 0
        self.streams = 0
        self._process = process

    def _record(self, sequence: int) -> Envelope:
        if sequence > _RECORDS:
            return ending(sequence, self.run_id)
        return (envelope if sequence > 1 else starting)(sequence, self.run_id)

    async def run(self) -> None:
        """Until the terminal record is acked, through every loss of the collector."""
        while self.acked <= _RECORDS:
            try:
                await self._stream()
            except (grpc.aio.AioRpcError, AssertionError, asyncio.InvalidStateError):
                await asyncio.sleep(0.05)

    async def _stream(self) -> None:
        said = hello(self.host, f"spool-{self.host}", running=[(self.run_id, 1)])
        async with attend(self._process.port, said) as agent:
            self.streams += 1
            # What was acked is durable: a collector that forgot it would say less.
            if agent.welcome.acked_sequence < self.acked:
                raise RuntimeError(f"acked {self.acked}, durable {agent.welcome.acked_sequence}")
            # What is resent from here on may be stored already: the kill may have
            # fallen between commit and ack.
            sent = agent.welcome.acked_sequence
            while self.acked <= _RECORDS:
                upto = min(self.acked + agent.welcome.ack_window, _RECORDS + 1)
                for start in range(sent + 1, upto + 1, 8):
                    sent = min(start + 7, upto)
                    await agent.send(*(self._record(n) for n in range(start, sent + 1)))
                self.acked = max(self.acked, (await agent.until("ack")).sequence)


async def _kill_now_and_then(process: CollectorProcess, progress: Callable[[], int]) -> None:
    for kill in range(1, _KILLS + 1):
        wanted = kill * _RECORDS // (_KILLS + 1)
        await until(lambda: progress() >= wanted, seconds=50)  # noqa: B023  # it is over in here
        await asyncio.to_thread(process.restart)


@in_loop
async def test_what_was_acked_survives_the_kill_of_the_collector(tmp_path: Path) -> None:
    with collector_process(CollectorConfig(data=tmp_path)) as process:
        # Hosts must be known before runs are submitted for them.
        async with attend(process.port, hello("h1", "spool-h1")):
            pass
        async with attend(process.port, hello("h2", "spool-h2")):
            pass
        runs = await submit(process.port)
        agents = [
            Agent(host, run_id, process) for host, run_id in zip(("h1", "h2"), runs, strict=True)
        ]
        leases = [attend(process.port, hello(a.host, f"spool-{a.host}")) for a in agents]
        for lease in leases:
            async with lease as agent:
                await agent.until("lease")
        killer = _kill_now_and_then(process, lambda: min(agent.acked for agent in agents))
        await asyncio.gather(killer, *(agent.run() for agent in agents))
        for each in agents:
            assert (await watched(process.port, each.run_id, RunState.RUN_STATE_DONE)).attempt == 1
            assert each.streams > _KILLS
        assert (await run_of(process.port, runs[0])).state == RunState.RUN_STATE_DONE

    with sqlite3.connect(tmp_path / "headstart.sqlite") as database:
        for each in agents:
            rows = database.execute(
                "SELECT sequence, payload FROM batches WHERE stream_id = ? ORDER BY sequence",
                (f"spool-{each.host}",),
            ).fetchall()
            assert [row[0] for row in rows] == list(range(1, _RECORDS + 2))
            texts = [Record.FromString(row[1]).event.text for row in rows[1:_RECORDS]]
            assert texts == [f"record {n}" for n in range(2, _RECORDS + 1)]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
