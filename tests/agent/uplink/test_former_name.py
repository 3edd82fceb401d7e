"""An agent whose spool has another host's name asks the collector whose it is, over real gRPC."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.records_pb2 import RunOutcome
from support.scripted_collector import Peer, attend
from support.small_disk import fill, free, small_disk


def recorded_by(folder: Path, host: str) -> Spool:
    """The spool of an agent that attends as "h", with a record of before."""
    before = Spool(folder, host=host)
    before.append(envelope_of(RunOutcome(), "run", 1))
    before.close()
    return Spool(folder, host="h")


def test_what_it_recorded_under_its_former_name_is_delivered_once_the_collector_takes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = recorded_by(tmp_path, "former")
    stream = spool.stream_id

    async def asked(peer: Peer) -> None:
        await peer.welcome(takes_recorded=True)
        assert peer.hello.host.host == "h"
        assert (peer.hello.recorded_stream_id, peer.hello.recorded_as) == (stream, "former")
        assert peer.hello.recorded_records == 1
        assert peer.hello.stream_id not in ("", stream)
        assert peer.hello.not_ready == "it asks whose the records of former in its spool are"
        assert not peer.hello.unacked
        assert [request async for request in peer.requests] == []

    async def ordinary(peer: Peer) -> None:
        await peer.welcome()
        assert (peer.hello.stream_id, peer.hello.recorded_stream_id) == (stream, "")
        assert [attempt.run_id for attempt in peer.hello.unacked] == ["run"]
        assert await peer.sequences(1) == [1]

    with caplog.at_level("INFO"):
        asyncio.run(attend(spool, asked, ordinary))

    assert "host h was called former: the 1 records of that time are delivered" in caplog.text
    assert not list(tmp_path.glob("spool-*.sqlite"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (False, "by the collector this host was not called so"),
        (None, "the collector is of a release that cannot tell whether this host was called so"),
    ],
)
def test_what_the_collector_does_not_take_is_set_aside_and_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: bool | None, why: str
) -> None:
    spool = recorded_by(tmp_path, "other")
    stream = spool.stream_id

    async def asked(peer: Peer) -> None:
        await peer.welcome(takes_recorded=answer)

    async def ordinary(peer: Peer) -> None:
        await peer.welcome()
        assert peer.hello.stream_id not in ("", stream)
        assert peer.hello.recorded_stream_id == ""
        assert not peer.hello.unacked

    asyncio.run(attend(spool, asked, ordinary))

    (aside,) = tmp_path.glob("spool-*.sqlite")
    (said,) = [each for each in caplog.records if "with 1 records that" in each.getMessage()]
    assert aside.name == f"spool-{stream}.sqlite"
    assert said.levelname == "ERROR"
    assert f"recorded by host other, this is h, and {why}: it is now {aside}" in said.getMessage()
    # Only a collector that answers takes the file later.
    assert ("before `headstart host rename other h`" in said.getMessage()) == (answer is False)


def test_a_question_that_is_cut_off_is_asked_again_and_costs_no_record(tmp_path: Path) -> None:
    spool = recorded_by(tmp_path, "former")
    stream = spool.stream_id

    async def cut(peer: Peer) -> None:
        await anext(peer.requests)

    async def asked_again(peer: Peer) -> None:
        await peer.welcome(takes_recorded=True)
        assert peer.hello.recorded_stream_id == stream

    async def ordinary(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(1) == [1]

    asyncio.run(attend(spool, cut, asked_again, ordinary))


def test_an_empty_spool_of_another_host_is_set_aside_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Spool(tmp_path, host="other").close()

    async def asked(peer: Peer) -> None:
        await peer.welcome(takes_recorded=False)

    async def ordinary(peer: Peer) -> None:
        await peer.welcome()

    with caplog.at_level("INFO", "headstart.agent.uplink.former_name"):
        asyncio.run(attend(Spool(tmp_path, host="h"), asked, ordinary))

    (said,) = [each for each in caplog.records if "with 0 records that" in each.getMessage()]
    assert said.levelname == "INFO"


@pytest.mark.root
def test_a_spool_that_finds_no_room_is_asked_about_until_there_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        spool = recorded_by(disk, "other")
        fill(disk)

        async def asked(peer: Peer) -> None:
            await peer.welcome(takes_recorded=False)

        async def asked_again(peer: Peer) -> None:
            free(disk)
            await peer.welcome(takes_recorded=False)

        async def ordinary(peer: Peer) -> None:
            await peer.welcome()
            assert peer.hello.recorded_stream_id == ""

        asyncio.run(attend(spool, asked, asked_again, ordinary))

    assert caplog.text.count("cannot be set aside") == 1
    assert "with 1 records that were not delivered" in caplog.text


def test_a_spool_that_cannot_be_taken_over_yet_is_asked_about_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = recorded_by(tmp_path, "former")
    take_over, faults = spool.take_over, iter([sqlite3.OperationalError("disk is full")])

    def take_over_or_fail() -> None:
        if (fault := next(faults, None)) is not None:
            raise fault
        take_over()

    monkeypatch.setattr(spool, "take_over", take_over_or_fail)

    async def asked(peer: Peer) -> None:
        await peer.welcome(takes_recorded=True)

    async def ordinary(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(1) == [1]

    asyncio.run(attend(spool, asked, asked, ordinary))

    # By the pauses of a collector that cannot be reached.
    assert "the spool cannot be taken over yet: disk is full" in caplog.text
    assert "again in" in caplog.text
