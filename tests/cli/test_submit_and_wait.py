"""`headstart submit --wait` and how a submission waits, on a collector of a test."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest

from headstart.collector.config import CollectorConfig
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import RunStatus
from support.attending import (
    EXPERIMENT,
    attend,
    collecting,
    ending,
    in_loop,
    run_of,
    starting,
    submit,
)
from support.collector_process import collector_process
from support.fake_runs import BROKEN, JIT, small
from support.headstart_programs import program
from support.playing import play
from support.running import HEADSTART, Ran, headstart
from support.stores import url_of

pytestmark = pytest.mark.usefixtures("each_store")


def file_in(folder: Path) -> Path:
    file = folder / "players.yaml"
    file.write_text(EXPERIMENT)
    return file


def to(port: int) -> tuple[str, ...]:
    return ("--plaintext", "--collector", f"127.0.0.1:{port}")


async def command(*arguments: str | Path) -> Ran:
    return await asyncio.to_thread(headstart, *arguments)


@in_loop
async def test_it_exits_with_what_all_hosts_found_and_says_it(tmp_path: Path) -> None:
    broken = small(kinds=(JIT, BROKEN), blocks=3)
    text = EXPERIMENT.replace("aot:", f"{BROKEN.name}:")
    (tmp_path / "players.yaml").write_text(text)
    async with (
        collecting(tmp_path / "store") as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
        attend(collector.port, host="h2", stream_id="s2") as second,
    ):
        waiting = asyncio.create_task(
            command("submit", tmp_path / "players.yaml", "--wait", "--json", *to(collector.port))
        )
        one = await play(first, broken, "h1")
        two = str((await second.until("lease")).attempt.run_id)
        failed = ending(2, two, status=RunStatus.RUN_STATUS_FAILED, reason="no engine")
        await second.send(starting(1, two), failed)
        ran = await waiting
        found = json.loads(ran.output)

        # What was not measured comes before what was rejected.
        assert ran.status == 4, ran.errors
        assert [run["run_id"] for run in found["runs"]] == [one, two]
        assert [run["state"] for run in found["runs"]] == ["done", "failed"]
        decided = [(each["host"], each["decision"]) for each in found["decisions"]]
        assert decided[0] == ("h1", "reject")
        assert "players on h2: failed (no engine)" in ran.errors


@in_loop
async def test_a_rejected_variant_is_1(tmp_path: Path) -> None:
    broken = small(kinds=(JIT, BROKEN), blocks=3)
    (tmp_path / "players.yaml").write_text(EXPERIMENT.replace("aot:", f"{BROKEN.name}:"))
    async with collecting(tmp_path / "store") as collector, attend(collector.port) as agent:
        waiting = asyncio.create_task(
            command("submit", tmp_path / "players.yaml", "--wait", *to(collector.port))
        )
        run_id = await play(agent, broken, "h1")
        ran = await waiting

        assert ran.status == 1, ran.errors
        assert ran.output.splitlines()[0] == f"{run_id}  players on h1"
        assert "players on h1: reject: " in ran.output


@in_loop
async def test_ctrl_c_leaves_the_runs_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with collecting(tmp_path / "store") as collector, attend(collector.port) as agent:
        with program("submit", file_in(tmp_path), "--wait", *to(collector.port)) as waiting:
            run_id = str((await agent.until("lease")).attempt.run_id)
            await asyncio.to_thread(waiting.line, "players on h1: leased")
            waiting.process.send_signal(signal.SIGINT)
            status, said = await asyncio.to_thread(waiting.ended)

        assert status == 130
        assert f"headstart: the runs go on\n  to follow them: headstart watch {run_id}\n" in said
        assert f"  to end them: headstart cancel {run_id}\n" in said
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_LEASED


@in_loop
async def test_the_queue_shows_in_status_and_a_busy_host_can_be_left_alone(
    tmp_path: Path,
) -> None:
    file = file_in(tmp_path)
    async with (
        collecting(tmp_path / "store") as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
        attend(collector.port, host="h2", stream_id="s2"),
    ):
        port = collector.port
        await submit(port)
        await first.until("lease")
        queued = await command(
            "submit", file, "--any", "--priority", "5", "--expires", "2h", *to(port)
        )
        status = await command("status", *to(port))
        busy = await command("submit", file, "--if-busy", "fail", "--wait", *to(port))

        assert queued.status == 0, queued.errors
        run_id = queued.output.split()[0]
        assert queued.output == f"{run_id}  players on h1 or h2\n"
        line = next(line for line in status.output.splitlines() if line.startswith(run_id))
        assert line.startswith(f"{run_id}  players on h1 or h2: queued, priority 5, expires 20")
        assert busy.status == 4
        assert busy.errors.startswith("headstart: nothing is submitted: h1 has run ")
        assert busy.output == ""


def test_a_collector_that_starts_anew_is_waited_for(tmp_path: Path) -> None:
    async def greet(port: int) -> None:
        async with attend(port):
            pass

    with collector_process(
        CollectorConfig(data=tmp_path / "store", store=url_of(tmp_path / "store"))
    ) as collector:
        asyncio.run(greet(collector.port))
        file = file_in(tmp_path)
        with program("submit", file, "--wait", *to(collector.port)) as waiting:
            waiting.line("warning: h1 is not connected, last here")
            waiting.line("players on h1: queued")
            collector.kill()
            waiting.line("does not answer; waiting for it")
            collector.restart()
            headstart("cancel", "--experiment", "players", *to(collector.port))
            status, _ = waiting.ended()

    assert status == 4


@in_loop
async def test_the_recipe_for_cron_says_by_its_exit_code_what_happened(tmp_path: Path) -> None:
    documented = (Path(__file__).parents[2] / "docs" / "FLEET.md").read_text()
    recipe = documented.partition("<!-- recipe -->")[2].partition("```sh\n")[2].partition("```")[0]
    script = tmp_path / "nightly.sh"
    script.write_text(recipe)
    file_in(tmp_path)
    async with collecting(tmp_path / "store") as collector, attend(collector.port) as agent:

        def once() -> Ran:
            env = {
                "PATH": f"{HEADSTART.parent}:/usr/bin:/bin",
                "HEADSTART_COLLECTOR": f"127.0.0.1:{collector.port}",
                "HEADSTART_SUBMIT_PLAINTEXT": "1",
            }
            done = subprocess.run(
                ["/bin/sh", script],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            return Ran(done.returncode, done.stdout, done.stderr)

        first = asyncio.create_task(asyncio.to_thread(once))
        run_id = str((await agent.until("lease")).attempt.run_id)
        second = await asyncio.to_thread(once)
        failed = ending(2, run_id, status=RunStatus.RUN_STATUS_FAILED, reason="no image")
        await agent.send(starting(1, run_id), failed)
        ended = await first

        assert (second.status, second.output) == (0, "")
        assert "h1 has run" in (tmp_path / "nightly.log").read_text()
        assert ended.status == 4
        assert ended.output == "players.yaml was not measured: see nightly.log\n"
