"""What a run does, as it does it: one rewritten line on a terminal, plain lines elsewhere."""

import sys
from contextlib import suppress

from headstart.cli.client import state_word
from headstart.cli.terminal import rewrite, say
from headstart.v1.experiments_pb2 import RunState, RunSummary


class ProgressLines:
    """Feed it run summaries; it prints what changed."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def show(self, run: RunSummary) -> None:
        """Print the state of a run if it differs from what was printed last."""
        line = describe(run)
        if line == self._last:
            return
        self._last = line
        # A terminal that was closed must not end what goes on.
        with suppress(OSError):
            if self._terminal:
                rewrite(line)
            else:
                say(line, err=True)

    def close(self) -> None:
        """End the rewritten line."""
        if self._terminal and self._last:
            with suppress(OSError):
                say(err=True)


def describe(run: RunSummary) -> str:
    """`players-api on perf1: trial 7 of 20, block 2, aot: load`."""
    head = f"{run.experiment} on {run.host}"
    if run.state != RunState.RUN_STATE_LEASED or not run.progress.doing:
        return f"{head}: {state_word(run.state)}{f' ({run.reason})' if run.reason else ''}"
    if not run.progress.doing.startswith("block "):
        # Builds and memory floors are no trials of the plan.
        return f"{head}: {run.progress.doing}"
    planned = f" of {run.progress.trials_planned}" if run.progress.trials_planned else ""
    return f"{head}: trial {run.progress.trials_done + 1}{planned}, {run.progress.doing}"
