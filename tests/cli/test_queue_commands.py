"""`cancel` and `watch` of many runs, as an operator gives them, on a collector of a test."""

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from headstart.cli.connection import Connection
from headstart.cli.dates import minute
from headstart.cli.ended_runs import code_of_runs
from headstart.cli.exit_codes import ExitCode
from headstart.cli.several_lines import SeveralLines, block
from headstart.collector.config import CollectorConfig
from headstart.collector.store.tables import hosts
from headstart.v1.experiments_pb2 import RunState, RunSummary
from headstart.v1.records_pb2 import RunStatus
from support.attending import (
    EXPERIMENT,
    Attending,
    attend,
    collecting,
    ending,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)
from support.collector_process import collector_process
from support.headstart_programs import program
from support.running import Ran, headstart
from support.stores import url_of
from support.waiting import until

pytestmark = pytest.mark.usefixtures("each_store")

OTHER = EXPERIMENT.replace("experiment: players", "experiment: scores")
QUEUED = RunState.RUN_STATE_QUEUED
LEASED = RunState.RUN_STATE_LEASED
CANCELLED = RunState.RUN_STATE_CANCELLED
DONE = RunState.RUN_STATE_DONE


def to(port: int) -> tuple[str, ...]:
    return ("--plaintext", "--collector", f"127.0.0.1:{port}")


async def command(port: int, *arguments: str) -> Ran:
    """In a thread, since the collector is in this loop."""
    return await asyncio.to_thread(headstart, *arguments, *to(port))


async def leased(agent: Attending) -> str:
    return str((await agent.until("lease")).attempt.run_id)


@in_loop
async def test_one_command_cancels_the_runs_of_an_experiment_on_the_hosts_with_a_label(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1", labels={"pool": "perf"}) as agent,
        attend(collector.port, host="h2", stream_id="s2", labels={"pool": "dev"}),
    ):
        port = collector.port
        going, elsewhere = await submit(port)
        waiting, _ = await submit(port)
        other, _ = await submit(port, OTHER)
        assert await leased(agent) == going

        ran = await command(port, "cancel", "--experiment", "players", "--label", "pool=perf")

        said = (await agent.until("cancel")).attempt.run_id
        states = [(await run_of(port, run)).state for run in (going, waiting, elsewhere, other)]
        assert ran.status == 0, ran.errors
        assert ran.output.splitlines() == [
            f"{waiting}  players on h1: cancelled (cancelled by hand)",
            f"{going}  players on h1: its agent is told to end it",
        ]
        assert ran.errors == "2 runs: 1 cancelled, 1 told to end\n"
        assert said == going
        assert states == [LEASED, CANCELLED, LEASED, QUEUED]


@in_loop
async def test_what_an_agent_has_begun_is_left_alone_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        port = collector.port
        (going,), (waiting,) = await submit(port), await submit(port)
        assert await leased(agent) == going

        of_host = await command(port, "cancel", "--host", "h1", "--queued", "--json")
        by_name = await command(port, "cancel", going, "--queued")
        again = await command(port, "cancel", "--host", "h1", "--queued")

        assert [run["run_id"] for run in json.loads(of_host.output)["runs"]] == [waiting]
        assert by_name.output == f"{going}  players on h1: goes on, an agent has begun it\n"
        assert again.errors == "no run waits or goes on to which this applies\n"
        assert (await run_of(port, going)).state == LEASED


@in_loop
async def test_a_label_that_no_host_has_is_wrong_input(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port):
        ran = await command(collector.port, "cancel", "--label", "pool=none")

        assert (ran.status, ran.errors) == (2, "headstart: no host has the labels pool=none\n")


@in_loop
async def test_a_host_or_an_experiment_that_never_was_is_wrong_input(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port):
        host = await command(collector.port, "cancel", "--host", "h11")
        known = await command(collector.port, "cancel", "--host", "h1")
        experiment = await command(collector.port, "cancel", "--experiment", "plyers")

        assert host.status == experiment.status == 2
        assert host.errors == "headstart: there is no host 'h11'; did you mean 'h1'?\n"
        assert known.status == 0
        assert experiment.errors == "headstart: there is no run of an experiment 'plyers'\n"


@in_loop
async def test_several_runs_are_watched_until_all_ended_and_have_one_exit_code(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
        attend(collector.port, host="h2", stream_id="s2") as second,
    ):
        port = collector.port
        one, two = await submit(port)
        with program("watch", "--experiment", "players", *to(port)) as watching:
            await asyncio.to_thread(watching.line, "players on h2: leased")
            for agent, run_id in ((first, one), (second, two)):
                assert await leased(agent) == run_id
                failed = ending(2, run_id, status=RunStatus.RUN_STATUS_FAILED, reason="no image")
                await agent.send(starting(1, run_id), failed)
            status, said = await asyncio.to_thread(watching.ended)
        gone = await command(port, "watch", "--experiment", "players")

        assert status == 4, said
        for host in ("h1", "h2"):
            assert f"players on {host}: failed (no image)" in said
        assert gone.errors == "headstart: no run of the experiment players waits or goes on\n"
        assert gone.status == 2


@in_loop
async def test_a_run_that_was_forgotten_hides_nothing_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            pass
        one, two = [(await submit(collector.port))[0] for _ in range(2)]
        await command(collector.port, "cancel", one, two)
        ended = [await run_of(collector.port, run_id) for run_id in (one, two)]
        await command(collector.port, "forget", one, "--yes")
        there = Connection(f"127.0.0.1:{collector.port}", plaintext=True)
        code = await asyncio.to_thread(code_of_runs, there, ended, False)

    said = capsys.readouterr().err
    assert code is ExitCode.NOT_MEASURED
    assert f"headstart: players on h1: run {one} was forgotten meanwhile\n" in said
    assert "players on h1: cancelled (cancelled by hand); nothing was measured" in said


@in_loop
async def test_of_a_run_that_waits_is_told_that_its_host_is_away_or_drained(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        port = collector.port
        async with (
            attend(port, host="h1", stream_id="s1"),
            attend(port, host="h2", stream_id="s2"),
        ):
            pass
        runs = await submit(port)
        await until(lambda: not (collector._fleet.attends("h1") or collector._fleet.attends("h2")))
        # When they were here last is written with a tick, and not again.
        await collector._fleet.tick()
        hour_ago = time.time() - 3600
        await collector._store.write(
            lambda c: c.execute(update(hosts).values(last_seen_seconds=hour_ago))
        )
        await command(port, "host", "drain", "h2", "--reason", "new disk")
        with program("watch", "--experiment", "players", *to(port)) as watching:
            away = f"h1 is not connected, last here {minute(hour_ago)} UTC; to end the run: "
            drained = "h2 is drained (new disk): the run waits for headstart host resume h2; "
            # In the order in which the runs are told.
            either = f"{re.escape(away)}|{re.escape(drained)}"
            told = {(await asyncio.to_thread(watching.line, either)).group() for _ in range(2)}
            await command(port, "cancel", *runs)
            status, said = await asyncio.to_thread(watching.ended)

    assert (status, told) == (4, {away, drained})
    assert said.count("to end the run: headstart cancel") == 2


@in_loop
async def test_a_run_that_was_cancelled_before_it_began_was_not_measured(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            pass
        (run_id,) = await submit(collector.port)
        await command(collector.port, "cancel", run_id)
        ran = await command(collector.port, "watch", run_id)

        assert ran.status == 4
        assert "cancelled (cancelled by hand); nothing was measured" in ran.errors


def test_a_collector_that_starts_anew_is_waited_for(tmp_path: Path) -> None:
    async def made(port: int) -> list[str]:
        async with attend(port, host="h1"):
            pass
        return [(await submit(port))[0] for _ in range(2)]

    with collector_process(CollectorConfig(data=tmp_path, store=url_of(tmp_path))) as collector:
        runs = asyncio.run(made(collector.port))
        with program("watch", *runs, *to(collector.port)) as watching:
            watching.line("players on h1: queued")
            collector.kill()
            watching.line("does not answer; waiting for it, 600 s at most")
            collector.restart()
            headstart("cancel", *runs, *to(collector.port))
            status, _ = watching.ended()

    assert status == 4


def test_where_the_terminal_is_too_small_those_are_shown_that_go_on() -> None:
    states = [RunState.RUN_STATE_DONE, QUEUED, LEASED, QUEUED]
    runs = [
        RunSummary(experiment="players", host=f"h{n}", state=s) for n, s in enumerate(states, 1)
    ]

    assert block(runs, 10)[-1] == "4 runs: 1 ended, 1 run, 2 wait"
    assert block(runs, 2) == [
        "players on h3: leased",
        "players on h1: done",
        "4 runs: 1 ended, 1 run, 2 wait; 2 are not shown",
    ]


def test_a_terminal_has_a_line_for_each_run_which_is_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    lines = SeveralLines()
    for state in (QUEUED, RunState.RUN_STATE_DONE):
        for host in ("h1", "h2"):
            run = RunSummary(run_id=host, experiment="players", host=host, state=state)
            lines.show(run)

    shown = capsys.readouterr().err
    assert shown.count("\x1b[3A") == 2
    assert shown.endswith("players on h2: done\n\x1b[K2 runs: 2 ended, 0 run, 0 wait\n")


@in_loop
async def test_the_report_without_a_run_is_of_the_latest_that_an_agent_had_begun(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        port = collector.port
        (first,) = await submit(port)
        before = await command(port, "report")
        assert await leased(agent) == first
        (second,) = await submit(port)
        await command(port, "cancel", second)
        none = await command(port, "report")
        await agent.send(starting(1, first), ending(2, first))
        await watched(port, first, DONE)
        found = await command(port, "report")

    assert (before.status, before.errors) == (2, "headstart: no run has ended yet\n")
    assert (none.status, none.errors) == (
        2,
        "headstart: no run has ended that an agent had begun\n",
    )
    assert found.status == 0, found.errors
    assert found.errors == (
        f"this is of run {first}, players on h1: 1 later run ended before an agent began\n"
    )
