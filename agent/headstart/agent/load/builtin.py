"""The load driver that is always there: open and closed loop, good for some thousand requests/s."""

import contextlib
import fcntl
import json
import os
import platform
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from typing import IO, Any

from headstart.agent.deadline import Deadline
from headstart.agent.http.app_tls import server_name
from headstart.agent.http.serialise import authority, serialise
from headstart.agent.load import frames
from headstart.agent.load.driver import LoadDriver, LoadResult, LoadTask, failed
from headstart.agent.load.generator import DRAIN_US
from headstart.agent.load.generator_process import LOOK_SECONDS, Watch, reap, start_pinned
from headstart.agent.load.mix import order
from headstart.agent.load.windows import Tally, add_up, edges_us, in_messages
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import Failure, LatencyBasis, LoadSummary, LoadWindow

_READY_SECONDS = 10.0
# Beyond the phase and what an open loop owes after it.
_GRACE_SECONDS = 3.0
_PIPE_BYTES = 1 << 20


class Builtin:
    """asyncio in a process of its own; see `generator.py`."""

    name = "builtin"

    def version(self) -> str | None:
        """Always installed."""
        return f"{metadata.version('headstart')} (Python {platform.python_version()})"

    def refuses(self, _load: Load) -> str | None:
        """Nothing."""
        return None

    def prepare(self, task: LoadTask) -> "PreparedBuiltin":
        """Start the generator's process and wait until it could begin."""
        return PreparedBuiltin(task, self.version() or "")


class PreparedBuiltin:
    """A generator that waits for its "go"."""

    def __init__(self, task: LoadTask, version: str) -> None:
        self._task = task
        self._edges = edges_us(task.load)
        self._reader = frames.FrameReader()
        self._begun_ns = 0
        self._counted: list[frames.Window] = []
        self._ending: dict[str, Any] = {}
        argv = [sys.executable, "-P", "-m", "headstart.agent.load.generator"]
        self._about = LoadSummary(
            driver=Builtin.name,
            driver_version=version,
            generator_cores=1,
            generator_cpus=task.cpus,
            connections=_connections(task.load),
            rate_per_second=task.load.rate_per_second,
            argv=argv,
            protocol="HTTP/1.1 over TLS" if task.load.tls else "",
        )
        self._errors = task.scratch / "generator-errors"
        pipe = subprocess.PIPE
        with self._errors.open("wb") as errors:
            self._process = start_pinned(argv, task.cpus, pipe, pipe, errors, task.namespace)
        # Room for a second of latencies, so that a busy agent never stalls the generator.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._stdout(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._ready = False
        self._say(json.dumps(_message(task, self._edges)).encode() + b"\n")
        deadline = Deadline(_READY_SECONDS)
        while not self._ready and not deadline.passed() and not task.cancelled():
            if not self._receive(LOOK_SECONDS):
                break

    def run(self) -> LoadResult:
        """Apply the load; see `LoadDriver`."""
        failure = None
        if self._ready:
            self._say(b"go\n")
            self._task.on_started(self._process.pid)
            failure = self._follow()
            self._task.on_ended()
        self.close()
        if failure is None and not self._ending:
            failure = self._broken()
        return self._result(failure)

    def close(self) -> None:
        """End the process; idempotent."""
        if self._process.returncode is None:
            self._stop()
            reap(self._process, 1.0)
            self._stdout().close()

    def _follow(self) -> Failure | None:
        """Take in frames until the load is over; why it ended before its time, if it did."""
        watch = Watch(self._task, self._process.pid)
        deadline = Deadline((self._edges[-1] + DRAIN_US) / 1e6 + _GRACE_SECONDS)
        failure = None
        while not self._ending and not deadline.passed():
            if not self._receive(LOOK_SECONDS):
                break
            if failure is None and (failure := watch.look()) is not None:
                # It writes what it has so far, and ends.
                self._stop()
                deadline = Deadline(_GRACE_SECONDS)
        watch.describe(self._about)
        return failure

    def _result(self, failure: Failure | None) -> LoadResult:
        basis = (
            LatencyBasis.LATENCY_BASIS_INTENDED_SEND
            if self._task.load.rate_per_second
            else LatencyBasis.LATENCY_BASIS_SERVICE_TIME
        )
        windows = scaled(self._counted)
        summary = add_up(windows, self._begun_ns, basis)
        summary.MergeFrom(self._about)
        summary.bodies_checked = sum(window.judged for window in self._counted)
        summary.bodies_wrong = sum(window.wrong for window in self._counted)
        if self._ending:
            summary.generator_cpu_seconds = self._ending["cpu_seconds"]
            summary.driver_completed = self._ending["completed"]
            summary.first_fault = self._ending["first_fault"]
            summary.offered = self._ending["offered"]
            summary.send_lateness_p99_us = self._ending["send_lateness_p99_us"]
        if failure is None and not summary.completed:
            sent = any(window.sent for window in windows)
            reason = summary.first_fault or ("no answer ended" if sent else "none was sent")
            failure = failed(f"no request was answered: {reason}")
        return LoadResult(
            summary, in_messages(windows, self._task.trial, self._begun_ns, basis), failure
        )

    def _receive(self, timeout_seconds: float) -> bool:
        """Take in what the generator writes within this time; False when it ended."""
        poll = select.poll()
        poll.register(self._stdout(), select.POLLIN)
        if not poll.poll(timeout_seconds * 1000):
            return True
        data = os.read(self._stdout().fileno(), _PIPE_BYTES)
        for kind, payload in self._reader.feed(data):
            if kind == frames.READY:
                self._ready = True
            elif kind == frames.BEGUN:
                self._begun_ns = int(payload)
            elif kind == frames.WINDOW:
                self._counted.append(frames.Window.unpack(payload))
            elif kind == frames.ENDED:
                self._ending = json.loads(payload)
        return bool(data)

    def _broken(self) -> Failure:
        """The generator itself failed: an error of ours, or of the host's."""
        words = self._errors.read_text(errors="replace").strip()
        return failed(
            f"the builtin load generator ended with status {self._process.returncode}"
            " before the load was over",
            words,
        )

    def _say(self, line: bytes) -> None:
        # What it has to say to a generator that ended is no matter: `_receive` notices.
        with contextlib.suppress(BrokenPipeError):
            self._stdin().write(line)
            self._stdin().flush()

    def _stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin().close()

    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101  # opened as a pipe
        return self._process.stdin

    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101  # opened as a pipe
        return self._process.stdout


def _message(task: LoadTask, edges: list[int]) -> dict[str, Any]:
    """The task as the generator reads it."""
    load = task.load
    where = authority(task.address, task.port)
    return {
        "address": task.address,
        "port": task.port,
        "connections": _connections(load),
        "rate_per_second": load.rate_per_second,
        "rate_to_per_second": load.rate_to_per_second,
        "rate_steps": load.rate_steps,
        "tls": load.tls,
        "server_name": server_name(load.requests[0].check.request, task.address),
        "edges_us": edges,
        "order": order(load),
        "requests": [
            {
                "data": serialise(request.check.request, where).decode("latin-1"),
                "check": {
                    "status": request.check.status,
                    "headers": [(field.name, field.value) for field in request.check.headers],
                    "json_subset": request.check.json_subset,
                    "body_pattern": request.check.body_pattern,
                },
            }
            for request in load.requests
        ],
    }


def _connections(load: Load) -> int:
    return max(1, load.connections)


def scaled(counted: Sequence[frames.Window]) -> list[LoadWindow]:
    """Windows in which wrong answers stand for those that nobody judged.

    Each window's share is that of its own judged answers; of one that has none, the load's.
    What rounding leaves is carried on, so that the sum is right to one.
    """
    judged, wrong = (sum(getattr(w, name) for w in counted) for name in ("judged", "wrong"))
    overall = wrong / judged if judged else 0.0
    windows, carried = [], 0.0
    for window in counted:
        share = window.wrong / window.judged if window.judged else overall
        carried += share * window.checkable
        estimate = min(window.checkable, max(window.wrong, round(carried)))
        carried -= estimate
        windows.append(_window(window, window.incorrect + estimate))
    return windows


def _window(window: frames.Window, incorrect: int) -> LoadWindow:
    tally = Tally(
        sent=window.sent,
        incorrect=incorrect,
        failed=window.failed,
        received_bytes=window.received_bytes,
        latencies=Counter(window.latencies_us),
    )
    made = tally.window(window.start_us, window.duration_us)
    made.offered = window.offered
    made.own_pause_us = window.pause_us
    return made


DRIVER: LoadDriver = Builtin()
