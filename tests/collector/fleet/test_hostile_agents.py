"""An agent with valid credentials that lies: what it costs, and whom. Real streams, real store."""

import json
import math
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest

from headstart.agent.uplink.wire import envelope_of
from headstart.collector.config import Limits, Quotas, Retention
from headstart.collector.server import Collector
from headstart.collector.store import hello as store_hello, hosts as store_hosts, submitting
from headstart.collector.store.hosts import HostRoom, TooManyHosts
from headstart.collector.store.retention import prune
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import ReportFormat, ReportRequest, RunState
from headstart.v1.fleet_pb2 import Attempt, AttendRequest, Heartbeat, Hello, Progress
from headstart.v1.records_pb2 import Envelope, Record, RecordKind
from support import hostile
from support.attending import (
    Attending,
    as_sent,
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    hello,
    in_loop,
    refused,
    run_of,
    starting,
    submit,
    watched,
)
from support.fake_runs import small

pytestmark = [pytest.mark.usefixtures("forked_workers"), pytest.mark.usefixtures("each_store")]

DONE, FAILED = RunState.RUN_STATE_DONE, RunState.RUN_STATE_FAILED
INCOMPLETE = RunState.RUN_STATE_INCOMPLETE


def sealed(records: Iterable[Record], run_id: str, first: int = 1) -> list[Envelope]:
    """Records as an agent packs them."""
    envelopes = []
    for sequence, record in enumerate(records, first):
        inner = getattr(record, str(record.WhichOneof("record")))
        envelopes.append(envelope_of(inner, run_id, 1))
        envelopes[-1].sequence = sequence
    return envelopes


async def deliver(agent: Attending, envelopes: list[Envelope]) -> None:
    for each in envelopes:
        await agent.send(each)
    await agent.acked(envelopes[-1].sequence)


def lying(case: hostile.Case, host: str = "h1") -> list[Record]:
    """An honest run's records, each as the lie has it."""
    return [sent for record in hostile.honest() for sent in case.lie(as_sent(record, host))]


async def report(collector: Collector, run_id: str) -> str:
    async with experiments(collector.port) as stub:
        request = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_JSON)
        return b"".join([piece.chunk async for piece in stub.Report(request)]).decode()


def stored_rows(collector: Collector) -> int:
    with collector._store.readers.begin() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM batches").scalar_one())


@pytest.mark.parametrize("name", hostile.CASES)
@in_loop
async def test_a_lie_spoils_its_own_run_and_the_spool_drains(tmp_path: Path, name: str) -> None:
    case = hostile.CASES[name]
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, hostile.EXPERIMENT)
        await agent.until("lease")
        await deliver(agent, sealed(lying(case), run_id))
        run = await watched(collector.port, run_id, DONE, FAILED, INCOMPLETE)
        await collector._analyst.idle()
        said = (await run_of(collector.port, run_id)).reason

        assert run.state == (FAILED if not case.late else DONE if case.whole else INCOMPLETE)
        assert case.words in said
        assert run.host == "h1"


@in_loop
async def test_the_same_run_without_a_lie_is_done_and_analysed(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, hostile.EXPERIMENT)
        await deliver(agent, sealed(map(as_sent, hostile.honest()), run_id))
        await watched(collector.port, run_id, DONE)

        assert '"name": "h1"' in await report(collector, run_id)
        assert not (await run_of(collector.port, run_id)).reason


@in_loop
async def test_figures_of_another_fingerprint_stand_under_the_own_and_outside_of_history(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        records = list(map(as_sent, small(blocks=3).records()))
        records[0].run_started.host.fingerprint = "the victim's"
        await deliver(agent, sealed(records, run_id))
        await watched(collector.port, run_id, DONE)
        await collector._analyst.idle()
        result = json.loads(await report(collector, run_id))

        assert (result["host"]["name"], result["host"]["fingerprint"]) == (
            "h1",
            "fingerprint of h1",
        )
        assert "another machine" in result["remarks"][0]
        with collector._store.readers.begin() as connection:
            flagged = connection.exec_driver_sql("SELECT DISTINCT flagged FROM points").all()
        assert flagged == [(1,)]


@in_loop
async def test_the_agent_of_a_spoiled_run_is_told_to_end_it(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port, hostile.EXPERIMENT)
        await agent.until("lease")
        await agent.send(*sealed(lying(hostile.CASES["no numbers"]), run_id)[:10])
        cancel = await agent.until("cancel")

        assert cancel.attempt.run_id == run_id
        assert "a finite number was expected" in cancel.reason


@in_loop
async def test_a_run_beside_a_hostile_one_is_judged_as_ever(tmp_path: Path) -> None:
    honest = [as_sent(record, "h2") for record in small(blocks=3).records()]

    async def judged(collector: Collector, agent: Attending) -> dict[str, Any]:
        runs = await submit(collector.port)
        mine = (await agent.until("lease")).attempt.run_id
        assert mine in runs
        await deliver(agent, sealed(honest, mine))
        await watched(collector.port, mine, DONE)
        return points_of(json.loads(await report(collector, mine)))

    def points_of(result: dict[str, Any]) -> dict[str, Any]:
        """Without intervals, which are drawn by the run's id."""
        kept = ("metric", "variant", "values", "center", "ratio", "verdict", "basis")
        every = [*result["figures"], *result["comparisons"]]
        return {str(n): {key: each.get(key) for key in kept} for n, each in enumerate(every)}

    alone_in = collecting(tmp_path / "alone")
    async with alone_in as collector, attend(collector.port, host="h2") as agent:
        alone = await judged(collector, agent)
    async with collecting(tmp_path / "beside") as collector, attend(collector.port) as liar:
        (spoiled,) = await submit(collector.port, hostile.EXPERIMENT)
        await deliver(liar, sealed(lying(hostile.CASES["values beyond 64 bits"]), spoiled))
        await liar.send(*(envelope(n, spoiled, 999) for n in range(1000, 1100)))
        async with attend(collector.port, host="h2", stream_id="s2") as agent:
            beside = await judged(collector, agent)

    assert len(alone) > 10
    assert beside == alone


@in_loop
async def test_records_behind_the_end_of_a_run_are_acked_and_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.send(envelope(1, run_id), ending(2, run_id), envelope(3, run_id))
        await agent.acked(3)
        await agent.send(*(envelope(n, run_id) for n in range(4, 100)))

        assert await agent.acked(99) == 99
        assert stored_rows(collector) == 2
        # Once, not for each of them.
        assert caplog.text.count("dropped") == 1


@pytest.mark.parametrize("attempt", [2, 999])
@in_loop
async def test_records_of_an_attempt_that_never_was_are_acked_and_dropped(
    tmp_path: Path, attempt: int
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.until("lease")
        payload = bytes(10_000)
        noise = [
            envelope(
                n,
                run_id,
                attempt,
                kind=RecordKind.RECORD_KIND_SAMPLES,
                payload=payload,
                crc32=zlib.crc32(payload),
            )
            for n in range(1, 20)
        ]
        await agent.send(*noise, ending(20, run_id, attempt), envelope(21, run_id))

        assert await agent.acked(21) == 21
        assert stored_rows(collector) == 1
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_LEASED


@in_loop
async def test_an_attempt_whose_lease_ended_is_still_taken_when_it_comes_back(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port) as agent:
            (run_id,) = await submit(collector.port)
            await agent.until("lease")
        # The agent comes back without it, so that the run is queued again; then its records do.
        async with attend(collector.port) as agent:
            (again,) = [(await agent.until("lease")).attempt]
            assert (again.run_id, again.attempt) == (run_id, 2)
            await agent.send(starting(1, run_id, 1), ending(2, run_id, 1))
            await agent.send(starting(3, run_id, 2), ending(4, run_id, 2))
            await agent.acked(4)

            assert stored_rows(collector) == 2
            assert (await run_of(collector.port, run_id)).state == DONE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": RecordKind.RECORD_KIND_RUN_OUTCOME}, "says run_outcome, it holds event"),
        ({"kind": RecordKind.RECORD_KIND_TRIAL_OUTCOME}, "says trial_outcome, it holds event"),
        (
            {"kind": RecordKind.RECORD_KIND_RUN_OUTCOME, "decoded_bytes": 1 << 20},
            "run_outcome has 1048576 bytes",
        ),
        ({"decoded_bytes": 3}, "instead of 3"),
        ({"trial": 2}, "its envelope says 2"),
    ],
)
@in_loop
async def test_a_record_that_is_not_what_its_header_says_fails_its_run(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.send(envelope(1, run_id), envelope(2, run_id, **change), envelope(3, run_id))
        await agent.acked(3)
        run = await run_of(collector.port, run_id)

        assert run.state == FAILED
        assert "record 2 was refused" in run.reason
        assert words in run.reason
        assert stored_rows(collector) == 1


def samples(run_id: str, first: int, count: int, size: int = 1000) -> list[Envelope]:
    """Opaque batches, as a flood of them looks at the door."""
    payload = bytes(size)
    kind = RecordKind.RECORD_KIND_SAMPLES
    return [
        envelope(n, run_id, kind=kind, payload=payload, crc32=zlib.crc32(payload))
        for n in range(first, first + count)
    ]


@in_loop
async def test_a_run_that_stores_more_than_it_may_fails_and_the_store_grows_no_more(
    tmp_path: Path,
) -> None:
    quotas = Quotas(run_bytes=20_000)
    async with (
        collecting(tmp_path, quotas=quotas) as collector,
        attend(collector.port) as agent,
    ):
        (run_id,) = await submit(collector.port)
        await agent.until("lease")
        await agent.send(*samples(run_id, 1, 200))
        cancel = await agent.until("cancel")
        await agent.send(*samples(run_id, 201, 200), ending(401, run_id))
        await agent.acked(401)
        run = await run_of(collector.port, run_id)

        assert run.state == FAILED
        assert run.reason == cancel.reason
        assert "more than the 20000 bytes that a run may store here (--run-bytes" in run.reason
        assert stored_rows(collector) == 20_000 // 1128


@in_loop
async def test_an_agent_that_stores_more_than_it_may_gets_room_by_retention(
    tmp_path: Path,
) -> None:
    quotas = Quotas(agent_bytes=20_000)
    async with (
        collecting(tmp_path, quotas=quotas) as collector,
        attend(collector.port) as agent,
    ):
        (first,) = await submit(collector.port)
        await agent.send(*samples(first, 1, 15), ending(16, first))
        await agent.acked(16)
        (second,) = await submit(collector.port)
        await agent.send(*samples(second, 17, 10))
        await agent.acked(26)
        failed = await run_of(collector.port, second)
        await collector._analyst.idle()
        await prune(collector._store, Retention(store_bytes=1))
        (third,) = await submit(collector.port)
        await agent.send(*samples(third, 27, 10))
        await agent.acked(36)

        assert failed.state == FAILED
        assert "raw records of host h1 need more than the 20000 bytes" in failed.reason
        assert (await run_of(collector.port, third)).state == RunState.RUN_STATE_LEASED


LONGEST_HOST = "a" * 253


@pytest.mark.parametrize(
    "name", ["", "a b", "a\nWARNING forged", "\x1b[2J", "h1/../h2", "a" * 254, "h1\u202e", "ä"]
)
@in_loop
async def test_a_host_whose_name_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    async with collecting(tmp_path) as collector:
        code, words = await refused(collector.port, hello(host=name))

        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert "start the agent with --host NAME" in words


@in_loop
async def test_a_host_of_the_longest_name_attends(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host=LONGEST_HOST) as agent,
    ):
        assert agent.welcome.acked_sequence == 0


def odd(change: Callable[[Hello], None]) -> Hello:
    said = hello()
    change(said)
    return said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (hello(stream_id="s\n1"), "a stream id of 1 to 64"),
        (hello(labels={"a b": "c"}), "'a b' is no label"),
        (hello(labels={"a": "b\x1b[2J"}), "the label a is"),
        (hello(labels={"a": "b" * 254}), "at most 253 characters"),
        (hello(labels={f"l{n}": "v" for n in range(200)}), "labels has 200 entries"),
        (
            odd(lambda said: setattr(said.host.cpu, "frequency_max_hertz", math.nan)),
            "hello.host.cpu.frequency_max_hertz is nan",
        ),
        (
            odd(lambda said: setattr(said.host, "memory_bytes", 2**64 - 1)),
            "hello.host.memory_bytes is 18446744073709551615",
        ),
    ],
)
@in_loop
async def test_a_hello_that_cannot_be_is_refused(tmp_path: Path, said: Hello, words: str) -> None:
    async with collecting(tmp_path) as collector:
        code, told = await refused(collector.port, said)

        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert words in told


@in_loop
async def test_hosts_are_bounded_and_those_long_gone_make_room(tmp_path: Path) -> None:
    now = 1e9
    room = HostRoom(hosts=3, forgotten_seconds=100.0)
    async with Store(tmp_path, now=lambda: now) as store:

        async def come(host: str, at: float) -> None:
            said = hello(host=host, stream_id=f"s-{host}")
            await store.write(lambda c: store_hello.greet(c, said, at, room))

        for host in ("with-a-run", "gone", "here"):
            await come(host, now)
        experiment = small().experiment()
        await store.write(lambda c: submitting.submit(c, experiment, ["with-a-run"], now))
        await come("here", now + 150)
        await come("new", now + 150)
        known = {state.host.host for state in await store.read(store_hosts.states)}
        with pytest.raises(TooManyHosts, match="keeps 3 hosts"):
            await come("one-too-many", now + 160)

        assert known == {"with-a-run", "here", "new"}


@in_loop
async def test_a_flood_of_names_ends_with_the_room_for_hosts(tmp_path: Path) -> None:
    async with collecting(tmp_path, limits=Limits(hosts=5)) as collector:
        for number in range(5):
            async with attend(collector.port, host=f"flood-{number}", stream_id=f"s{number}"):
                pass
        code, words = await refused(collector.port, hello(host="flood-5", stream_id="s5"))

        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "keeps 5 hosts" in words
        async with attend(collector.port, host="flood-0", stream_id="s0") as agent:
            assert agent.welcome.acked_sequence == 0


@in_loop
async def test_the_streams_of_a_host_are_bounded(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        for number in range(150):
            said = hello(stream_id=f"s{number}")
            await store.write(lambda c, said=said: store_hello.greet(c, said, 1.0))  # type: ignore[misc]  # bound at once
        with store.readers.begin() as connection:
            kept = connection.exec_driver_sql("SELECT stream_id FROM streams").scalars().all()

        assert set(kept) == {f"s{number}" for number in range(50, 150)}


@in_loop
async def test_a_log_that_unpacks_to_a_gigabyte_is_cut(tmp_path: Path) -> None:
    bomb = hostile.Case(hostile.bomb, "")
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port, hostile.EXPERIMENT)
        await deliver(agent, sealed(lying(bomb), run_id))
        await watched(collector.port, run_id, DONE)
        request = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_BUILD_LOGS)
        logs = b"".join([piece.chunk async for piece in stub.Report(request)])

        assert logs.startswith(b"=== jit: clean build 1")
        assert len(logs) < 10 << 20


@pytest.mark.parametrize("number", [math.nan, math.inf])
@in_loop
async def test_a_heartbeat_with_a_number_that_is_none_ends_its_stream(
    number: float, tmp_path: Path
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        said = Progress(attempt=Attempt(run_id="r", attempt=1), share_done=number)
        await agent.stream.write(AttendRequest(heartbeat=Heartbeat(progress=[said])))
        code, words = await agent.ended()

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert f"share_done is {number}; a finite number was expected" in words


@in_loop
async def test_heartbeats_beyond_their_rate_wait_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(heartbeats_per_second=100.0, heartbeat_burst=5)
    async with collecting(tmp_path, limits=limits) as collector, attend(collector.port) as agent:
        [run_id] = await submit(collector.port)
        await agent.until("lease")
        began = time.monotonic()
        for _ in range(45):
            await agent.beat((run_id, 1))
        # What comes behind them waits with them.
        await agent.send(starting(1, run_id))
        await agent.acked(1)
        seconds = time.monotonic() - began

    # 40 beyond the burst, and none is lost.
    assert seconds >= 0.4
    assert caplog.text.count("sends heartbeats without end: taken are 100 a second") == 1
