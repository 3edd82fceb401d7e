"""Those who do harm to a collector, all kinds at once: the other load of `bench.abuse`.

`python -m bench.abusers FILE SECONDS` is a process of its own; it prints how often each was there.
"""

import argparse
import asyncio
import json
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from headstart.v1.experiments_pb2 import (
    ListHostsRequest,
    ListRequest,
    SubmitRequest,
    WatchRequest,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.v1.fleet_pb2 import Attempt, AttendRequest, Heartbeat, Hello, Progress, RecordBatch
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.identity_pb2 import EnrollRequest
from headstart.v1.identity_pb2_grpc import EnrolmentServiceStub
from headstart.v1.records_pb2 import Encoding, Envelope, RecordKind
from headstart.words.protocol import PROTOCOL_VERSION

_HELD_CONNECTIONS = 40
_HELD_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
# The beginning of a TLS handshake, and what a client of HTTP/2 says first.
_HALF_A_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_OVERSIZED = bytes(2 << 20)


class Abusers:
    """`said` is what `bench.abuse` wrote: ports, certificates, and the runs of honest hosts."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said
        self._target = f"127.0.0.1:{said['port']}"
        self.counts: Counter[str] = Counter()

    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Each does its harm once; an error is what is hoped for."""
        return {
            "silent connections": lambda: self._hold(b""),
            "half handshakes": lambda: self._hold(_HALF_A_HANDSHAKE),
            "no TLS": lambda: self._hold(_PREFACE),
            "no certificate": lambda: self._hello("", "simulated-0001"),
            "expired": lambda: self._hello("expired", "expired"),
            "of another authority": lambda: self._hello("foreign", "simulated-0002"),
            "revoked": lambda: self._hello("revoked", "revoked"),
            "as another host": lambda: self._hello("rogue", "simulated-0003"),
            "hellos": lambda: self._hello("rogue", "rogue"),
            "others' runs": self._others_runs,
            "runs that are none": self._no_runs,
            "heartbeats": self._heartbeats,
            "oversized": self._oversized,
            "submissions": self._submit,
            "wrong tokens": self._enroll,
            "reader calls": self._read,
            "watching": self._watch,
        }

    async def forever(self, kind: str, harm: Callable[[], Awaitable[None]]) -> None:
        """Again and again."""
        while True:
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, OSError, TimeoutError):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await harm()
            self.counts[kind] += 1
            await asyncio.sleep(0)

    @asynccontextmanager
    async def _channel(self, who: str, target: str = "") -> AsyncIterator[grpc.aio.Channel]:
        authority = self._said["authority"].encode()
        pair = self._said["certificates"].get(who, {})
        key, certificate = (
            pair[name].encode() if pair else None for name in ("key", "certificate")
        )
        credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(target or self._target, credentials, options) as channel:
            yield channel

    async def _hold(self, first: bytes) -> None:
        writers = []
        for _ in range(_HELD_CONNECTIONS):
            _, writer = await asyncio.open_connection("127.0.0.1", self._said["port"])
            writer.write(first)
            writers.append(writer)
        await asyncio.sleep(_HELD_SECONDS)
        for writer in writers:
            writer.close()

    async def _hello(self, who: str, host: str) -> None:
        async with self._channel(who) as channel:
            await _attending(channel, host)

    async def _flood(self, messages: Sequence[AttendRequest]) -> None:
        async with self._channel("rogue") as channel:
            stream = await _attending(channel, "rogue")
            for message in messages:
                await stream.write(message)
            await stream.done_writing()
            while await stream.read() is not grpc.aio.EOF:
                pass

    async def _others_runs(self) -> None:
        run_id = self._said["runs"][self.counts["others' runs"] % len(self._said["runs"])]
        await self._flood([_batch(run_id, 1, 1)])

    async def _no_runs(self) -> None:
        await self._flood(
            [_batch("20200101-000000-none", first, 32) for first in range(1, 320, 32)]
        )

    async def _heartbeats(self) -> None:
        runs = [Attempt(run_id=run_id, attempt=1) for run_id in self._said["runs"][:50]]
        said = [Progress(attempt=run, doing="what the rogue says") for run in runs]
        beat = Heartbeat(running=runs, progress=said, declined=[])
        await self._flood([AttendRequest(heartbeat=beat)] * 200)

    async def _oversized(self) -> None:
        envelope = Envelope(sequence=1, run_id=self._said["runs"][0], payload=_OVERSIZED)
        await self._flood([AttendRequest(batch=RecordBatch(envelopes=[envelope]))])

    async def _submit(self) -> None:
        async with self._channel("reader") as channel:
            await ExperimentsServiceStub(channel).Submit(SubmitRequest(source_text="x" * 200_000))

    async def _enroll(self) -> None:
        request = EnrollRequest(
            token_id="none",  # noqa: S106  # of no token
            secret=b"x" * 32,
            certificate_signing_request_pem=b"x" * 8000,
        )
        target = f"127.0.0.1:{self._said['enrolment_port']}"
        async with self._channel("", target) as channel:
            await EnrolmentServiceStub(channel).Enroll(request)

    async def _read(self) -> None:
        async with self._channel("reader") as channel:
            stub = ExperimentsServiceStub(channel)
            await stub.ListHosts(ListHostsRequest())
            await stub.List(ListRequest())

    async def _watch(self) -> None:
        async with self._channel("reader") as channel:
            stub = ExperimentsServiceStub(channel)
            # More than a connection may have.
            watching = [stub.Watch(WatchRequest(run_id=run)) for run in self._said["runs"][:20]]
            await asyncio.wait([asyncio.create_task(each.read()) for each in watching], timeout=1)


async def _attending(channel: grpc.aio.Channel, host: str) -> Any:
    stream = FleetServiceStub(channel).Attend()
    said = Hello(
        protocol_version=PROTOCOL_VERSION, host=HostFacts(host=host), stream_id=f"stream-of-{host}"
    )
    await stream.write(AttendRequest(hello=said))
    await stream.read()
    return stream


def _batch(run_id: str, first: int, count: int) -> AttendRequest:
    payload = bytes(10_000)
    envelopes = [
        Envelope(
            sequence=sequence,
            run_id=run_id,
            attempt=1,
            kind=RecordKind.RECORD_KIND_SAMPLES,
            encoding=Encoding.ENCODING_PLAIN,
            rows=1,
            decoded_bytes=len(payload),
            crc32=zlib.crc32(payload),
            payload=payload,
        )
        for sequence in range(first, first + count)
    ]
    return AttendRequest(batch=RecordBatch(envelopes=envelopes))


async def _abuse(file: Path, seconds: float) -> None:
    abusers = Abusers(json.loads(file.read_text()))
    harming = [
        asyncio.create_task(abusers.forever(kind, harm)) for kind, harm in abusers.kinds().items()
    ]
    await asyncio.wait(harming, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in harming:
        if task.done():
            task.result()
        task.cancel()
    print(json.dumps(abusers.counts), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("seconds", type=float)
    asyncio.run(_abuse(**vars(parser.parse_args())))
