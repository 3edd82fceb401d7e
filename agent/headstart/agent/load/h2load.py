"""Saturating load by h2load of nghttp2 (Debian package nghttp2-client), closed loop.

What h2load says of itself is not enough: it exits with 0 when the port is refused
or the server dies, does not open connections again that the server closed, and
may hang at its end (1.52, --h1 with a duration). So the log of its requests is
read, time and server are watched, and its own sums are only held against that.
"""

import contextlib
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from headstart.agent.load.body_probe import BodyProbe, Sample, mark_wrong_bodies
from headstart.agent.load.driver import LoadDriver, LoadResult, LoadTask, failed
from headstart.agent.load.generator_process import (
    Watch,
    cores_of,
    reap,
    start_pinned,
    stated_version,
)
from headstart.agent.load.h2load_command import Commands, why_not
from headstart.agent.load.h2load_log import LogTally, parse_protocol, parse_sums
from headstart.agent.load.windows import add_up, cut, edges_us, in_messages
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import Failure, LatencyBasis, LoadSummary, LoadWindow

# It ends at its time, within milliseconds, or not at all.
_GRACE_SECONDS = 1.0
# A closed loop that is silent for this long before its end has lost its connections.
_SILENCE_US = 1_000_000
_PIECE_BYTES = 16 << 10
# What is read of the log of a load that was cancelled: half a second's work.
_CANCELLED_BYTES = 16 << 20
# The kernel slews a clock by at most 500 us a second; anything else was a step.
_DRIFT_LIMIT = 0.001
# Of its log, which lies in memory: some 40 million requests. Never more than half of what is free.
_LARGEST_LOG_BYTES = 1 << 30
_NULL = subprocess.DEVNULL


class H2load:
    """nghttp2's load generator, from PATH."""

    name = "h2load"

    def version(self) -> str | None:
        """As it states it."""
        return stated_version(self.name, "--version", r"nghttp2/(\S+)")

    def refuses(self, load: Load) -> str | None:
        """A mix that it cannot send."""
        return why_not(load)

    def prepare(self, task: LoadTask) -> "PreparedH2load":
        """Write its files; it starts within milliseconds."""
        return PreparedH2load(task, self.version() or "")


class PreparedH2load:
    """One load by h2load."""

    def __init__(self, task: LoadTask, version: str) -> None:
        self._task = task
        self._commands = Commands(task)
        self._commands.write()
        connections = max(1, task.load.connections)
        cores = cores_of(task.cpus) if task.cpus else 1
        self._about = LoadSummary(
            driver=H2load.name,
            driver_version=version,
            generator_cores=min(cores, connections),
            generator_cpus=task.cpus,
            connections=connections,
            rate_per_second=task.load.rate_per_second,
        )
        self._about.argv.extend(
            self._commands.h2load(shutil.which(H2load.name) or H2load.name, min(cores, connections))
        )
        self._failure: Failure | None = None

    def run(self) -> LoadResult:
        """Apply the load; see `LoadDriver`."""
        output = self._task.scratch / "h2load-output"
        clock = Clock()
        with self._commands.asking(shutil.which("nghttp") or "nghttp") as ask:
            # Where its log tells no status, that of some answers is looked at beside it.
            untold = not self._commands.is_http2 and not self._task.has_reason_phrases()
            probe = BodyProbe(self._task.load, ask, untold, often=not self._commands.is_http2)
            with output.open("wb") as file:
                process = start_pinned(
                    list(self._about.argv),
                    self._task.cpus,
                    _NULL,
                    file,
                    file,
                    self._task.namespace,
                )
            try:
                self._bound_log(process.pid)
                self._task.on_started(process.pid)
                probe.start()
                watch = Watch(self._task, process.pid)
                self._failure = watch.follow(process, _GRACE_SECONDS)
                self._task.on_ended()
                watch.describe(self._about)
            finally:
                clock.stop()
                used = reap(process, 0.0)
                probe.stop(wait=not self._task.cancelled())
            if self._failure is None:
                probe.top_up(self._task.cancelled)
        # What it used while it hung was not for the load.
        hung = self._failure is None and process.returncode == -signal.SIGKILL
        self._about.generator_cpu_seconds = watch.cpu_seconds if hung else used
        return self._result(
            clock, probe.samples(), output.read_text(errors="replace"), process.returncode
        )

    def close(self) -> None:
        """Nothing waits."""

    def _bound_log(self, pid: int) -> None:
        """The kernel kills it with SIGXFSZ at the write that would go beyond."""
        limit = min(_LARGEST_LOG_BYTES, shutil.disk_usage(self._task.scratch).free // 2)
        # It may have ended already.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))

    def _result(
        self, clock: "Clock", samples: Sequence[Sample], output: str, status: int
    ) -> LoadResult:
        edges = edges_us(self._task.load)
        tally = LogTally([edge * (1 + clock.drift) for edge in edges], self._expected_status)
        try:
            read_bytes = 0
            for piece in _pieces(self._commands.log):
                tally.add(piece)
                read_bytes += len(piece)
                # A log of minutes takes many seconds to read.
                if read_bytes > _CANCELLED_BYTES and self._task.cancelled():
                    edges = cut(edges, tally.last_end_us - tally.first_start_us)
                    break
        except ValueError as error:
            self._failure = failed(str(error), output)
        origin_ns = clock.monotonic_ns(tally.first_start_us)
        if self._failure is not None:
            edges = cut(edges, max(0, clock.stopped_ns - origin_ns) // 1000)
        sums = parse_sums(output)
        windows = [
            counted.window(start, end - start)
            for counted, start, end in zip(tally.tallies(), edges, edges[1:], strict=False)
        ]
        _spread_bytes(windows, sums.received_bytes if sums else 0)
        wrong = mark_wrong_bodies(windows, origin_ns, samples)
        # Also at a stated rate: it counts from the actual send.
        basis = LatencyBasis.LATENCY_BASIS_SERVICE_TIME
        summary = add_up(windows, origin_ns, basis)
        summary.MergeFrom(self._about)
        summary.protocol = parse_protocol(output)
        summary.bodies_checked = len(samples)
        summary.bodies_wrong = sum(not sample.evaluation.passed for sample in samples)
        summary.statuses_untold = sum(tally.untold)
        summary.driver_completed = sums.done - sums.errored if sums else 0
        if tally.first_wrong_status:
            summary.first_fault = f"status {tally.first_wrong_status}"
        elif wrong or summary.failed:
            summary.first_fault = wrong or "no answer"
        silent_us = summary.duration_seconds * 1e6 - (tally.last_end_us - tally.first_start_us)
        if self._failure is None:
            self._failure = self._fault(summary, clock, silent_us, output, status)
        messages = in_messages(windows, self._task.trial, origin_ns, basis)
        return LoadResult(summary, messages, self._failure)

    def _fault(
        self, summary: LoadSummary, clock: "Clock", silent_us: float, output: str, status: int
    ) -> Failure | None:
        """What h2load does not say itself, or says and nobody would read."""
        if abs(clock.drift) > _DRIFT_LIMIT:
            words = "the host's clock was set during the load: the times of its log are not right"
        elif status == -signal.SIGXFSZ:
            words = (
                f"the log of its {summary.completed} requests is as large as it may be; make the"
                " load shorter, or name another driver"
            )
        elif status > 0:
            words = f"h2load ended with status {status}"
        elif summary.protocol.startswith("TLS"):
            asked = "HTTP/2" if self._commands.is_http2 else "HTTP/1.1"
            words = f"the server did not agree to speak {asked} over {summary.protocol} (ALPN)"
        elif summary.statuses_untold and not summary.bodies_checked:
            words = (
                f"h2load does not read the status of {summary.statuses_untold} answers, which have"
                " no reason phrase, and no answer beside them was looked at: name driver: builtin"
            )
        elif not summary.completed:
            words = "no request was answered"
        elif silent_us > max(_SILENCE_US, 2 * summary.latency.maximum_us):
            words = (
                f"no answer in the last {silent_us / 1e6:.1f} s, though the server lives:"
                " it closed its connections, which h2load does not open again"
                f"{self._who_does()}, or it hangs"
            )
        else:
            return None
        return failed(words, output)

    def _who_does(self) -> str:
        return "" if self._commands.is_http2 else " (driver: builtin does)"

    @property
    def _expected_status(self) -> int:
        return self._task.load.requests[0].check.status


class Clock:
    """Unix time, in which h2load logs, against CLOCK_MONOTONIC, read at both ends of a load."""

    def __init__(self) -> None:
        self._started = _both_clocks()
        self._stopped = self._started

    def stop(self) -> None:
        """Read again."""
        self._stopped = _both_clocks()

    @property
    def stopped_ns(self) -> int:
        """CLOCK_MONOTONIC when it was stopped."""
        return self._stopped[1]

    @property
    def drift(self) -> float:
        """By how much Unix time ran faster than CLOCK_MONOTONIC; 0.0005 when slewed at most."""
        unix_ns = self._stopped[0] - self._started[0]
        monotonic_ns = self._stopped[1] - self._started[1]
        return unix_ns / monotonic_ns - 1 if monotonic_ns else 0.0

    def monotonic_ns(self, unix_us: int) -> int:
        """The CLOCK_MONOTONIC of a time in between; of 0 that of the start."""
        if not unix_us:
            return self._started[1]
        since_start_ns = (unix_us * 1000 - self._started[0]) / (1 + self.drift)
        return self._started[1] + round(since_start_ns)


def _both_clocks() -> tuple[int, int]:
    """Unix time and CLOCK_MONOTONIC of one moment, in ns; the closest of a few readings."""
    readings = []
    for _ in range(5):
        before = time.monotonic_ns()
        unix = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, unix, (before + after) // 2))
    _, unix, monotonic = min(readings)
    return unix, monotonic


def _pieces(log: Path) -> Iterator[bytes]:
    """The log in pieces of whole lines; a last line that was cut off by a kill is left out."""
    if not log.exists():
        return
    with log.open("rb") as file:
        rest = b""
        while data := file.read(_PIECE_BYTES):
            lines, newline, rest = (rest + data).rpartition(b"\n")
            if newline:
                yield lines + newline


def _spread_bytes(windows: Sequence[LoadWindow], received_bytes: int) -> None:
    """h2load states the bytes of the whole load only: shared out by answers."""
    completed = sum(window.completed for window in windows)
    for window in windows:
        window.received_bytes = received_bytes * window.completed // max(1, completed)


DRIVER: LoadDriver = H2load()
