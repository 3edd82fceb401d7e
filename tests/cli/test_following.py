"""Runs are followed past a collector that falls silent amid its words."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from headstart.agent.uplink import collector_addresses
from headstart.cli.connection import Connection
from headstart.cli.following import follow_all
from headstart.v1.experiments_pb2 import RunState, RunSummary, WatchResponse
from headstart.v1.experiments_pb2_grpc import (
    ExperimentsServiceServicer,
    add_ExperimentsServiceServicer_to_server,
)
from headstart.words.standing_by import ACTIVE_SERVICE
from support.freezing import Freezing

LEASED = RunState.RUN_STATE_LEASED
_LONG = 100_000


class Watched(ExperimentsServiceServicer):
    """The first time it has a word, and then one too long for a way that freezes."""

    def __init__(self) -> None:
        self.asked = 0

    def WatchRuns(self, _request: Any, context: Any) -> Iterator[WatchResponse]:
        self.asked += 1
        if self.asked > 1:
            yield WatchResponse(run=RunSummary(run_id="r", state=RunState.RUN_STATE_DONE))
            return
        over = threading.Event()
        context.add_callback(over.set)
        for reason in ("", "x" * _LONG):
            yield WatchResponse(run=RunSummary(run_id="r", state=LEASED, reason=reason))
        over.wait(30)


@contextmanager
def serving(service: Watched) -> Iterator[str]:
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads)
        add_ExperimentsServiceServicer_to_server(service, server)
        told = health.HealthServicer()
        told.set(ACTIVE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(told, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait()


def test_one_that_freezes_is_left_for_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(collector_addresses, "_OF_SEVERAL_MS", (1_000, 1_000))
    monkeypatch.setattr(collector_addresses, "_BULK_TIMEOUT_MS", 2_000)
    seen: list[RunSummary] = []
    service = Watched()  # type: ignore[abstract]  # nobody asks for the rest
    with serving(service) as target, Freezing(target, after_bytes=_LONG // 2) as frozen:
        both = Connection(frozen.target, plaintext=True, others=(target,))
        (run,) = follow_all(both, ["r"], seen.append)

    assert [each.state for each in seen] == [LEASED, RunState.RUN_STATE_DONE]
    assert run == seen[-1]
    assert f"the collector at {frozen.target} does not answer" in capsys.readouterr().err
