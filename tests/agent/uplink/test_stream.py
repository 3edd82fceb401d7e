"""The agent's side of the stream, against a real gRPC server that plays the collector."""

import asyncio
import re
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from headstart.agent.uplink import stream
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Refused
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import (
    Ack,
    Attempt,
    AttendResponse,
    BlockDecision,
    Cancel,
    Drained,
    Hello,
    Lease,
    Welcome,
)
from headstart.v1.records_pb2 import Record, RunOutcome, RunStatus
from headstart.words.denied import DENIED_KEY, REVOKED, ROLE
from support.scripted_collector import Peer, attend, spool_with


# DATA_LOSS: as of a store that is damaged, until a backup is restored.
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS])
def test_what_was_not_acked_is_sent_again_after_the_stream_broke(
    tmp_path: Path, code: grpc.StatusCode
) -> None:
    async def first(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(5) == [1, 2, 3, 4, 5]
        await peer.send(AttendResponse(ack=Ack(sequence=3)))
        await peer.context.abort(code, "restarting")

    async def second(peer: Peer) -> None:
        await peer.welcome(acked=3)
        assert await peer.sequences(2) == [4, 5]

    asyncio.run(attend(spool_with(tmp_path, 5), first, second))


def test_a_drained_host_says_so_in_its_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(AttendResponse(drained=Drained(drained=True, reason="new\ndisk")))
        await peer.send(AttendResponse(drained=Drained()))
        assert await peer.sequences(1) == [1]
        await peer.send(AttendResponse(ack=Ack(sequence=1)))

    with caplog.at_level("INFO"):
        asyncio.run(attend(spool_with(tmp_path, 1), script))

    assert "gives this host no new run, by an operator's word (new\\ndisk)" in caplog.text
    assert "the collector gives this host runs again" in caplog.text


def test_no_more_than_the_ack_window_is_in_flight(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.welcome(window=4)
        assert await peer.sequences(4) == [1, 2, 3, 4]
        # Two heartbeats later still nothing: the window is full.
        for _ in range(2):
            request = await anext(peer.requests)
            assert request.WhichOneof("message") == "heartbeat"
        await peer.send(AttendResponse(ack=Ack(sequence=2)))
        assert await peer.sequences(2) == [5, 6]

    asyncio.run(attend(spool_with(tmp_path, 10), script))


def test_a_welcome_acks_what_was_durable_before_a_crash(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)

    async def script(peer: Peer) -> None:
        await peer.welcome(acked=3)
        await peer.expect("heartbeat")

    asyncio.run(attend(spool, script))

    assert Spool(tmp_path).state()[:2] == (0, 0)


def test_hello_names_what_finished_but_is_not_acked(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(envelope_of(RunOutcome(), "run", 3))

    async def script(peer: Peer) -> None:
        await peer.welcome()
        assert [(a.run_id, a.attempt) for a in peer.hello.unacked] == [("run", 3)]

    asyncio.run(attend(spool, script))


def test_a_lease_starts_a_run_and_a_cancel_reaches_it(tmp_path: Path) -> None:
    seen: list[str] = []

    def execute(held: HeldRun) -> None:
        if held.cancelled.wait(10):
            seen.append(f"{held.run_id}/{held.attempt} {held.cancel_reason}")

    attempt = Attempt(run_id="r1", attempt=2)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        lease = Lease(attempt=attempt, experiment=Experiment(name="e"))
        await peer.send(AttendResponse(lease=lease))
        while not (await peer.expect("heartbeat")).heartbeat.running:
            pass
        await peer.send(AttendResponse(cancel=Cancel(attempt=attempt, reason="enough")))
        while (await peer.expect("heartbeat")).heartbeat.running:
            pass

    asyncio.run(attend(Spool(tmp_path), script, execute=execute))

    assert seen == ["r1/2 enough"]


def test_a_disk_that_hangs_holds_up_no_cancel(tmp_path: Path) -> None:
    let_go = threading.Event()
    seen: list[bool] = []

    class Hanging(Spool):
        def state(self) -> tuple[int, int, int]:
            let_go.wait(5)
            return super().state()

    def execute(held: HeldRun) -> None:
        seen.append(held.cancelled.wait(3))
        let_go.set()

    attempt = Attempt(run_id="r1", attempt=1)

    async def script(peer: Peer) -> None:
        # The first heartbeat follows the welcome at once.
        await peer.welcome()
        await peer.send(AttendResponse(lease=Lease(attempt=attempt)))
        await peer.send(AttendResponse(cancel=Cancel(attempt=attempt, reason="enough")))
        while (await peer.expect("heartbeat")).heartbeat.running:
            pass
        assert let_go.is_set()

    asyncio.run(attend(Hanging(tmp_path), script, execute=execute))

    assert seen == [True]


def test_a_repeated_lease_starts_no_second_run(tmp_path: Path) -> None:
    started = threading.Semaphore(0)
    release = threading.Event()

    def execute(_held: HeldRun) -> None:
        started.release()
        release.wait(10)

    lease = Lease(attempt=Attempt(run_id="r1", attempt=1))

    async def script(peer: Peer) -> None:
        await peer.welcome()
        for _ in range(2):
            await peer.send(AttendResponse(lease=lease))
        while len((await peer.expect("heartbeat")).heartbeat.running) != 1:
            pass
        await peer.expect("heartbeat")
        release.set()

    asyncio.run(attend(Spool(tmp_path), script, execute=execute))

    assert started.acquire(blocking=False)
    assert not started.acquire(blocking=False)


def test_an_agent_that_serves_one_run_refuses_every_other(tmp_path: Path) -> None:
    executed: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        for run_id in ("foreign", "own"):
            lease = Lease(attempt=Attempt(run_id=run_id, attempt=1))
            await peer.send(AttendResponse(lease=lease))
        (envelope,) = (await peer.expect("batch")).batch.envelopes
        ended = Record.FromString(envelope.payload).run_outcome
        assert (envelope.run_id, ended.status) == ("foreign", RunStatus.RUN_STATUS_FAILED)
        assert ended.reason == "this agent serves run own and no other"
        while not executed:
            await peer.expect("heartbeat")

    def execute(held: HeldRun) -> None:
        executed.append(held.run_id)

    asyncio.run(attend(Spool(tmp_path), script, execute=execute, only_run="own"))

    assert executed == ["own"]


def test_a_run_asks_for_another_block_and_gets_the_word(tmp_path: Path) -> None:
    decisions: list[tuple[bool, str]] = []
    attempt = Attempt(run_id="r1", attempt=1)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(AttendResponse(lease=Lease(attempt=attempt)))
        question = (await peer.expect("block_finished")).block_finished
        assert question.blocks_done == 5
        await peer.send(
            AttendResponse(
                block_decision=BlockDecision(
                    attempt=attempt, blocks_done=5, another=False, reason="decided"
                )
            )
        )
        while (await peer.expect("heartbeat")).heartbeat.running:
            pass

    asyncio.run(
        attend(
            Spool(tmp_path),
            script,
            execute=lambda held: decisions.append(held.another_block(5)),
        )
    )

    assert decisions == [(False, "decided")]


def test_an_agent_that_is_refused_says_why_and_stops(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await anext(peer.requests)
        await peer.context.abort(grpc.StatusCode.FAILED_PRECONDITION, "protocol 1 is too old")

    with pytest.raises(Refused, match="protocol 1 is too old"):
        asyncio.run(attend(Spool(tmp_path), script, stops_itself=True))


def test_an_agent_whose_certificate_was_revoked_gives_back_its_run_and_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[HeldRun] = []
    monkeypatch.setattr(stream, "_REVOKED_SECONDS", 0.2)
    monkeypatch.setattr(stream, "_LOOK_SECONDS", 0.1)

    def execute(held: HeldRun) -> None:
        held.cancelled.wait(20)
        ended.append(held)

    async def first(peer: Peer) -> None:
        await peer.welcome()
        attempt = Attempt(run_id="run", attempt=1)
        await peer.send(AttendResponse(lease=Lease(attempt=attempt, experiment=Experiment())))
        while not (await peer.expect("heartbeat")).heartbeat.running:
            pass
        await peer.context.abort(
            grpc.StatusCode.PERMISSION_DENIED,
            "the certificate of 'h' was revoked: stolen",
            ((DENIED_KEY, REVOKED),),
        )

    async def second(peer: Peer) -> None:
        await peer.welcome()
        assert list(peer.hello.running) == []

    asyncio.run(attend(Spool(tmp_path), first, second, execute=execute))

    assert [(held.run_id, held.given_back) for held in ended] == [("run", True)]
    assert "the certificate of 'h' was revoked: stolen" in caplog.text
    assert "headstart revoke --take-back" in caplog.text


def refusing_role(peer: Peer) -> Awaitable[Any]:
    reason = "'h' has no role and may not call Attend"
    return peer.context.abort(grpc.StatusCode.PERMISSION_DENIED, reason, ((DENIED_KEY, ROLE),))


def test_an_agent_whose_role_was_taken_away_goes_on_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_ROLE_SECONDS", 0.1)

    async def first(peer: Peer) -> None:
        await peer.welcome()
        await refusing_role(peer)

    async def third(peer: Peer) -> None:
        await peer.welcome()

    asyncio.run(attend(Spool(tmp_path), first, refusing_role, third))

    assert caplog.text.count("'h' has no role and may not call Attend; again in") == 2


def test_an_agent_that_never_had_the_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has no role"):
        asyncio.run(attend(Spool(tmp_path), refusing_role, stops_itself=True))


def test_a_spool_that_is_older_than_the_collector_begins_a_new_stream(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Hello] = []

    async def first(peer: Peer) -> None:
        await peer.welcome(acked=5)
        seen.append(peer.hello)
        async for _ in peer.requests:
            pass

    async def second(peer: Peer) -> None:
        await peer.welcome()
        seen.append(peer.hello)
        assert await peer.sequences(3) == [1, 2, 3]

    asyncio.run(attend(spool_with(tmp_path, 3), first, second))
    older, newer = seen

    assert newer.stream_id != older.stream_id == newer.replaces_stream_id
    assert newer.life != older.life
    assert "the spool is older and made 3" in caplog.text


def test_a_spool_whose_records_are_others_than_the_collectors_begins_a_new_stream(
    tmp_path: Path,
) -> None:
    spool = spool_with(tmp_path, 3)

    async def first(peer: Peer) -> None:
        hello = (await anext(peer.requests)).hello
        other = Welcome(acked_sequence=2, acked_mark=77, heartbeat_seconds=0.05)
        await peer.send(AttendResponse(welcome=other))
        assert hello.replaces_stream_id == ""
        async for _ in peer.requests:
            pass

    async def second(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(3) == [1, 2, 3]

    asyncio.run(attend(spool, first, second))


def test_an_agent_without_room_declines_a_lease_and_says_why(tmp_path: Path) -> None:
    started: list[str] = []
    attempt = Attempt(run_id="r1", attempt=2)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        assert "are free for its spool" in peer.hello.not_ready
        await peer.send(AttendResponse(lease=Lease(attempt=attempt)))
        while not (beat := (await peer.expect("heartbeat")).heartbeat).declined:
            assert "are free for its spool" in beat.not_ready
        assert list(beat.declined) == [attempt]
        assert not (await peer.expect("heartbeat")).heartbeat.declined

    asyncio.run(
        attend(
            Spool(tmp_path, reserve_bytes=1 << 60),
            script,
            execute=lambda held: started.append(held.run_id),
        )
    )

    assert started == []


@pytest.mark.parametrize(
    ("good_seconds", "pauses"), [(0.0, [0.2, 0.2, 0.2]), (60.0, [0.2, 0.4, 0.8])]
)
def test_only_a_stream_that_lasted_makes_the_next_try_come_soon(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    good_seconds: float,
    pauses: list[float],
) -> None:
    monkeypatch.setattr(stream, "_GOOD_SECONDS", good_seconds)

    async def cut(peer: Peer) -> None:
        await peer.welcome()
        await peer.context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")

    async def last(peer: Peer) -> None:
        await peer.welcome()

    asyncio.run(attend(Spool(tmp_path), cut, cut, cut, last))

    said = [float(seconds) for seconds in re.findall(r"again in ([0-9.]+) s", caplog.text)]
    # A quarter more or less, as it is spread, and as it is rounded.
    assert said == [pytest.approx(seconds, rel=0.26, abs=0.1) for seconds in pauses]
