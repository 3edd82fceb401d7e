"""Saturating load by wrk (Debian package wrk): closed loop, HTTP/1.1, without a series.

wrk is the cheapest of the generators for a request, and counts the load as a
whole only: there is one window, and no warm-up can be seen in it. So it is used
only where an experiment names it.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence

from headstart.agent.http.serialise import authority, serialise
from headstart.agent.load.body_probe import BodyProbe, Sample, asking, mark_wrong_bodies
from headstart.agent.load.driver import LoadDriver, LoadResult, LoadTask, failed
from headstart.agent.load.generator import TIMEOUT_US
from headstart.agent.load.generator_process import (
    Watch,
    cores_of,
    reap,
    start_pinned,
    stated_version,
)
from headstart.agent.load.mix import order
from headstart.agent.load.windows import Tally, add_up, in_messages
from headstart.agent.load.wrk_script import Totals, parse_totals, script
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import Failure, LatencyBasis, LoadSummary

# It looks for its end ten times a second, and then goes through its latencies.
_GRACE_SECONDS = 2.0
_BASIS = LatencyBasis.LATENCY_BASIS_SERVICE_TIME


class Wrk:
    """wrk, from PATH."""

    name = "wrk"

    def version(self) -> str | None:
        """As it states it."""
        # Its exit status is that of a wrong argument.
        return stated_version(self.name, "-v", r"\Awrk (?:debian/)?(\S+)", check=False)

    def refuses(self, load: Load) -> str | None:
        """Whatever it would not do as it is asked for."""
        checks = [request.check for request in load.requests]
        stated = any(h.name.lower() == "host" for check in checks for h in check.request.headers)
        faults = {
            "it waits for the body of an answer to HEAD": any(
                check.request.method == "HEAD" for check in checks
            ),
            "it counts every status from 400 on as wrong": any(
                check.status >= 400 for check in checks
            ),
            "over TLS it asks for the host by its address": load.tls and stated,
        }
        return next((reason for reason, applies in faults.items() if applies), None)

    def prepare(self, task: LoadTask) -> "PreparedWrk":
        """Write its script; it starts within milliseconds."""
        return PreparedWrk(task, self.version() or "")


class PreparedWrk:
    """One load by wrk."""

    def __init__(self, task: LoadTask, version: str) -> None:
        self._task = task
        self._totals = task.scratch / "wrk-totals"
        load = task.load
        connections = max(1, load.connections)
        # It drops the connections that its threads cannot share out evenly.
        cores = min(cores_of(task.cpus) if task.cpus else 1, connections)
        threads = next(n for n in range(cores, 0, -1) if connections % n == 0)
        where = authority(task.address, task.port)
        requests = [serialise(request.check.request, where) for request in load.requests]
        path = task.scratch / "wrk.lua"
        path.write_text(script(requests, order(load), connections, str(self._totals)))
        self._about = LoadSummary(
            driver=Wrk.name,
            driver_version=version,
            generator_cores=threads,
            generator_cpus=task.cpus,
            connections=connections,
            without_series=True,
            protocol="HTTP/1.1 over TLS" if load.tls else "",
            argv=[
                shutil.which(Wrk.name) or Wrk.name,
                f"--connections={connections}",
                f"--threads={threads}",
                f"--duration={round(load.duration_seconds)}s",
                # Its default of 2 s would leave slower answers out of its latencies.
                f"--timeout={TIMEOUT_US // 1_000_000}s",
                f"--script={path}",
                f"{'https' if load.tls else 'http'}://{where}/",
            ],
        )

    def run(self) -> LoadResult:
        """Apply the load; see `LoadDriver`."""
        output = self._task.scratch / "wrk-output"
        with asking(self._task) as ask:
            # It looks at no body, and at a status only whether it is below 400.
            probe = BodyProbe(self._task.load, ask, every_check=True)
            with output.open("wb") as file:
                process = start_pinned(
                    list(self._about.argv),
                    self._task.cpus,
                    subprocess.DEVNULL,
                    file,
                    file,
                    self._task.namespace,
                )
            origin_ns = time.monotonic_ns()
            try:
                self._task.on_started(process.pid)
                probe.start()
                watch = Watch(self._task, process.pid)
                failure = watch.follow(process, _GRACE_SECONDS)
                self._task.on_ended()
                watch.describe(self._about)
            finally:
                # Told to end, it still says what it has; one that has ended hears nothing.
                os.kill(process.pid, signal.SIGINT)
                self._about.generator_cpu_seconds = reap(process, _GRACE_SECONDS)
                probe.stop(wait=not self._task.cancelled())
            if failure is None:
                probe.top_up(self._task.cancelled)
        said = self._totals.read_text() if self._totals.exists() else ""
        words = output.read_text(errors="replace")
        return self._result(failure, parse_totals(said), origin_ns, probe.samples(), words)

    def close(self) -> None:
        """Nothing waits."""

    def _result(
        self,
        failure: Failure | None,
        totals: Totals | None,
        origin_ns: int,
        samples: Sequence[Sample],
        output: str,
    ) -> LoadResult:
        if totals is None:
            summary = LoadSummary(latency_basis=_BASIS, origin_monotonic_ns=origin_ns)
            summary.MergeFrom(self._about)
            words = "wrk ended without its totals"
            return LoadResult(summary, failure=failure or failed(words, output))
        tally = Tally(
            sent=totals.completed + totals.failed,
            incorrect=totals.refused,
            failed=totals.failed,
            received_bytes=totals.received_bytes,
            latencies=totals.latencies,
        )
        window = tally.window(0, totals.duration_us)
        window.completed += totals.late
        wrong = mark_wrong_bodies([window], origin_ns, samples)
        summary = add_up([window], origin_ns, _BASIS)
        summary.MergeFrom(self._about)
        summary.bodies_checked = len(samples)
        summary.bodies_wrong = sum(not sample.evaluation.passed for sample in samples)
        summary.driver_completed = totals.completed
        if totals.refused:
            summary.first_fault = wrong or "a status from 400 on"
        elif wrong or totals.failed:
            summary.first_fault = wrong or "connection refused, reset or closed"
        if failure is None and not totals.completed:
            failure = failed("no request was answered", output)
        windows = in_messages([window], self._task.trial, origin_ns, _BASIS)
        return LoadResult(summary, windows, failure)


DRIVER: LoadDriver = Wrk()
