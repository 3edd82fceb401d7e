"""Whoever asks a hostile app ends with its deadline, and can still be told to stop.

`support.hostile_app` lists the kinds. Bounds of time are generous: the deadline is what
is tested, not the machine.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from headstart.agent.http.app_client import RequestFault
from headstart.agent.http.checks import BODY_LIMIT_BYTES, evaluate
from headstart.agent.load.builtin import Builtin
from headstart.agent.probe.prober import Prober
from headstart.v1.experiment_pb2 import HttpCheck, HttpRequest
from support.fetching import fetch
from support.hostile_app import KINDS, hostile
from support.load_tasks import load_of, request, run_load, task_of
from support.waiting import wait_until

pytestmark = pytest.mark.alone

GET = HttpRequest(method="GET", target="/")
# Nothing of these is a correct answer.
WRONG = HttpCheck(request=GET, json_subset='{"status": "ok"}')
GOOD = ("good", "answers", "gzip", "redirect", "deep-json", "long-number")
ENDLESS = sorted(KINDS.keys() - set(GOOD))
_TIMEOUT_SECONDS = 0.4
# The bound of the issue is a second.
_LATER_SECONDS = 1.0


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    started = Prober()
    yield started
    started.close()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_prober_keeps_its_time(kind: str, prober: Prober) -> None:
    with hostile(kind) as app:
        prober.arm("127.0.0.1", app.port, WRONG, None, _TIMEOUT_SECONDS, 0, None)
        begin = time.monotonic()
        prober.go()
        app.listen()
        result = prober.poll(30)
        took = time.monotonic() - begin

    assert result is not None
    assert result.outcome == "timeout"
    assert result.wrong
    assert took < _TIMEOUT_SECONDS + _LATER_SECONDS


@pytest.mark.parametrize("kind", ["body", "chunks", "interim", "silent", "stops"])
def test_the_prober_can_be_told_to_stop(kind: str, prober: Prober) -> None:
    pid = prober.pid
    with hostile(kind) as app:
        prober.arm("127.0.0.1", app.port, WRONG, None, 60, 0, None)
        prober.go()
        app.listen()
        assert prober.poll(0.3) is None
        begin = time.monotonic()
        prober.cancel()
        took = time.monotonic() - begin

    assert took < _LATER_SECONDS
    # It answered, and was not killed for keeping silent.
    assert prober.pid == pid


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_check_keeps_its_time(kind: str) -> None:
    with hostile(kind) as app:
        app.listen()
        wait_until(app.connected)
        begin = time.monotonic()
        response = None
        with suppress(RequestFault):
            response = fetch(app.port, GET, _TIMEOUT_SECONDS)
        took = time.monotonic() - begin

    if response is None:
        assert kind in ENDLESS
    else:
        # Of a body without end the beginning is enough to be judged.
        assert kind in GOOD or len(response.body) == BODY_LIMIT_BYTES + 1
        assert not evaluate(WRONG, response.status, response.headers, response.body).passed
    assert took < _TIMEOUT_SECONDS + _LATER_SECONDS


@pytest.mark.parametrize("kind", ["chunks", "interim", "drip", "answers"])
def test_a_load_ends_with_its_phase(kind: str, tmp_path: Path) -> None:
    with hostile(kind) as app:
        app.listen()
        wait_until(app.connected)
        begin = time.monotonic()
        result = run_load(Builtin(), task_of(load_of(request("/")), app.port, tmp_path))
        took = time.monotonic() - begin

    assert result.failure is not None or result.summary.failed or kind == "answers"
    # Its start, half a second of load, and what the open requests are owed.
    assert took < 10
