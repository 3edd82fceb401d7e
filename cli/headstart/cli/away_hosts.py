"""Why a run that is watched waits: its host is not there, or is given no run.

Hosts are asked for beside the news of the runs, which wait for no answer, and again while a run
waits: a host may go away at any time.
"""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import grpc

from headstart.cli.active_collector import active_of, is_active
from headstart.cli.connection import Connection
from headstart.cli.dates import minute
from headstart.cli.errors import CommandError
from headstart.cli.found_hosts import host_named
from headstart.cli.progress import ProgressLines
from headstart.cli.several_lines import SeveralLines
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import HostState, RunState, RunSummary
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.foreign.certificates import CertificateProblem

# Lately enough to come back by itself, as at a restart.
_LATELY_SECONDS = 30.0
_LOOK_SECONDS = 2.0
# At a look. With more that wait each comes in its turn.
_MOST_ASKED = 10
# How long what was said of a host holds.
_HOLDS_SECONDS = 10.0
_CALL_SECONDS = 5.0


class WithHosts:
    """Shows runs as `lines` does, and says of each host for which one waits what it is, when that
    changes. To be closed by `with`.
    """

    def __init__(self, collector: Connection, lines: ProgressLines | SeveralLines) -> None:
        self._collector = collector
        self._lines = lines
        # Of all below, and of what is written.
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._looking: threading.Thread | None = None
        self._channel: grpc.Channel | None = None
        # The host of each run that waits for one alone.
        self._waiting: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._told: dict[str, str] = {}

    def __enter__(self) -> "WithHosts":
        return self

    def __exit__(self, *raised: Any) -> None:
        with self._lock:
            self._over.set()
            if self._channel is not None:
                # Ends the call that is under way.
                self._channel.close()
        if self._looking is not None:
            self._looking.join(_CALL_SECONDS)

    def show(self, run: RunSummary) -> None:
        """What a run does now."""
        with self._lock:
            self._lines.show(run)
            if run.state == RunState.RUN_STATE_QUEUED and len(run.candidates) <= 1:
                self._waiting[run.run_id] = run.host
            else:
                self._waiting.pop(run.run_id, None)
            if self._waiting and self._looking is None:
                self._looking = threading.Thread(target=self._look, daemon=True)
                self._looking.start()

    def _look(self) -> None:
        while not self._over.is_set():
            if hosts := self._due():
                self._ask(hosts)
            self._over.wait(_LOOK_SECONDS)

    def _due(self) -> Sequence[str]:
        """Those that nobody asked for lately, the longest ago first."""
        now = time.monotonic()
        with self._lock:
            hosts = dict.fromkeys(self._waiting.values())
            # They are told again when a run waits for them again.
            self._told = {host: why for host, why in self._told.items() if host in hosts}
            self._asked = {host: self._asked.get(host, -math.inf) for host in hosts}
            due = [host for host, at in self._asked.items() if now - at > _HOLDS_SECONDS]
            due = sorted(due, key=self._asked.__getitem__)[:_MOST_ASKED]
            self._asked.update(dict.fromkeys(due, now))
        return due

    def _ask(self, hosts: Sequence[str]) -> None:
        """What cannot be asked is not said: the collector may be about to start anew."""
        try:
            if self._collector.others:
                # Another may have taken over, and whoever stands by knows of no host that is here.
                self._collector = active_of(self._collector)
                if not is_active(self._collector):
                    return
            with self._lock:
                if self._over.is_set():
                    return
                self._channel = self._collector.channel()
            with self._channel as channel:
                stub = ExperimentsServiceStub(channel)
                for host in hosts:
                    state = host_named(stub, host, _CALL_SECONDS)
                    self._tell(host, _why(state) if state is not None else "")
        # gRPC calls the use of a channel that was closed a wrong value.
        except (grpc.RpcError, CommandError, CertificateProblem, ValueError):
            return

    def _tell(self, host: str, why: str) -> None:
        with self._lock:
            run_id = next((run for run, at in self._waiting.items() if at == host), None)
            if run_id is None or self._over.is_set():
                return
            before, self._told[host] = self._told.get(host, ""), why
            if why not in ("", before):
                # What is rewritten begins anew below.
                self._lines.close()
                with suppress(OSError):
                    say(f"{host} {why}; to end the run: headstart cancel {run_id}", err=True)


def _why(state: HostState) -> str:
    if state.drained_time_seconds:
        reason = f" ({state.drain_reason})" if state.drain_reason else ""
        return f"is drained{reason}: the run waits for headstart host resume {state.host.host}"
    if not state.connected and time.time() - state.last_seen_time_seconds > _LATELY_SECONDS:
        return f"is not connected, last here {minute(state.last_seen_time_seconds)} UTC"
    return ""
