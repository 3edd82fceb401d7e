"""`headstart host`, as an operator gives it."""

import asyncio
import json
from pathlib import Path

from headstart.words.features import FEATURE_NAMES
from support.attending import attend, collecting, in_loop, submit
from support.running import Ran, headstart


async def command(port: int, *arguments: str, **env: str) -> Ran:
    to = ("--plaintext", "--collector", f"127.0.0.1:{port}")
    return await asyncio.to_thread(headstart, *arguments, *to, env=env)


@in_loop
async def test_hosts_are_listed_and_one_is_shown_drained_and_resumed(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(
            collector.port,
            host="perf1",
            stream_id="s1",
            labels={"pool": "perf"},
            features=FEATURE_NAMES,
        ) as agent,
        attend(collector.port, host="perf2", stream_id="s2"),
    ):
        port = collector.port
        (run_id, _) = await submit(port)
        await agent.until("lease")
        drained = await command(port, "host", "drain", "perf1", HEADSTART_HOST_DRAIN_REASON="fan")
        listed = await command(port, "host", "list")
        as_json = await command(port, "host", "list", "--json")
        shown = await command(port, "host", "show", "perf1")
        status = await command(port, "status")
        resumed = await command(port, "host", "resume", "perf1", "--json")
        none = await command(port, "host", "show", "perf3")

        line = f"perf1: connected, drained (fan), unknown CPU, pool=perf, runs {run_id}"
        assert drained.output.splitlines() == [line]
        assert drained.errors == f"it ends its run first: headstart watch {run_id}\n"
        assert listed.output.splitlines()[0] == line
        assert line in status.output.splitlines()
        hosts = json.loads(as_json.output)["hosts"]
        assert [(each["host"]["host"], each["drain_reason"]) for each in hosts] == [
            ("perf1", "fan"),
            ("perf2", ""),
        ]
        assert "  state:         connected, drained (fan)\n" in shown.output
        assert json.loads(resumed.output)["host"]["drained_time_seconds"] == 0
        assert (none.status, none.errors) == (
            2,
            "headstart: there is no host 'perf3'; `headstart host list` has all\n",
        )
