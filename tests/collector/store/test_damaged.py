"""A store whose file is damaged, before a collector starts on it and while it runs."""

import os
from pathlib import Path

import aiohttp
import grpc
import pytest

from headstart.collector.faults import StartFault
from headstart.v1.access_pb2 import ListAuditRequest
from headstart.v1.access_pb2_grpc import AccessServiceStub
from support.attending import channel_to, collecting, in_loop
from support.damage import spoil
from support.exposed import exposed


@in_loop
async def test_a_file_that_is_no_database_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "headstart.sqlite").write_bytes(os.urandom(8192))
    with pytest.raises(StartFault, match=r"is damaged \(.*not a database\).*headstart restore"):
        async with collecting(tmp_path):
            pass


@in_loop
async def test_a_page_that_is_damaged_is_said_in_the_reply_healthz_and_metrics(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with collecting(tmp_path):
        pass
    spoil(tmp_path / "headstart.sqlite", "audit")
    async with collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector:
        async with channel_to(collector.port) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await AccessServiceStub(channel).ListAudit(ListAuditRequest(limit=1))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{collector.metrics_port}") as http:
            async with http.get("/healthz") as answer:
                health = answer.status, await answer.text()
            async with http.get("/metrics") as answer:
                metrics = await answer.text()

    assert refused.value.code() == grpc.StatusCode.DATA_LOSS
    assert "malformed" in str(refused.value.details())
    assert health[0] == 503
    assert "the store cannot" in health[1]
    assert exposed(metrics, "headstart_collector_store_faulty") == 1
    assert "headstart restore" in caplog.text
