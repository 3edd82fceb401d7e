"""An agent's side of the wire under a test's control, and a collector to talk to."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import grpc
import grpc.aio

from headstart.collector.config import CollectorConfig
from headstart.collector.server import Collector
from headstart.v1.experiments_pb2 import (
    GetRequest,
    RunState,
    RunSummary,
    SubmitRequest,
    WatchRequest,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import (
    Attempt,
    AttendRequest,
    AttendResponse,
    BlockFinished,
    Heartbeat,
    Hello,
    Progress,
    RecordBatch,
    Welcome,
)
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import (
    Encoding,
    Envelope,
    Event,
    Record,
    RecordKind,
    RunOutcome,
    RunStarted,
    RunStatus,
)
from support.stores import url_of

P = ParamSpec("P")

_PATIENCE_SECONDS = 20

# What a test's collector listens on. Nobody gets this without asking for it.
OPEN_PORT: dict[str, Any] = {"listen": "127.0.0.1:0", "plaintext": True}

EXPERIMENT = """
experiment: players
baseline: jit
variants:
  jit: {command: [./server, --jit], compilation: jit}
  aot: {command: [./server], compilation: aot}
service: {port: 9000, ready: GET /health}
plan: {blocks: 3}
"""


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in an event loop of its own, with an end."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


@asynccontextmanager
async def collecting(data: Path, **settings: Any) -> AsyncIterator[Collector]:
    """A collector on a free port; a test's own agents need no certificates."""
    config = CollectorConfig(data=data, **(OPEN_PORT | {"store": url_of(data)} | settings))
    collector = await Collector.start(config)
    try:
        yield collector
    finally:
        await collector.stop()


# The same for made-up runs of more blocks.
LONG_EXPERIMENT = EXPERIMENT.replace("blocks: 3", "blocks: 12")


def as_sent(record: Record, host: str = "h1") -> Record:
    """A made-up run's record as the agent of a host sends it, by what its hello says."""
    if not record.HasField("run_started"):
        return record
    sent = Record()
    sent.CopyFrom(record)
    sent.run_started.host.host = host
    sent.run_started.host.fingerprint = f"fingerprint of {host}"
    return sent


def envelope(
    sequence: int, run_id: str, attempt: int = 1, record: Record | None = None, **changed: Any
) -> Envelope:
    """A whole, small record; `changed` overrides header fields to break it."""
    record = record or Record(event=Event(trial=1, name="note", text=f"record {sequence}"))
    kind = RecordKind.Value(f"RECORD_KIND_{str(record.WhichOneof('record')).upper()}")
    payload = record.SerializeToString()
    fields: dict[str, Any] = {
        "sequence": sequence,
        "run_id": run_id,
        "attempt": attempt,
        "trial": getattr(getattr(record, str(record.WhichOneof("record"))), "trial", 0),
        "kind": kind,
        "rows": 1,
        "encoding": Encoding.ENCODING_PLAIN,
        "decoded_bytes": len(payload),
        "crc32": zlib.crc32(payload),
        "payload": payload,
    }
    return Envelope(**(fields | changed))


def starting(sequence: int, run_id: str, attempt: int = 1) -> Envelope:
    """The first record of an attempt, without which none is done."""
    return envelope(sequence, run_id, attempt, Record(run_started=RunStarted(seed=1)))


def ending(
    sequence: int,
    run_id: str,
    attempt: int = 1,
    status: RunStatus.ValueType = RunStatus.RUN_STATUS_DONE,
    reason: str = "",
    trials: int = 0,
) -> Envelope:
    """A terminal record."""
    record = Record(run_outcome=RunOutcome(status=status, reason=reason, trials=trials))
    return envelope(sequence, run_id, attempt, record)


class Attending:
    """One stream. Made by `attend`."""

    def __init__(self, stream: Any, welcome: Welcome) -> None:
        self.stream = stream
        self.welcome = welcome

    async def send(self, *envelopes: Envelope) -> None:
        await self.stream.write(AttendRequest(batch=RecordBatch(envelopes=envelopes)))

    async def beat(self, *running: tuple[str, int], doing: str = "", spool_bytes: int = 0) -> None:
        attempts = [Attempt(run_id=run_id, attempt=attempt) for run_id, attempt in running]
        progress = [Progress(attempt=attempt, doing=doing) for attempt in attempts if doing]
        heartbeat = Heartbeat(running=attempts, progress=progress, spool_bytes=spool_bytes)
        await self.stream.write(AttendRequest(heartbeat=heartbeat))

    async def ask(self, run_id: str, blocks_done: int, attempt: int = 1) -> None:
        question = BlockFinished(
            attempt=Attempt(run_id=run_id, attempt=attempt), blocks_done=blocks_done
        )
        await self.stream.write(AttendRequest(block_finished=question))

    async def until(self, kind: str) -> Any:
        """The next message of a kind; others are passed over."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                message = await self.stream.read()
                assert isinstance(message, AttendResponse), await self.ended()
                if message.WhichOneof("message") == kind:
                    return getattr(message, kind)

    async def acked(self, sequence: int) -> int:
        """The first ack that covers a sequence."""
        while True:
            ack = await self.until("ack")
            if ack.sequence >= sequence:
                return int(ack.sequence)

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """How the collector ends the stream; what it still says is passed over."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            # The status comes behind the messages that wait, and raises once it is known.
            with suppress(grpc.aio.AioRpcError):
                while await self.stream.read() is not grpc.aio.EOF:
                    pass
            return await self.stream.code(), await self.stream.details()


@asynccontextmanager
async def channel_to(port: int) -> AsyncIterator[grpc.aio.Channel]:
    """A plaintext connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        yield channel


def hello(
    host: str = "h1",
    stream_id: str = "s1",
    running: Iterable[tuple[str, int]] = (),
    unacked: Iterable[tuple[str, int]] = (),
    labels: dict[str, str] | None = None,
    protocol_version: int = 1,
    life: int = 0,
    replaces: str = "",
    not_ready: str = "",
    acked: int = 0,
    partly: Iterable[tuple[str, int]] = (),
    features: Iterable[str] = (),
    recorded: tuple[str, str] = ("", ""),
) -> Hello:
    """A hello as an agent says it."""
    return Hello(
        protocol_version=protocol_version,
        host=HostFacts(host=host, labels=labels or {}, fingerprint=f"fingerprint of {host}"),
        stream_id=stream_id,
        features=features,
        life=life,
        replaces_stream_id=replaces,
        not_ready=not_ready,
        running=[Attempt(run_id=run_id, attempt=attempt) for run_id, attempt in running],
        unacked=[Attempt(run_id=run_id, attempt=attempt) for run_id, attempt in unacked],
        acked_sequence=acked,
        partly_acked=[Attempt(run_id=run_id, attempt=attempt) for run_id, attempt in partly],
        recorded_stream_id=recorded[0],
        recorded_as=recorded[1],
    )


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[Any]:
    """A stream on which nothing was said."""
    async with channel_to(port) as channel:
        stream = FleetServiceStub(channel).Attend()
        try:
            yield stream
        finally:
            stream.cancel()


@asynccontextmanager
async def attend(port: int, said: Hello | None = None, **fields: Any) -> AsyncIterator[Attending]:
    """A stream that was welcomed; ends by being cut off, as an agent's end looks."""
    async with opened(port) as stream:
        await stream.write(AttendRequest(hello=said or hello(**fields)))
        first = await stream.read()
        assert isinstance(first, AttendResponse), (await stream.code(), await stream.details())
        yield Attending(stream, first.welcome)


async def refused(port: int, said: Hello) -> tuple[grpc.StatusCode, str]:
    """How a hello is refused."""
    async with opened(port) as stream:
        await stream.write(AttendRequest(hello=said))
        return await stream.code(), await stream.details()


@asynccontextmanager
async def experiments(port: int) -> AsyncIterator[Any]:
    """The service for people."""
    async with channel_to(port) as channel:
        yield ExperimentsServiceStub(channel)


async def submit(port: int, source_text: str = EXPERIMENT, **fields: Any) -> list[str]:
    """Submit; the run ids."""
    request = SubmitRequest(source_text=source_text, base_directory="/", **fields)
    async with experiments(port) as stub:
        return [run.run_id for run in (await stub.Submit(request)).runs]


async def run_of(port: int, run_id: str) -> RunSummary:
    """What the collector says of a run now."""
    async with experiments(port) as stub:
        run: RunSummary = (await stub.Get(GetRequest(run_id=run_id))).run
        return run


async def watched(port: int, run_id: str, *states: RunState.ValueType) -> RunSummary:
    """Wait until a run is in one of the states."""
    async with experiments(port) as stub, asyncio.timeout(_PATIENCE_SECONDS):
        async for response in stub.Watch(WatchRequest(run_id=run_id)):
            if response.run.state in states:
                run: RunSummary = response.run
                return run
    raise AssertionError(f"run {run_id} ended without being in {states}")
