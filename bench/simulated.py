"""Agents in numbers, by real streams over TLS: the load of `bench.scale` and `bench.abuse`.

`python -m bench.simulated PORT IDENTITIES` is a process of its own, so that its CPU time is not
the collector's. A line of its standard input is an order, answered by a line of JSON:
`attend` (all of them at once), `leased` (until each has a run), `work SECONDS` (the same, then a
batch a second each, and heartbeats), `cut` (all connections at once, and back).
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from headstart.agent.host.facts import host_facts
from headstart.agent.uplink.stream import CHANNEL_OPTIONS
from headstart.v1.experiment_pb2 import Network
from headstart.v1.fleet_pb2 import (
    Attempt,
    AttendRequest,
    Heartbeat,
    Hello,
    Progress,
    RecordBatch,
)
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.v1.records_pb2 import Envelope
from headstart.words.features import FEATURE_NAMES
from headstart.words.protocol import PROTOCOL_VERSION

_HEARTBEAT_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.2, 15.0
# Longer than any order takes: a bench ends.
_ORDER_SECONDS = 180.0


@dataclass
class Shared:
    """What all agents of this process have in common."""

    target: str
    authority: bytes
    facts: HostFacts
    # A second of samples, a few contents in turn.
    seconds: list[Envelope]
    # Of acked batches, in seconds.
    latencies: list[float] = field(default_factory=list)
    # By which batches were sent after their time: this process had no CPU.
    late: list[float] = field(default_factory=list)
    failed_tries: int = 0
    # Streams that the collector ended.
    faults: list[str] = field(default_factory=list)


@dataclass
class Agent:
    """One host: a stream, and batches of the run that it was leased."""

    host: str
    certificate: bytes
    key: bytes
    shared: Shared
    run: Attempt = field(default_factory=Attempt)
    sequence: int = 0
    acked: int = 0
    # Sequence and when it was sent, of what is not acked.
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    leased: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _channel: Any = None
    _stream: Any = None
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _again: "asyncio.Task[None] | None" = None

    async def attend(self) -> None:
        """Until it is welcomed; tries again as agents do."""
        backoff = _FIRST_BACKOFF_SECONDS
        while True:
            try:
                return await self._attend()
            except grpc.aio.AioRpcError:
                self.shared.failed_tries += 1
                await self._channel.close()
            await asyncio.sleep(backoff * random.uniform(0.75, 1.25))  # noqa: S311  # jitter
            backoff = min(2 * backoff, _LONGEST_BACKOFF_SECONDS)

    async def _attend(self) -> None:
        credentials = grpc.ssl_channel_credentials(
            self.shared.authority, self.key, self.certificate
        )
        options = [*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.secure_channel(self.shared.target, credentials, options)
        self._stream = FleetServiceStub(self._channel).Attend()
        await self._stream.write(AttendRequest(hello=self._hello()))
        first = await self._stream.read()
        if first is grpc.aio.EOF:
            raise SystemExit(f"{self.host}: {await self._stream.details()}")
        self.sequence = self.acked = first.welcome.acked_sequence
        self.waiting.clear()
        self._tasks = [asyncio.create_task(each) for each in (self._read(), self._beat())]

    def _hello(self) -> Hello:
        facts = HostFacts()
        facts.CopyFrom(self.shared.facts)
        facts.host = self.host
        return Hello(
            protocol_version=PROTOCOL_VERSION,
            host=facts,
            policy=Policy(images=["*"], commands=True, networks=[Network.NETWORK_OWN]),
            stream_id=f"stream-of-{self.host}",
            features=FEATURE_NAMES,
            running=[self.run] if self.run.run_id else [],
            acked_sequence=self.acked,
        )

    async def _read(self) -> None:
        # A stream that ended with a status may say so by raising.
        with suppress(grpc.aio.AioRpcError):
            while (message := await self._stream.read()) is not grpc.aio.EOF:
                match message.WhichOneof("message"):
                    case "ack":
                        self._take(message.ack.sequence)
                    case "lease":
                        self.run = message.lease.attempt
                        self.leased.set()
                    case _:
                        pass
        self.shared.faults.append(f"{self.host}: {await self._stream.details()}")
        self._again = asyncio.create_task(self._come_again())

    async def _come_again(self) -> None:
        await self.cut()
        await self.attend()

    def _take(self, sequence: int) -> None:
        now = time.perf_counter()
        self.acked = sequence
        while self.waiting and self.waiting[0][0] <= sequence:
            self.shared.latencies.append(now - self.waiting.popleft()[1])
        self.heard.set()

    async def deliver(self) -> None:
        """One batch."""
        self.sequence += 1
        second = self.shared.seconds[self.sequence % len(self.shared.seconds)]
        envelope = Envelope()
        envelope.CopyFrom(second)
        envelope.sequence = self.sequence
        envelope.run_id, envelope.attempt = self.run.run_id, self.run.attempt
        self.waiting.append((self.sequence, time.perf_counter()))
        await self._write(AttendRequest(batch=RecordBatch(envelopes=[envelope])))

    async def _write(self, message: AttendRequest) -> None:
        # A stream takes one at a time.
        async with self._writing:
            # One that was lost is made anew meanwhile.
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._stream.write(message)

    async def _beat(self) -> None:
        """What it does, which changes with each."""
        await asyncio.sleep(random.uniform(0, _HEARTBEAT_SECONDS))  # noqa: S311  # spread
        while True:
            running = [self.run] if self.run.run_id else []
            progress = [
                Progress(attempt=run, doing=f"block 1, jit: second {self.sequence}")
                for run in running
            ]
            beat = Heartbeat(running=running, spool_records=len(self.waiting), progress=progress)
            await self._write(AttendRequest(heartbeat=beat))
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def work(self, begin: float, seconds: float) -> None:
        """A batch each second from a moment of its own on."""
        offset = random.random()  # noqa: S311  # spread over the second
        for number in range(int(seconds)):
            due = begin + offset + number
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self.shared.late.append(time.perf_counter() - due)
            await self.deliver()

    async def cut(self) -> None:
        """Its connection breaks."""
        for task in self._tasks:
            task.cancel()
        self._stream.cancel()
        await self._channel.close()

    async def come_back(self) -> None:
        """Until a batch that was sent since is acked."""
        await self.attend()
        self.heard.clear()
        while not self.heard.is_set():
            await self.deliver()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self.heard.wait()


async def _order(line: str, agents: list[Agent], shared: Shared) -> dict[str, float]:
    shared.failed_tries = 0
    began = time.perf_counter()
    match line.split():
        case ["attend"]:
            await asyncio.gather(*(agent.attend() for agent in agents))
        case ["leased"]:
            await asyncio.gather(*(agent.leased.wait() for agent in agents))
        case ["work", seconds]:
            await asyncio.gather(*(agent.leased.wait() for agent in agents))
            shared.latencies.clear()
            shared.late.clear()
            began = time.perf_counter()
            await asyncio.gather(*(agent.work(began, float(seconds)) for agent in agents))
            while any(agent.waiting for agent in agents):
                await asyncio.sleep(0.05)
        case ["cut"]:
            await asyncio.gather(*(agent.cut() for agent in agents))
            await asyncio.gather(*(agent.come_back() for agent in agents))
        case other:
            raise SystemExit(f"no such order: {other}")
    found = {"seconds": time.perf_counter() - began, "failed_tries": shared.failed_tries}
    late = {"late_p99_ms": _summary(shared.late)["p99_ms"], "lost_streams": len(shared.faults)}
    for fault in shared.faults[:3]:
        print(fault, file=sys.stderr)
    shared.faults.clear()
    return found | late | _summary(shared.latencies)


def _summary(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies) or [0.0]
    share = {f"p{n}_ms": ordered[len(ordered) * n // 100] * 1e3 for n in (50, 90, 99)}
    return {"acked": len(ordered), **share, "most_ms": ordered[-1] * 1e3}


async def _serve(port: int, identities: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from bench.ingest import second_of_samples

    said = json.loads(identities.read_text())
    shared = Shared(
        f"127.0.0.1:{port}",
        said["authority"].encode(),
        host_facts("facts", {"pool": "simulated"}, None, [], watch_seconds=0.05),
        [second_of_samples(number) for number in range(20)],
    )
    agents = [
        Agent(each["host"], each["certificate"].encode(), each["key"].encode(), shared)
        for each in said["agents"]
    ]
    print(json.dumps({"ready": len(agents)}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            async with asyncio.timeout(_ORDER_SECONDS):
                answer = await _order(line, agents, shared)
        except TimeoutError:
            raise SystemExit(f"{line.strip()}: not done within {_ORDER_SECONDS:g} s") from None
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("identities", type=Path)
    asyncio.run(_serve(**vars(parser.parse_args())))
