"""Hosts with another name, hosts that are removed, runs that are forgotten."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import func, select

from headstart.collector.server import Collector
from headstart.collector.store import tables
from headstart.collector.store.tables import batches, points, results, runs
from headstart.v1.experiments_pb2 import (
    ForgetRequest,
    HistoryRequest,
    ListHostsRequest,
    RemoveHostRequest,
    RenameHostRequest,
    ReportFormat,
    ReportRequest,
    RunState,
)
from support.attending import (
    Attending,
    as_sent,
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    hello,
    in_loop,
    refused,
    run_of,
    starting,
    submit,
    watched,
)
from support.fake_runs import small

pytestmark = pytest.mark.usefixtures("each_store")

DONE = RunState.RUN_STATE_DONE


async def played(
    collector: Collector, agent: Attending, host: str = "h1", after: int = 0
) -> tuple[str, int]:
    """A run of made-up figures that is analysed, and the sequence of its last record."""
    await submit(collector.port)
    run_id = str((await agent.until("lease")).attempt.run_id)
    records = list(small(blocks=3).records())
    for sequence, record in enumerate(records, after + 1):
        await agent.send(envelope(sequence, run_id, record=as_sent(record, host)))
    last = after + len(records)
    await agent.acked(last)
    await watched(collector.port, run_id, DONE)
    await collector._analyst.idle()
    await collector._regressions.idle()
    return run_id, last


async def rename(port: int, old: str = "h1", new: str = "perf1") -> None:
    async with experiments(port) as stub:
        await stub.RenameHost(RenameHostRequest(host=old, new_name=new))


async def remove(port: int, host: str = "h1", *, force: bool = False) -> Any:
    async with experiments(port) as stub:
        return await stub.RemoveHost(RemoveHostRequest(host=host, force=force))


async def forget(port: int, *names: str, dry_run: bool = False) -> Any:
    async with experiments(port) as stub:
        return (await stub.Forget(ForgetRequest(names=names, dry_run=dry_run))).lost


async def failing(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), str(caught.value.details())


async def hosts_of(port: int) -> list[str]:
    async with experiments(port) as stub:
        return [each.host.host for each in (await stub.ListHosts(ListHostsRequest())).hosts]


async def points_of(port: int) -> list[tuple[str, str]]:
    async with experiments(port) as stub:
        history = await stub.History(HistoryRequest(experiment="players"))
    return sorted({(p.run_id, p.host) for series in history.series for p in series.points})


async def report_of(port: int, run_id: str) -> dict[str, Any]:
    request = ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_JSON)
    async with experiments(port) as stub:
        content = b"".join([piece.chunk async for piece in stub.Report(request)])
    found: dict[str, Any] = json.loads(content)
    return found


async def exposed(collector: Collector) -> list[str]:
    """The lines of /metrics that are about results."""

    def scrape() -> str:
        address = f"http://127.0.0.1:{collector.metrics_port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(answer.read().decode())

    page = await asyncio.to_thread(scrape)
    return [line for line in page.splitlines() if line.startswith("headstart_run_end_timestamp")]


METRICS: dict[str, Any] = {"metrics_listen": "127.0.0.1:0"}


@in_loop
async def test_what_a_host_measured_goes_on_under_its_new_name(tmp_path: Path) -> None:
    async with collecting(tmp_path, **METRICS) as collector:
        port = collector.port
        async with attend(port) as agent:
            run_id, last = await played(collector, agent)
            (waiting,) = await submit(port)
            await agent.until("lease")
            await agent.send(starting(last + 1, waiting), ending(last + 2, waiting))
            await watched(port, waiting, DONE)
            before = await report_of(port, run_id)

            await rename(port)

            code, words = await agent.ended()
        again = await refused(port, hello())
        after = await report_of(port, run_id)
        (line,) = await exposed(collector)

        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert words.startswith(
            "host 'h1' is called 'perf1' now: start the agent with --host perf1. Where "
        )
        assert "`headstart token create --role agent --name perf1`" in words
        assert again == (code, words)
        assert await hosts_of(port) == ["perf1"]
        assert (await run_of(port, run_id)).host == "perf1"
        assert await points_of(port) == [(run_id, "perf1")]
        assert 'host="perf1"' in line
        assert (before["host"].pop("name"), after["host"].pop("name")) == ("h1", "perf1")
        assert before == after
        async with attend(port, host="perf1") as agent:
            assert agent.welcome.acked_sequence == last + 2


@in_loop
async def test_the_new_name_outlives_a_restart_and_older_records_of_the_spool_count(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as collector:
        async with attend(collector.port):
            pass
        (run_id,) = await submit(collector.port)
        await rename(collector.port)
    async with (
        collecting(tmp_path, **METRICS) as collector,
        attend(collector.port, host="perf1") as agent,
    ):
        assert (await agent.until("lease")).attempt.run_id == run_id
        for sequence, record in enumerate(small(blocks=3).records(), 1):
            # As its spool has it from before.
            await agent.send(envelope(sequence, run_id, record=as_sent(record, "h1")))
        await watched(collector.port, run_id, DONE)
        await collector._analyst.idle()

        assert (await report_of(collector.port, run_id))["host"]["name"] == "perf1"
        (line,) = await exposed(collector)
        assert 'host="perf1"' in line


@in_loop
async def test_what_is_in_the_way_of_a_new_name_is_said(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as agent,
        attend(collector.port, host="h2", stream_id="s2"),
    ):
        port = collector.port
        taken = await failing(rename(port, "h1", "h2"))
        wrong = await failing(rename(port, "h1", "a/b"))
        await submit(port)
        run_id = (await agent.until("lease")).attempt.run_id
        busy = await failing(rename(port, "h1", "h3"))

        assert taken[1].startswith("there is a host 'h2' already")
        assert wrong[1].startswith("'a/b' is no name of a host; expected")
        assert busy[1].startswith(f"'h1' has run {run_id}, whose records name it")
        assert await hosts_of(port) == ["h1", "h2"]


@in_loop
async def test_a_name_of_before_can_be_freed_for_another_machine(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        port = collector.port
        async with attend(port):
            pass
        await rename(port)
        named = await failing(remove(port, "h3"))
        freed = await remove(port, "h1")
        async with attend(port, host="h1", stream_id="s2"):
            hosts = await hosts_of(port)

        assert named == (grpc.StatusCode.NOT_FOUND, "there is no host 'h3'")
        assert freed.former_name_of == "perf1"
        assert hosts == ["h1", "perf1"]


@in_loop
async def test_a_host_is_removed_with_its_runs_where_that_is_forced(tmp_path: Path) -> None:
    async with collecting(tmp_path, **METRICS) as collector:
        port = collector.port
        async with attend(port) as agent:
            run_id, _ = await played(collector, agent)
            connected = await failing(remove(port, force=True))
        (waiting,) = await submit(port)
        refused_ = await failing(remove(port))
        removed = await remove(port, force=True)

        assert connected[1] == "'h1' is connected: stop its agent first"
        assert refused_[1].startswith("'h1' has runs (2, of players), results (1) and ")
        assert "--force removes them too" in refused_[1]
        assert sorted(removed.lost.run_ids) == sorted([run_id, waiting])
        assert await hosts_of(port) == []
        assert await exposed(collector) == []
        assert await points_of(port) == []
        assert (await failing(run_of(port, run_id)))[0] == grpc.StatusCode.NOT_FOUND
        async with attend(port) as agent:
            await submit(port)
            await agent.until("lease")


@in_loop
async def test_a_run_of_any_host_goes_to_another_when_its_host_is_removed(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        port = collector.port
        for host in ("h1", "h2"):
            async with attend(port, host=host, stream_id=f"of-{host}"):
                pass
        (run_id,) = await submit(port, any_host=True)
        assert (await run_of(port, run_id)).host == "h1"

        await remove(port, "h1", force=True)

        left = await run_of(port, run_id)
        assert (left.host, list(left.candidates)) == ("h2", ["h2"])
        async with attend(port, host="h2", stream_id="of-h2") as agent:
            assert (await agent.until("lease")).attempt.run_id == run_id


@in_loop
async def test_a_forgotten_run_leaves_history_and_metrics_to_the_one_before(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path, **METRICS) as collector, attend(collector.port) as agent:
        port = collector.port
        old, last = await played(collector, agent)
        (first,) = await exposed(collector)
        new, _ = await played(collector, agent, after=last)
        (second,) = await exposed(collector)

        asked = await forget(port, new, dry_run=True)
        assert (await run_of(port, new)).state == DONE
        lost = await forget(port, new)

        assert lost == asked
        assert (list(lost.run_ids), lost.results, list(lost.hosts)) == ([new], 1, ["h1"])
        assert lost.stored_bytes > 0
        assert await points_of(port) == [(old, "h1")]
        assert first != second
        assert await exposed(collector) == [first]
        of_all = await forget(port, "players")
        assert list(of_all.run_ids) == [old]
        assert await exposed(collector) == []
    async with collecting(tmp_path, **METRICS) as collector:
        assert await exposed(collector) == []
        for table in (runs, results, batches, points, tables.experiments):
            left = select(func.count()).select_from(table)
            with collector._store.readers.begin() as connection:
                assert connection.execute(left).scalar_one() == 0, table.name


@in_loop
async def test_what_has_not_ended_or_is_not_there_is_not_forgotten(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        port = collector.port
        (run_id,) = await submit(port)
        await agent.until("lease")
        going = await failing(forget(port, "players"))
        none = await failing(forget(port, "scores"))
        empty = await failing(forget(port))

        assert going[1] == f"{run_id} has not ended: `headstart cancel` first"
        assert none == (grpc.StatusCode.NOT_FOUND, "there is no run 'scores'")
        assert empty[0] == grpc.StatusCode.INVALID_ARGUMENT
