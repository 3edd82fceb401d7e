"""Contexts over a real channel: sent once, put into the experiment, given to its agent alone."""

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest

from headstart.collector.api.status_codes import PROBLEMS_KEY
from headstart.collector.config import Quotas
from headstart.v1.experiment_pb2 import ContextArchive
from headstart.v1.experiments_pb2 import (
    FindContextsRequest,
    ListRequest,
    SendContextRequest,
    SubmitProblems,
    SubmitRequest,
)
from headstart.v1.fleet_pb2 import Attempt, FetchContextRequest
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.features import FEATURE_NAMES
from support.attending import attend, channel_to, collecting, experiments, hello, in_loop
from support.contexts import archive_of, requests

pytestmark = pytest.mark.usefixtures("each_store")

FILE = """
experiment: players
baseline: jit
variants:
  jit: {build: {context: src}}
  aot: {build: {context: src, context_on_host: true}}
service: {port: 9000, ready: GET /health}
plan: {blocks: 3}
"""


def request(**contexts: ContextArchive) -> SubmitRequest:
    return SubmitRequest(
        source_text=FILE, base_directory="/mine", contexts=contexts, sends_contexts=True
    )


async def problems(call: "grpc.aio.UnaryUnaryCall[SubmitRequest, object]") -> list[str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    trailing = dict(error.value.trailing_metadata() or ())
    found = SubmitProblems.FromString(trailing[PROBLEMS_KEY]).problems
    return [f"{each.line}: {each.message}" for each in found]


@in_loop
async def test_what_was_sent_reaches_the_agent_of_the_run_and_nobody_else(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "a", {"Dockerfile": "", "data": "x" * 2000})
    said = hello()
    said.features.extend(FEATURE_NAMES)
    async with (
        collecting(tmp_path / "data") as collector,
        experiments(collector.port) as stub,
        attend(collector.port, said) as agent,
        channel_to(collector.port) as channel,
    ):
        asked = FindContextsRequest(sha256=[archive.sha256, "0" * 64, "../x"])
        before = await stub.FindContexts(asked)
        await stub.SendContext(requests(archive, data))
        after = await stub.FindContexts(asked)
        await stub.Submit(request(jit=archive))
        lease = await agent.until("lease")
        jit, aot = lease.experiment.variants
        fleet = FleetServiceStub(channel)

        async def fetched(attempt: Attempt, offset: int = 0) -> bytes:
            asked = FetchContextRequest(attempt=attempt, sha256=archive.sha256, offset=offset)
            return b"".join([each.piece async for each in fleet.FetchContext(asked)])

        whole, rest = await fetched(lease.attempt), await fetched(lease.attempt, 30)
        refused = []
        for attempt, offset in (
            (Attempt(run_id=lease.attempt.run_id, attempt=2), 0),
            (Attempt(run_id="other", attempt=1), 0),
            (lease.attempt, len(data) + 1),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await fetched(attempt, offset)
            refused.append(error.value.code())

    assert list(before.missing) == [archive.sha256, "0" * 64, "../x"]
    assert list(after.missing) == ["0" * 64, "../x"]
    assert before.most_tar_bytes == 8 * before.most_stored_bytes
    assert jit.build.archive == archive
    assert jit.build.context == "/mine/src"
    assert (aot.build.HasField("archive"), aot.build.context_on_host) == (False, True)
    assert (whole, rest) == (data, data[30:])
    assert refused == [
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
    ]


@in_loop
async def test_what_was_not_sent_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "a", {"Dockerfile": ""})
    async with (
        collecting(tmp_path / "data") as collector,
        attend(collector.port),
        experiments(collector.port) as stub,
    ):
        gone = await problems(stub.Submit(request(jit=archive)))
        await stub.SendContext(requests(archive, data))
        without = await problems(stub.Submit(request()))
        unasked = await problems(stub.Submit(request(jit=archive, aot=archive, x=archive)))
        earlier = request()
        earlier.sends_contexts = False
        taken = await stub.Submit(earlier)

    assert gone == ["5: its context is not here (any more): submit the file again"]
    assert without == [
        "5: its context was not sent; 'context_on_host: true' says that it is a folder of the hosts"
    ]
    assert [each.partition(": ")[2] for each in unasked] == [
        "a context was sent for 'aot', which needs none",
        "a context was sent for 'x', which needs none",
    ]
    # A client of before: a folder of the host, as it was.
    assert len(taken.runs) == 1


@in_loop
async def test_bounds_and_damage_are_told_over_the_wire(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "a", {"Dockerfile": "", "data": "x" * 2000})
    quotas = Quotas(context_bytes=archive.stored_bytes - 1)
    told = []
    async with (
        collecting(tmp_path / "small", quotas=quotas) as small,
        collecting(tmp_path / "data") as collector,
        experiments(small.port) as bounded,
        experiments(collector.port) as stub,
    ):
        for sent in (
            bounded.SendContext(requests(archive, data)),
            stub.SendContext(requests(archive, data[:-1])),
            stub.SendContext(iter([])),
            stub.SendContext(iter([SendContextRequest(piece=data)])),
            stub.FindContexts(FindContextsRequest(sha256=["a"] * 1001)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await sent
            told.append((error.value.code().name, str(error.value.details())))
        listed = await stub.FindContexts(FindContextsRequest(sha256=[archive.sha256]))

    assert [code for code, _ in told] == ["RESOURCE_EXHAUSTED", *["INVALID_ARGUMENT"] * 4]
    assert "(--context-bytes)" in told[0][1]
    assert "ends after" in told[1][1]
    assert list(listed.missing) == [archive.sha256]


@in_loop
async def test_an_agent_that_knows_no_sent_contexts_is_given_no_run_that_has_one(
    tmp_path: Path,
) -> None:
    archive, data = archive_of(tmp_path / "a", {"Dockerfile": ""})
    async with (
        collecting(tmp_path / "data") as collector,
        experiments(collector.port) as stub,
        attend(collector.port),
    ):
        await stub.SendContext(requests(archive, data))
        await stub.Submit(request(jit=archive))
        # Who is to have it is decided behind the answer.
        async with asyncio.timeout(20):
            while not (run := (await stub.List(ListRequest())).runs[0]).reason:
                await asyncio.sleep(0.01)

    assert "builds whose contexts were sent with it" in run.reason
