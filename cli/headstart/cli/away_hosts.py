"""Why a run that is watched waits: its host is not there, or is given no run."""

import time
from contextlib import suppress

from headstart.cli.client import Reachable, experiments
from headstart.cli.dates import minute
from headstart.cli.errors import CommandError
from headstart.cli.found_hosts import host_named
from headstart.cli.progress import ProgressLines
from headstart.cli.several_lines import SeveralLines
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import HostState, RunState, RunSummary

# Lately enough to come back by itself, as at a restart.
_LATELY_SECONDS = 30.0
# Each is a call, between the news of two runs.
_MOST_ASKED = 50


class WithHosts:
    """Shows runs as `lines` does, and says once of each host for which one waits what it is."""

    def __init__(self, collector: Reachable, lines: ProgressLines | SeveralLines) -> None:
        self._collector = collector
        self._lines = lines
        self._told: set[str] = set()
        self._asked = 0

    def show(self, run: RunSummary) -> None:
        """What cannot be asked is not said: the collector may be about to start anew."""
        self._lines.show(run)
        if run.state != RunState.RUN_STATE_QUEUED:
            self._told.discard(run.host)
            return
        if run.host in self._told or len(run.candidates) > 1 or self._asked >= _MOST_ASKED:
            return
        self._asked += 1
        state = None
        with suppress(CommandError), experiments(self._collector) as stub:
            state = host_named(stub, run.host)
        if state is not None and (why := _why(state)):
            self._told.add(run.host)
            # What is rewritten begins anew below.
            self._lines.close()
            say(f"{run.host} {why}; to end the run: headstart cancel {run.run_id}", err=True)


def _why(state: HostState) -> str:
    if state.drained_time_seconds:
        reason = f" ({state.drain_reason})" if state.drain_reason else ""
        return f"is drained{reason}: the run waits for headstart host resume {state.host.host}"
    if not state.connected and time.time() - state.last_seen_time_seconds > _LATELY_SECONDS:
        return f"is not connected, last here {minute(state.last_seen_time_seconds)} UTC"
    return ""
