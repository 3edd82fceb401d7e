"""`headstart host`, as an operator gives it."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headstart.cli.main import cli
from headstart.collector.store.hosts import greet
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import ListHostsRequest
from headstart.v1.host_pb2 import Fact, HostFacts, Policy
from headstart.words.features import FEATURE_NAMES
from support.attending import attend, collecting, experiments, in_loop, submit
from support.running import Ran, headstart
from support.stores import on_a_file

pytestmark = pytest.mark.usefixtures("each_store")


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


@on_a_file
@in_loop
async def test_hosts_are_listed_by_pages_and_each_says_all_of_itself(tmp_path: Path) -> None:
    names = [f"h{number:04}" for number in range(450)]
    async with Store(tmp_path) as store:
        facts = (
            HostFacts(host=name, labels={"pool": "perf"}, other=[Fact(name="n", value="v" * 9000)])
            for name in names
        )
        greeted = (partial(greet, facts=each, policy=Policy(), now=1.0) for each in facts)
        await asyncio.gather(*(store.write(each) for each in greeted))
    async with collecting(tmp_path) as collector:
        to = ("--plaintext", "--collector", f"127.0.0.1:{collector.port}")

        async def host(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, cli, ["host", *words, *to])

        listed = await host("list")
        as_json = await host("list", "--json")
        first = await host("list", "--limit", "2")
        last = await host("list", "--limit", "9", "--after", "h0447")
        shown = await host("show", "h0003", "--json")
        none = await host("list", "--after", "h0449")
        async with experiments(collector.port) as stub:
            all_at_once = await stub.ListHosts(ListHostsRequest())

    assert [line.partition(":")[0] for line in listed.stdout.splitlines()] == names
    assert all("pool=perf" in line for line in listed.stdout.splitlines())
    assert len(json.loads(as_json.stdout)["hosts"]) == 450
    assert [line[:5] for line in first.stdout.splitlines()] == names[:2]
    assert first.stderr == "448 more: --after h0001, or without --limit\n"
    assert [line[:5] for line in last.stdout.splitlines()] == ["h0448", "h0449"]
    assert last.stderr == ""
    assert len(json.loads(shown.stdout)["host"]["host"]["other"][0]["value"]) == 9000
    assert none.stderr == "no host comes after h0449\n"
    # As a command of before asks.
    assert len(all_at_once.hosts) == 450
