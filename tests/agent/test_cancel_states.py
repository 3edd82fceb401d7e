"""In whatever state a run hangs: a cancel ends it within 5 s and nothing of it is left."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.agent import run
from headstart.agent.agent import Agent, AgentConfig
from headstart.agent.counters import table
from headstart.agent.host import quiet
from headstart.agent.probe import prober
from headstart.agent.runtimes.launch_gate import folder as gate
from headstart.agent.trial import trial
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RecordKind, RunStatus
from support.hanging import (
    BOUND_SECONDS,
    assert_nothing_left,
    batch,
    cancel_when,
    doing,
    is_open,
    loaded,
    record_of,
    service,
    twice,
)
from support.policies import everything_allowed
from support.running import experiment, free_port

pytestmark = pytest.mark.alone

ENDED = RecordKind.RECORD_KIND_RUN_OUTCOME
LOAD = {"request": "GET /", "connections": 2, "duration": "500s", "driver": "builtin"}


class Blocked:
    """Blocks whoever calls it, like a disk that hangs, until the test is over."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, *_arguments: object, **_named: object) -> None:
        self.reached.set()
        self.let_go.wait(60)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    block = Blocked()
    yield block
    block.let_go.set()


@pytest.mark.parametrize(
    ("reached", "asked"),
    [
        pytest.param("startup", {"behaviour": "silent"}, id="startup"),
        pytest.param("idle", {"plan": {"blocks": 1, "idle": "500s"}}, id="idle"),
        pytest.param(
            "load",
            {
                "load": {
                    "request": "GET /",
                    "connections": 2,
                    "duration": "500s",
                    "driver": "builtin",
                }
            },
            id="builtin-load",
        ),
        pytest.param(
            "load",
            {
                "load": {
                    "request": "GET /",
                    "connections": 2,
                    "duration": "500s",
                    "driver": "h2load",
                }
            },
            id="h2load-load",
            marks=pytest.mark.h2load,
        ),
        pytest.param(
            "load",
            {"load": LOAD | {"driver": "wrk"}},
            id="wrk-load",
            marks=pytest.mark.wrk,
        ),
        pytest.param(
            "settling",
            {
                "load": {
                    "request": "GET /",
                    "connections": 1,
                    "duration": "1s",
                    "driver": "builtin",
                },
                "plan": {"blocks": 1, "settle": "500s"},
            },
            id="settling",
        ),
        pytest.param(
            "checks",
            {"service": {"checks": [{"name": "never", "request": "GET /hang"}]}},
            id="check-request",
        ),
        pytest.param(
            "checks",
            {"service": {"checks": [{"name": "long", "command": ["sleep", "500"]}]}},
            id="check-command",
        ),
    ],
)
def test_a_service_that_is_measured(reached: str, asked: dict[str, Any], tmp_path: Path) -> None:
    ended = cancel_when(doing(reached), service(**asked), tmp_path)

    assert_nothing_left(ended)


def test_a_wait_for_a_quiet_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "IDLE_SHARE", 2.0)

    asked = service(plan={"blocks": 1, "quiet": "200s"})
    ended = cancel_when(doing("startup"), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_gate_that_does_not_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = tmp_path / "late-gate"
    late.write_text(f"#!/bin/sh\ntouch {tmp_path}/waits\nsleep 500\n")
    monkeypatch.setattr(gate, "gate_binary", lambda: late)

    ended = cancel_when(lambda _held: (tmp_path / "waits").exists(), service(), tmp_path)

    assert_nothing_left(ended)


def test_a_prober_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = prober.Prober._start
    stopped = threading.Event()

    def start_stopped(self: prober.Prober) -> Any:
        process, connection = start(self)
        process.send_signal(signal.SIGSTOP)
        stopped.set()
        return process, connection

    monkeypatch.setattr(prober.Prober, "_start", start_stopped)

    ended = cancel_when(doing("startup"), service(), tmp_path)

    assert stopped.is_set()
    assert_nothing_left(ended)


def test_a_job_of_a_batch_program(tmp_path: Path) -> None:
    ended = cancel_when(doing("short job"), batch(), tmp_path)

    assert_nothing_left(ended)


def test_the_next_block_that_is_decided_by_nobody(tmp_path: Path) -> None:
    asked = service(plan={"blocks": "auto"})
    ended = cancel_when(lambda held: held.outcome.blocks_completed == 1, asked, tmp_path)

    assert_nothing_left(ended)


def test_files_of_a_command_that_take_long_to_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 32 << 30)
    port = free_port()
    asked = experiment(port, twice({"command": ["/bin/cat", str(huge)]}))

    ended = cancel_when(lambda _held: is_open(huge), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_page_cache_that_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocked: Any
) -> None:
    monkeypatch.setattr(trial, "drop_page_cache", blocked)

    asked = service(plan={"blocks": 1, "page_cache": "cold"})
    ended = cancel_when(lambda _held: blocked.reached.is_set(), asked, tmp_path)

    assert_nothing_left(ended)


def test_counters_that_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocked: Any
) -> None:
    monkeypatch.setattr(table, "_read", blocked)

    asked = service(plan={"blocks": 1, "runtime_counters": True})
    ended = cancel_when(lambda _held: blocked.reached.is_set(), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_run_whose_thread_hangs_is_ended_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocked: Any
) -> None:
    """What hangs is a part that knows of no cancellation, as a kernel may make any."""
    monkeypatch.setattr(run, "choose", blocked)
    config = AgentConfig("unix:/nowhere", tmp_path / "agent", "here", everything_allowed())
    agent = Agent(config)
    asked = loaded(service(load=LOAD), tmp_path)
    agent.runs.start(Attempt(run_id="hangs", attempt=1), asked, ask=lambda _: None)
    assert blocked.reached.wait(20)

    began = time.monotonic()
    agent.runs.give_all_back("enough")
    seconds = time.monotonic() - began
    ends = [record_of(e) for e in agent.spool.read(0, 99) if e.kind == ENDED]

    assert seconds < BOUND_SECONDS
    assert agent.runs.running() == []
    assert [RunStatus.Name(e.run_outcome.status) for e in ends] == ["RUN_STATUS_RETURNED"]
    assert ends[0].run_outcome.reason.startswith("enough; what it was at")
    asyncio.run(closed(agent))


async def closed(agent: Agent) -> None:
    agent.stop()
    await agent.run()
