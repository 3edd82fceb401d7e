"""`watch` says of a run that waits what its host is, whenever that comes about."""

import socket
from pathlib import Path

import pytest

from headstart.cli import away_hosts
from headstart.cli.away_hosts import WithHosts
from headstart.cli.connection import Connection
from headstart.cli.progress import ProgressLines
from headstart.v1.experiments_pb2 import RunState, RunSummary
from support.attending import attend, collecting, in_loop, submit
from support.waiting import until


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(away_hosts, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(away_hosts, "_HOLDS_SECONDS", 0.2)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said of hosts; runs are told elsewhere."""
    lines: list[str] = []

    def said(line: str, *, err: bool) -> None:
        assert err
        lines.append(line)

    monkeypatch.setattr(away_hosts, "say", said)
    return lines


def waiting(run_id: str, host: str) -> RunSummary:
    return RunSummary(run_id=run_id, host=host, state=RunState.RUN_STATE_QUEUED)


def gone_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not connected now was not for long."""
    monkeypatch.setattr(away_hosts, "_LATELY_SECONDS", -3600.0)


@in_loop
async def test_a_host_that_goes_away_while_the_run_waits_is_told_and_again_after_it_was_back(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with collecting(tmp_path) as collector:
        connection = Connection(f"127.0.0.1:{collector.port}", plaintext=True)
        async with attend(collector.port):
            pass
        (run_id,) = await submit(collector.port)
        with WithHosts(connection, ProgressLines()) as shown:
            # It was here just now, and nothing of the run changes any more.
            shown.show(waiting(run_id, "h1"))
            await until(lambda: shown._told == {"h1": ""})
            assert told == []
            gone_for_long(monkeypatch)
            await until(lambda: len(told) == 1)
            async with attend(collector.port):
                await until(lambda: shown._told == {"h1": ""})
            await until(lambda: len(told) == 2)

    for line in told:
        assert line.startswith("h1 is not connected, last here 20")
        assert line.endswith(f" UTC; to end the run: headstart cancel {run_id}")


@in_loop
async def test_a_host_that_is_away_is_told_behind_many_that_are_not(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_for_long(monkeypatch)
    async with collecting(tmp_path) as collector:
        connection = Connection(f"127.0.0.1:{collector.port}", plaintext=True)
        async with attend(collector.port):
            pass
        with WithHosts(connection, ProgressLines()) as shown:
            # Many runs of one host are one question.
            for number in range(60):
                shown.show(waiting(f"r{number}", "a00"))
            for name in [*(f"a{n:02}" for n in range(25)), "h1"]:
                shown.show(waiting(f"of-{name}", name))
            await until(lambda: bool(told))

    assert [line.rpartition("; ")[2] for line in told] == ["to end the run: headstart cancel of-h1"]


def test_a_collector_that_does_not_answer_holds_up_neither_the_news_nor_the_end(
    told: list[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        connection = Connection(f"127.0.0.1:{frozen.getsockname()[1]}", plaintext=True)
        with WithHosts(connection, ProgressLines()) as shown:
            shown.show(waiting("r1", "h1"))
            accepted, _ = frozen.accept()
            shown.show(RunSummary(run_id="r1", host="h1", state=RunState.RUN_STATE_DONE))
            assert shown._looking is not None
            assert shown._looking.is_alive()
        accepted.close()

    assert not shown._looking.is_alive()
    assert told == []


def test_a_run_that_any_host_may_take_waits_for_none() -> None:
    with WithHosts(Connection("127.0.0.1:1", plaintext=True), ProgressLines()) as shown:
        run = waiting("r1", "h1")
        run.candidates.extend(["h1", "h2"])
        shown.show(run)

    assert shown._looking is None
