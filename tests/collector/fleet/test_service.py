"""Records over `FleetService.Attend`: what is taken, acked, refused. Real channel, real store."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from headstart.collector.config import Limits, Timing
from headstart.v1.experiments_pb2 import ListHostsRequest, RunState
from headstart.v1.fleet_pb2 import AttendRequest, Heartbeat
from headstart.v1.records_pb2 import Event, Record
from support.attending import (
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    hello,
    in_loop,
    opened,
    refused,
    run_of,
    starting,
    submit,
)
from support.stores import Stores

pytestmark = pytest.mark.usefixtures("each_store")


def stored(data: Path) -> list[tuple[Any, ...]]:
    """Stream, sequence, run and attempt of every stored batch."""
    return Stores(data).rows(
        "SELECT stream_id, sequence, run_id, attempt FROM batches ORDER BY 1, 2"
    )


@in_loop
async def test_a_submitted_run_is_leased_recorded_and_done(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        lease = await agent.until("lease")

        assert lease.attempt.run_id == run_id
        assert lease.attempt.attempt == 1
        assert lease.experiment.name == "players"
        assert lease.lease_seconds == 60
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_LEASED

        await agent.send(starting(1, run_id), envelope(2, run_id), ending(3, run_id))

        assert await agent.acked(3) == 3
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_DONE
        assert stored(tmp_path) == [("s1", n, run_id, 1) for n in (1, 2, 3)]


@in_loop
async def test_the_welcome_tells_what_the_agent_must_know(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        welcome = agent.welcome

        assert welcome.protocol_version == 1
        assert welcome.acked_sequence == 0
        assert welcome.heartbeat_seconds == 5
        assert welcome.ack_window == 256
        assert welcome.maximum_batch_bytes == 512 * 1024


@in_loop
async def test_an_ack_is_sent_after_the_commit(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        for sequence in range(1, 101):
            await agent.send(envelope(sequence, run_id))
        acked = 0
        while acked < 100:
            acked = await agent.acked(acked + 1)
            assert len(stored(tmp_path)) >= acked


@in_loop
async def test_resent_records_are_acked_and_stored_once(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.send(*(envelope(n, run_id) for n in range(1, 6)))
        await agent.acked(5)
        await agent.send(*(envelope(n, run_id) for n in range(2, 4)))
        assert await agent.acked(5) == 5
        await agent.send(*(envelope(n, run_id) for n in range(4, 9)))
        assert await agent.acked(8) == 8

        assert [row[1] for row in stored(tmp_path)] == list(range(1, 9))


@in_loop
async def test_a_new_stream_of_the_host_resumes_behind_what_is_durable(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.send(*(envelope(n, run_id) for n in range(1, 6)))
            await agent.acked(5)
        async with attend(collector.port, running=[(run_id, 1)]) as agent:
            assert agent.welcome.acked_sequence == 5


@in_loop
async def test_a_wiped_spool_is_a_new_stream_and_its_attempt_is_lost(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.send(envelope(1, run_id))
            await agent.acked(1)
        async with attend(collector.port, stream_id="s2", running=[(run_id, 1)]) as agent:
            assert agent.welcome.acked_sequence == 0
            # Of this attempt the other stream has records: the two cannot be one.
            assert (await agent.until("cancel")).attempt.attempt == 1
            await agent.send(envelope(1, run_id))
            await agent.acked(1)

        assert [row[:2] for row in stored(tmp_path)] == [("s1", 1)]


@in_loop
async def test_a_gap_ends_the_stream_and_nothing_behind_it_is_stored(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.send(envelope(1, run_id))
            await agent.acked(1)
            await agent.send(envelope(3, run_id))

            assert await agent.ended() == (
                grpc.StatusCode.OUT_OF_RANGE,
                "envelope 3 came where 2 was expected",
            )
        async with attend(collector.port) as agent:
            assert agent.welcome.acked_sequence == 1

        assert [row[1] for row in stored(tmp_path)] == [1]


@in_loop
async def test_a_stream_that_another_store_acked_goes_on_in_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.send(envelope(500, run_id), envelope(501, run_id))

        assert await agent.acked(501) == 501
        assert "acknowledged by another store" in caplog.text


@in_loop
async def test_records_of_a_forgotten_run_are_acked_and_dropped_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        attend(collector.port) as agent,
    ):
        await agent.send(envelope(1, "20200101-000000-gone"), ending(2, "20200101-000000-gone"))

        assert await agent.acked(2) == 2
        assert stored(tmp_path) == []
        assert "does not know: dropped" in caplog.text


BROKEN: dict[str, tuple[dict[str, Any], grpc.StatusCode, str]] = {
    "crc": ({"crc32": 1}, grpc.StatusCode.DATA_LOSS, "CRC"),
    "no attempt": ({"attempt": 0}, grpc.StatusCode.INVALID_ARGUMENT, "attempts count from 1"),
    "no run": ({"run_id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "a run id of 0"),
    "long run id": ({"run_id": "r" * 41}, grpc.StatusCode.INVALID_ARGUMENT, "a run id of 41"),
    "unknown kind": ({"kind": 77}, grpc.StatusCode.INVALID_ARGUMENT, "kind 77 is not known"),
    "no kind": ({"kind": 0}, grpc.StatusCode.INVALID_ARGUMENT, "kind 0 is not known"),
    "unknown encoding": ({"encoding": 9}, grpc.StatusCode.INVALID_ARGUMENT, "encoding 9"),
    "too many rows": ({"rows": 1_000_000}, grpc.StatusCode.INVALID_ARGUMENT, "1000000 rows"),
    "unpacks too large": ({"decoded_bytes": 1 << 30}, grpc.StatusCode.INVALID_ARGUMENT, "bytes"),
}


@pytest.mark.parametrize("mistake", BROKEN)
@in_loop
async def test_a_broken_envelope_ends_the_stream_with_its_reason(
    tmp_path: Path, mistake: str
) -> None:
    changed, code, words = BROKEN[mistake]
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        broken = envelope(2, run_id)
        for name, value in changed.items():
            setattr(broken, name, value)
        await agent.send(envelope(1, run_id), broken)

        ended, said = await agent.ended()
        assert ended == code
        assert words in said
        assert stored(tmp_path) == []


@in_loop
async def test_a_message_above_the_limit_is_refused_by_the_transport(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        record = Record(event=Event(text="x" * (1 << 20)))
        await agent.send(envelope(1, run_id, record=record))

        assert (await agent.ended())[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


@in_loop
async def test_a_batch_with_too_many_envelopes_is_refused(tmp_path: Path) -> None:
    limits = Limits(envelopes_per_batch=10)
    async with collecting(tmp_path, limits=limits) as collector, attend(collector.port) as agent:
        await agent.send(*(envelope(n, "r1") for n in range(1, 12)))

        code, words = await agent.ended()
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "11 envelopes; at most 10" in words


@in_loop
async def test_an_agent_over_its_allowance_is_slowed_and_loses_nothing(tmp_path: Path) -> None:
    limits = Limits(agent_bytes_per_second=200_000, agent_burst_bytes=20_000)
    async with (
        collecting(tmp_path, limits=limits) as collector,
        attend(collector.port) as fast,
        attend(collector.port, said=hello("h2", "s2")),
    ):
        (run_id, _) = await submit(collector.port)
        record = Record(event=Event(text="x" * 10_000))
        started = asyncio.get_running_loop().time()
        for sequence in range(1, 11):
            await fast.send(envelope(sequence, run_id, record=record))
        await fast.acked(10)

        # 100 kB, of which 20 kB are the burst.
        assert asyncio.get_running_loop().time() - started > 0.3


@in_loop
async def test_more_than_the_window_in_flight_waits_and_arrives(tmp_path: Path) -> None:
    limits = Limits(ack_window=4)
    async with collecting(tmp_path, limits=limits) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        for sequence in range(1, 51):
            await agent.send(envelope(sequence, run_id))

        assert await agent.acked(50) == 50
        assert len(stored(tmp_path)) == 50


@in_loop
async def test_two_agents_record_side_by_side(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
        attend(collector.port, host="h2", stream_id="s2") as second,
    ):
        await submit(collector.port)
        leases = [await agent.until("lease") for agent in (first, second)]
        runs = [lease.attempt.run_id for lease in leases]
        for sequence in range(1, 31):
            for agent, run_id in zip((first, second), runs, strict=True):
                await agent.send(envelope(sequence, run_id))
        await first.acked(30)
        await second.acked(30)

        expected = [("s1", n, runs[0], 1) for n in range(1, 31)]
        expected += [("s2", n, runs[1], 1) for n in range(1, 31)]
        assert stored(tmp_path) == expected


@in_loop
async def test_an_agent_cannot_write_into_another_hosts_run(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as owner,
        attend(collector.port, host="h2", stream_id="s2") as intruder,
    ):
        await submit(collector.port)
        run_id = (await owner.until("lease")).attempt.run_id
        await intruder.send(ending(1, run_id))

        code, words = await intruder.ended()
        assert code == grpc.StatusCode.PERMISSION_DENIED
        assert f"{run_id} is not a run of host 'h2'" in words
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_LEASED


@in_loop
async def test_a_copied_spool_is_refused(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port, stream_id="s1"):
        code, words = await refused(collector.port, hello("h2", "s1"))

        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert "belongs to host 'h1'" in words


@in_loop
async def test_an_unknown_protocol_is_refused(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        code, words = await refused(collector.port, hello(protocol_version=2))

        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert "protocol 2, this collector 1" in words


@pytest.mark.parametrize("said", [hello(host=""), hello(stream_id=""), hello(host="h" * 254)])
@in_loop
async def test_a_hello_without_names_is_refused(tmp_path: Path, said: Any) -> None:
    async with collecting(tmp_path) as collector:
        assert (await refused(collector.port, said))[0] == grpc.StatusCode.FAILED_PRECONDITION


@in_loop
async def test_a_stream_begins_with_a_hello(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, opened(collector.port) as stream:
        await stream.write(AttendRequest(heartbeat=Heartbeat()))

        assert await stream.code() == grpc.StatusCode.INVALID_ARGUMENT


@in_loop
async def test_who_opens_a_stream_and_says_nothing_is_cut_off(tmp_path: Path) -> None:
    timing = Timing(hello_seconds=0.2)
    async with collecting(tmp_path, timing=timing) as collector, opened(collector.port) as stream:
        assert await stream.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert "no hello within 0.2 s" in await stream.details()


@in_loop
async def test_a_stream_that_falls_silent_is_ended(tmp_path: Path) -> None:
    timing = Timing(heartbeat_seconds=0.1, tick_seconds=0.05)
    async with collecting(tmp_path, timing=timing) as collector, attend(collector.port) as agent:
        code, words = await agent.ended()

        assert code == grpc.StatusCode.UNAVAILABLE
        assert "nothing came for" in words
        async with experiments(collector.port) as stub:
            (host,) = (await stub.ListHosts(ListHostsRequest())).hosts
        assert not host.connected


@in_loop
async def test_agents_are_bounded_in_number(tmp_path: Path) -> None:
    async with collecting(tmp_path, limits=Limits(agents=1)) as collector, attend(collector.port):
        code, words = await refused(collector.port, hello("h2", "s2"))

        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1 agents attend already" in words


@in_loop
async def test_a_collector_that_stops_says_so(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        await collector.stop()

        assert await agent.ended() == (
            grpc.StatusCode.UNAVAILABLE,
            "the collector is stopping",
        )
