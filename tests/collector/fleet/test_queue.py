"""Which run is next, on which host, and which has waited too long."""

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import event

from headstart.collector.config import Timing
from headstart.collector.store import queue
from headstart.collector.store.migrations import prepare
from headstart.collector.store.sqlite import writer_engine
from headstart.v1.experiments_pb2 import (
    DrainHostRequest,
    ForgetRequest,
    RunState,
    SubmitRequest,
    SubmitResponse,
    WatchRunsRequest,
)
from headstart.v1.fleet_pb2 import AttendRequest, Heartbeat, Hello
from headstart.v1.records_pb2 import RunStatus
from support.attending import (
    EXPERIMENT,
    Attending,
    attend,
    collecting,
    ending,
    experiments,
    hello,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)

pytestmark = pytest.mark.usefixtures("each_store")

QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
CANCELLED = RunState.RUN_STATE_CANCELLED
# The collector looks at who waits with every heartbeat that it expects.
QUICK = Timing(heartbeat_seconds=0.1, tick_seconds=0.05)


async def leased(agent: Attending) -> str:
    return str((await agent.until("lease")).attempt.run_id)


async def submitted(port: int, text: str = EXPERIMENT, **fields: Any) -> SubmitResponse:
    request = SubmitRequest(source_text=text, base_directory="/", **fields)
    async with experiments(port) as stub:
        answer: SubmitResponse = await stub.Submit(request)
        return answer


@in_loop
async def test_the_highest_priority_goes_first_and_then_the_oldest(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        port = collector.port
        (first,) = await submit(port)
        (low,) = await submit(port, priority=-1)
        (plain,) = await submit(port)
        (high,) = await submit(port, priority=5)
        order = []
        for sequence in (1, 3, 5, 7):
            order.append(await leased(agent))
            await agent.send(starting(sequence, order[-1]), ending(sequence + 1, order[-1]))

        assert order == [first, high, plain, low]
        assert (await run_of(port, high)).priority == 5


@in_loop
async def test_a_run_of_any_host_goes_to_the_one_that_is_free(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1", labels={"pool": "a"}) as first,
        attend(collector.port, host="h2", stream_id="s2") as second,
    ):
        port = collector.port
        await submit(port, EXPERIMENT + "hosts: {labels: {pool: a}}\n")
        await leased(first)

        answer = await submitted(port, any_host=True)

        (run,) = answer.runs
        assert await leased(second) == run.run_id
        now = await run_of(port, run.run_id)
        assert (now.host, now.state, list(now.candidates)) == ("h2", LEASED, [])
        assert not answer.warnings


@in_loop
async def test_a_run_of_any_host_goes_to_the_first_that_becomes_free(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
        attend(collector.port, host="h2", stream_id="s2") as second,
    ):
        port = collector.port
        one, two = await submit(port)
        assert (await leased(first), await leased(second)) == (one, two)
        (run,) = (await submitted(port, any_host=True)).runs
        assert (run.host, list(run.candidates)) == ("h1", ["h1", "h2"])

        await second.send(starting(1, two), ending(2, two))

        assert await leased(second) == run.run_id
        now = await run_of(port, run.run_id)
        assert (now.host, now.fingerprint) == ("h2", "fingerprint of h2")


@in_loop
async def test_what_an_agent_gave_back_may_go_to_another_host_and_what_it_lost_may_not(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
    ):
        port = collector.port
        async with attend(collector.port, host="h2", stream_id="s2"):
            pass
        (run,) = (await submitted(port, any_host=True)).runs
        assert await leased(first) == run.run_id
        async with experiments(port) as stub:
            await stub.DrainHost(DrainHostRequest(host="h1"))
        back = ending(1, run.run_id, status=RunStatus.RUN_STATUS_RETURNED, reason="restart")
        await first.send(back)
        async with attend(port, host="h2", stream_id="s2") as second:
            assert await leased(second) == run.run_id
            assert (await run_of(port, run.run_id)).attempt == 2
        async with attend(port, host="h2", stream_id="s3"):
            lost = await watched(port, run.run_id, QUEUED, LEASED)

        assert (lost.host, list(lost.candidates)) == ("h2", [])


@in_loop
async def test_a_run_whose_time_is_over_ends_with_the_reason(tmp_path: Path) -> None:
    async with collecting(tmp_path, timing=QUICK) as collector:
        async with attend(collector.port):
            pass
        answer = await submitted(collector.port, expires_seconds=1.0)
        (run,) = answer.runs
        over = await watched(collector.port, run.run_id, CANCELLED)

        assert over.reason == "expired: no agent had it within 1 s; h1 is not connected"
        (warning,) = answer.warnings
        assert warning.startswith("h1 is not connected, last here ")


@in_loop
async def test_what_waits_for_a_host_that_is_gone_ends(tmp_path: Path) -> None:
    timing = Timing(heartbeat_seconds=0.1, tick_seconds=0.05, host_expiry_seconds=1.0)
    async with collecting(tmp_path, timing=timing) as collector:
        async with attend(collector.port):
            pass
        (run_id,) = await submit(collector.port)
        over = await watched(collector.port, run_id, CANCELLED)

        assert over.reason == "expired: h1 did not come back within 1 s"


@in_loop
async def test_a_run_that_goes_on_or_waits_for_a_host_that_is_here_does_not_expire(
    tmp_path: Path,
) -> None:
    timing = Timing(heartbeat_seconds=5, tick_seconds=0.05, host_expiry_seconds=0.1)
    async with collecting(tmp_path, timing=timing) as collector, attend(collector.port) as agent:
        (going,) = await submit(collector.port, expires_seconds=1.0)
        assert await leased(agent) == going
        (waiting,) = await submit(collector.port)
        (expiring,) = await submit(collector.port, expires_seconds=1.0)
        over = await watched(collector.port, expiring, CANCELLED)

        assert over.reason == "expired: no agent had it within 1 s"
        assert (await run_of(collector.port, going)).state == LEASED
        assert (await run_of(collector.port, waiting)).state == QUEUED


@in_loop
async def test_nothing_is_submitted_where_a_host_is_busy_if_that_is_asked_for(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port):
        (run_id,) = await submit(collector.port, unless_busy=True)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await submit(collector.port, unless_busy=True)

        assert caught.value.code() == grpc.StatusCode.ABORTED
        assert caught.value.details() == f"nothing is submitted: h1 has run {run_id}"


@in_loop
async def test_the_submitter_is_told_what_keeps_a_run_waiting_or_will_fail_it(
    tmp_path: Path,
) -> None:
    older = hello(host="h3", stream_id="s3")
    newer = Hello()
    newer.CopyFrom(hello(host="h1", stream_id="s1"))
    newer.features.append("secrets")
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, newer),
        attend(collector.port, older),
        attend(collector.port, host="h2", stream_id="s2", not_ready="its disk is full"),
    ):
        port = collector.port
        text = EXPERIMENT.replace("--aot]", "--aot], env: {A: {from: TOKEN}}").replace(
            "[./server], c", "[./server], env: {A: {from: TOKEN}}, c"
        )
        async with experiments(port) as stub:
            await stub.DrainHost(DrainHostRequest(host="h1", reason="new disk"))
        on_all = list((await submitted(port, text)).warnings)
        on_any = await submitted(port, text, any_host=True)

        assert on_all[0] == (
            "h1 is drained (new disk): the run waits for `headstart host resume h1`"
        )
        assert on_all[1].startswith("h2: the file has values that come from the host")
        assert on_all[2].startswith("h3: the file has values that come from the host")
        assert [run.host for run in on_any.runs] == ["h1"]
        assert list(on_any.warnings) == on_all[:1]


@in_loop
async def test_a_host_whose_policy_allows_none_of_it_is_told_and_passed_over(
    tmp_path: Path,
) -> None:
    closed, opened = hello(host="h1"), hello(host="h2", stream_id="s2")
    closed.policy.images.append("players:*")
    opened.policy.commands = True
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, closed) as first,
        attend(collector.port, opened),
    ):
        port = collector.port
        on_all = await submitted(port)
        on_any = await submitted(port, any_host=True)
        closed.policy.commands = True
        await first.stream.write(AttendRequest(heartbeat=Heartbeat(policy=closed.policy)))
        while (later := await submitted(port)).warnings:
            pass

    assert list(on_all.warnings) == [
        "h1: its policy allows no commands; as it is, the run fails there"
    ]
    assert [run.host for run in on_any.runs] == ["h2"]
    assert len(later.runs) == 2


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"priority": 101}, "the priority is 101; expected -100 to 100"),
        ({"expires_seconds": -1.0}, "it expires in -1 s; expected a year at most"),
        ({"expires_seconds": float("nan")}, "it expires in nan s; expected a year at most"),
    ],
)
@in_loop
async def test_a_wish_that_cannot_be_is_refused(
    wish: dict[str, Any], message: str, tmp_path: Path
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await submitted(collector.port, **wish)

        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == message


@in_loop
async def test_a_call_names_a_thousand_runs_at_most(tmp_path: Path) -> None:
    names = [f"run{number}" for number in range(1001)]

    async def watching(stub: Any) -> None:
        async for _ in stub.WatchRuns(WatchRunsRequest(run_ids=names)):
            pass

    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        for call in (stub.Forget(ForgetRequest(names=names)), watching(stub)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert "1001" in str(caught.value.details())


def test_a_look_at_the_queue_reads_no_run_that_has_ended(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / "store.sqlite")
    looks = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: Any) -> None:
        if "FROM runs" in text and not text.startswith("EXPLAIN"):
            looks.append((text, values))

    with engine.begin() as connection:
        prepare(connection)
        looks.clear()
        queue.next_queued(connection, "h1")
        queue.waiting_hosts(connection)
        queue.expired(connection, 2e9, 1e9, ())
        plans = [
            " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {t}", v))
            for t, v in list(looks)
        ]
    engine.dispose()

    of_next, *others = plans
    assert len(others) == 2
    assert all("USING INDEX runs_that_wait" in plan for plan in others), plans
    # What waits for a thousand others is not read.
    assert "USING INDEX runs_by_host_and_state (host=? AND state=?)" in of_next, of_next
    assert "USING INDEX runs_that_any_may_have" in of_next, of_next
    assert "runs_that_wait" not in of_next
