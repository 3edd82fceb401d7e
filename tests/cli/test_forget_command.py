"""`headstart forget`, and what `host rename` and `host remove` say."""

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from headstart.v1.experiments_pb2 import RunState
from support.attending import attend, collecting, ending, in_loop, run_of, starting, submit, watched
from support.running import HEADSTART, Ran, headstart

pytestmark = pytest.mark.usefixtures("each_store")

DONE = RunState.RUN_STATE_DONE


async def command(port: int, *arguments: str) -> Ran:
    to = ("--plaintext", "--collector", f"127.0.0.1:{port}")
    return await asyncio.to_thread(headstart, *arguments, *to)


def answered(port: int, answer: bytes, *arguments: str) -> tuple[int, str]:
    """The command at a terminal on which somebody answers."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [HEADSTART, *arguments, "--plaintext", "--collector", f"127.0.0.1:{port}"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        os.close(theirs)
        os.write(ours, answer)
        output, _ = process.communicate(timeout=60)
        os.close(ours)
    return process.returncode, output.decode()


@in_loop
async def test_it_says_what_is_lost_and_asks(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        port = collector.port
        (run_id,) = await submit(port)
        await agent.until("lease")
        await agent.send(starting(1, run_id), ending(2, run_id))
        await watched(port, run_id, DONE)
        await collector._analyst.idle()
        dry = await command(port, "forget", "players", "--dry-run", "--json")
        nobody = await command(port, "forget", "players")
        no = await asyncio.to_thread(answered, port, b"n\n", "forget", run_id)
        still = await run_of(port, run_id)
        yes = await asyncio.to_thread(answered, port, b"y\n", "forget", "players")
        gone = await command(port, "forget", run_id, "--yes")

        assert json.loads(dry.output)["lost"]["run_ids"] == [run_id]
        assert nobody.status == 2
        assert "lost for good: 1 run of players" in nobody.errors
        assert "nobody can be asked: say --yes" in nobody.errors
        assert "lost for good: 1 run of players on h1, 1 result, 0.0 MiB of records" in no[1]
        assert "nothing was forgotten" in no[1]
        assert still.state == DONE
        assert yes[0] == 0
        assert "forgotten: 1 run of players on h1, 1 result" in yes[1]
        assert (gone.status, gone.errors) == (2, f"headstart: there is no run '{run_id}'\n")


@in_loop
async def test_a_host_is_renamed_and_removed(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        port = collector.port
        async with attend(port):
            pass
        await submit(port)
        renamed = await command(port, "host", "rename", "h1", "perf1")
        old = await command(port, "host", "drain", "h1")
        kept = await command(port, "host", "remove", "perf1")
        freed = await command(port, "host", "remove", "h1")
        removed = await command(port, "host", "remove", "perf1", "--force")

        assert renamed.output.startswith("perf1: last seen ")
        assert renamed.errors == (
            "on the host, start its agent with --host perf1; where it was enrolled, without --host "
            "and after `headstart enroll` with a token of `headstart token create --role agent "
            "--name perf1`\n"
        )
        assert old.errors == "headstart: there is no host 'h1': it is called 'perf1' now\n"
        assert kept.status == 2
        assert "'perf1' has runs (1, of players), results (0)" in kept.errors
        assert freed.output == "h1 is free; it was called so before perf1\n"
        assert removed.output == (
            "removed perf1, with 1 run of players on perf1, 0 results, 0.0 MiB of records\n"
        )


@in_loop
async def test_an_agent_whose_host_was_renamed_ends_with_what_to_do(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path / "store") as collector:
        port = collector.port
        async with attend(port):
            pass
        await command(port, "host", "rename", "h1", "perf1")
        ended = await command(port, "agent", "--host", "h1", "--state", str(tmp_path / "agent"))

    assert ended.status == 2
    assert "the collector refuses this agent: host 'h1' is called 'perf1' now" in ended.errors
