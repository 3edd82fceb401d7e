"""Records that a host made under its former name, and others that want to deliver them."""

from functools import partial
from pathlib import Path

import grpc
import pytest
from sqlalchemy import select

from headstart.collector.config import Timing
from headstart.collector.server import Collector
from headstart.collector.store import hello as store_hello
from headstart.collector.store.store import Store
from headstart.collector.store.tables import streams
from headstart.v1.experiments_pb2 import RenameHostRequest, RunState
from support.attending import (
    attend,
    collecting,
    ending,
    experiments,
    hello,
    in_loop,
    refused,
    run_of,
    starting,
    submit,
    watched,
)

pytestmark = pytest.mark.usefixtures("each_store")

FAST = Timing(heartbeat_seconds=0.2, lease_seconds=0.6, tick_seconds=0.05)


async def renamed(collector: Collector, old: str = "h1", new: str = "perf1") -> None:
    async with experiments(collector.port) as stub:
        await stub.RenameHost(RenameHostRequest(host=old, new_name=new))


@in_loop
async def test_a_stream_that_the_rename_moved_is_the_hosts_and_no_other_s(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with collecting(tmp_path) as collector:
        port = collector.port
        async with attend(port, stream_id="s1"):
            pass
        await renamed(collector)
        asked = hello("perf1", "q1", recorded=("s1", "h1"), not_ready="it asks")
        async with attend(port, asked) as agent:
            own = agent.welcome
        claiming = hello("thief", "q2", recorded=("s1", "h1"), not_ready="it asks")
        claiming.recorded_records = 3
        async with attend(port, claiming) as agent:
            foreign = agent.welcome
        taking = await refused(port, hello("thief", "s1"))
        async with attend(port, host="perf1", stream_id="s1") as agent:
            ordinary = agent.welcome

    assert own.takes_recorded
    assert foreign.HasField("takes_recorded")
    assert not foreign.takes_recorded
    assert not ordinary.HasField("takes_recorded")
    (said,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert said.getMessage().startswith("host thief has the spool of host h1 (stream s1), whose ")
    assert "its 3 records are not taken" in said.getMessage()
    assert taking[0] == grpc.StatusCode.FAILED_PRECONDITION
    assert taking[1].startswith("stream s1 belongs to host 'perf1'")


@in_loop
async def test_a_stream_that_is_not_known_is_taken_by_the_name_and_brings_nothing_of_others(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        port = collector.port
        async with attend(port, stream_id="s1"):
            pass
        async with attend(port, host="h2", stream_id="s2"):
            pass
        (run_id, _) = await submit(port)
        await renamed(collector)
        answers = {}
        for host in ("perf1", "h2"):
            asked = hello(host, f"q-{host}", recorded=("began-anew", "h1"), not_ready="it asks")
            async with attend(port, asked) as agent:
                answers[host] = agent.welcome.takes_recorded
        async with attend(port, host="h2", stream_id="began-anew") as agent:
            await agent.send(starting(1, run_id))
            code, words = await agent.ended()
        run = await run_of(port, run_id)

    assert answers == {"perf1": True, "h2": False}
    assert code == grpc.StatusCode.PERMISSION_DENIED
    assert words == f"run {run_id} is not a run of host 'h2'"
    assert (run.host, run.state) == ("perf1", RunState.RUN_STATE_QUEUED)


@in_loop
async def test_who_asks_is_given_no_run_and_the_attempt_of_before_is_ended_by_its_records(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path, timing=FAST) as collector:
        port = collector.port
        async with attend(port, stream_id="s1") as agent:
            (run_id,) = await submit(port)
            await agent.until("lease")
        await watched(port, run_id, RunState.RUN_STATE_QUEUED)
        await renamed(collector)
        asked = hello("perf1", "q1", recorded=("s1", "h1"), not_ready="it asks")
        async with attend(port, asked):
            waiting = await run_of(port, run_id)
        said = hello("perf1", "s1", unacked=[(run_id, 1)])
        async with attend(port, said) as agent:
            await agent.send(starting(1, run_id), ending(2, run_id))
            await agent.acked(2)
            done = await watched(port, run_id, RunState.RUN_STATE_DONE)

    assert (waiting.state, waiting.attempt) == (RunState.RUN_STATE_QUEUED, 1)
    assert (done.host, done.attempt) == ("perf1", 1)


@in_loop
async def test_a_question_that_names_no_host_is_refused_with_what_was_expected(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        wrong = await refused(collector.port, hello(recorded=("s1", "a/b")))
        lacking = await refused(collector.port, hello(recorded=("", "h1")))

    assert wrong[0] == grpc.StatusCode.FAILED_PRECONDITION
    assert wrong[1] == (
        "the agent asks about stream 's1' of host 'a/b'; a stream's id and a host's name were "
        "expected"
    )
    assert lacking[0] == grpc.StatusCode.FAILED_PRECONDITION


@in_loop
async def test_questions_push_no_stream_out(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        await store.write(lambda c: store_hello.greet(c, hello("perf1", "s1"), 1.0))
        for number in range(120):
            asked = hello("perf1", f"q{number}", recorded=("s1", "h1"), not_ready="it asks")
            await store.write(partial(store_hello.greet, hello=asked, now=2.0))

        found = await store.read(lambda c: c.execute(select(streams.c.stream_id)).scalars().all())
    assert found == ["s1"]
