"""`headstart status` of many runs and hosts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from headstart.v1.experiments_pb2 import (
    ListHostsRequest,
    ListHostsResponse,
    ListRequest,
    ListResponse,
    RunSummary,
)
from headstart.v1.experiments_pb2_grpc import (
    ExperimentsServiceServicer,
    add_ExperimentsServiceServicer_to_server,
)
from support.attending import collecting, in_loop
from support.running import Ran, headstart
from support.stored_results import fill

_RUNS = 620
_HOSTS = 31


async def _status(port: int, *options: str) -> Ran:
    to = ("--plaintext", "--collector", f"127.0.0.1:{port}")
    return await asyncio.to_thread(headstart, "status", *options, *to)


def _runs(ran: Ran) -> list[str]:
    return [line.split()[0] for line in ran.output.splitlines() if line.startswith("2026")]


def _hosts(ran: Ran) -> list[str]:
    return [line for line in ran.output.splitlines() if line.startswith("h")]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 620 runs on 31 hosts that are away."""
    folder = tmp_path_factory.mktemp("many")
    asyncio.run(fill(folder, _RUNS))
    return folder


@in_loop
async def test_many_runs_and_hosts_are_listed_in_part_and_the_last_line_says_how_to_see_more(
    many: Path,
) -> None:
    async with collecting(many) as collector:
        first = await _status(collector.port)
        newest = _runs(first)
        second = await _status(collector.port, "--before", newest[-1], "--limit", "30")
        last = await _status(collector.port, "--before", "20260101-000000-0001")

    assert len(newest) == 20
    assert len(_hosts(first)) == 20
    more = "11 more of 31 hosts, of which 31 are away and 0 take no run: "
    more += "headstart host list, or --all"
    assert first.errors == f"{more}\n600 older runs: --before {newest[-1]}, or --all\n"
    assert (len(_runs(second)), _hosts(second)) == (30, [])
    assert not {*newest} & {*_runs(second)}
    assert second.errors == f"570 older runs: --before {_runs(second)[-1]}, or --all\n"
    assert (len(_runs(last)), last.errors) == (1, "")


@in_loop
async def test_all_are_listed_where_that_is_asked_for_and_json_says_how_many_are_not(
    many: Path,
) -> None:
    async with collecting(many) as collector:
        everything = await _status(collector.port, "--all")
        as_json = await _status(collector.port, "--json", "--limit", "3")
        of_host = await _status(collector.port, "--host", "h0", "--limit", "19")

    assert _runs(everything) == sorted({*_runs(everything)}, reverse=True)
    assert len(_runs(everything)) == _RUNS
    assert len(_hosts(everything)) == _HOSTS
    assert everything.errors == ""
    found = json.loads(as_json.output)
    assert (len(found["hosts"]), len(found["runs"]), found["older_runs"]) == (_HOSTS, 3, 617)
    assert of_host.errors.splitlines()[-1].startswith("1 older run: ")


@in_loop
async def test_what_cannot_be_listed_is_said(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        both = await _status(collector.port, "--all", "--limit", "5")
        none = await _status(collector.port, "--limit", "0")
        unknown = await _status(collector.port, "--before", "20260101")

    assert (both.status, both.errors) == (
        2,
        "headstart: --all and --limit exclude each other\n",
    )
    assert none.status == 2
    assert (unknown.status, unknown.errors) == (2, "headstart: there is no run '20260101'\n")


class _OfBefore(ExperimentsServiceServicer):
    """A collector that knows no pages: it lists the newest, whatever else it is asked."""

    async def List(self, request: ListRequest, context: Any) -> ListResponse:
        return ListResponse(runs=[RunSummary(run_id=f"r{n:04d}") for n in range(request.limit)])

    async def ListHosts(self, request: ListHostsRequest, context: Any) -> ListHostsResponse:
        return ListHostsResponse()


@in_loop
async def test_an_older_collector_is_not_asked_for_the_same_page_for_ever() -> None:
    server = grpc.aio.server()
    made = _OfBefore()  # type: ignore[abstract]  # what is not asked for
    add_ExperimentsServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        newest = await _status(port)
        before = await _status(port, "--before", "r0019")
        everything = await _status(port, "--all")
    finally:
        await server.stop(None)

    assert newest.status == 0
    assert len(newest.output.splitlines()) == 20
    for ran in (before, everything):
        assert ran.status == 3
        assert "the collector is older than this command" in ran.errors
