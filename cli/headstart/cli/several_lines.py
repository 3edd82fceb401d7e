"""Several runs at once: a line each that is rewritten, or lines of what happens."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress

from headstart.cli.progress import ProgressLines, describe
from headstart.cli.terminal import is_dumb, rewrite_block
from headstart.v1.experiments_pb2 import RunState, RunSummary

# Beside the lines of runs there is one that counts.
_SPARE_LINES = 2


class SeveralLines:
    """Feed it summaries of several runs; it prints what changed, as `ProgressLines` does of one."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and not is_dumb()
        self._runs: dict[str, RunSummary] = {}
        self._of_each: dict[str, ProgressLines] = {}
        self._shown = 0

    def show(self, run: RunSummary) -> None:
        """Print the state of a run if it differs from what was printed last."""
        self._runs[run.run_id] = run
        if not self._terminal:
            self._of_each.setdefault(run.run_id, ProgressLines()).show(run)
            return
        columns, rows = shutil.get_terminal_size()
        lines = block(list(self._runs.values()), rows - _SPARE_LINES)
        # A line that wraps would be two.
        cut = [line if len(line) < columns else f"{line[: columns - 4]}..." for line in lines]
        with suppress(OSError):
            rewrite_block(cut, self._shown)
        self._shown = max(self._shown, len(cut))

    def close(self) -> None:
        """Nothing is rewritten any more."""
        self._shown = 0


def block(runs: Sequence[RunSummary], room: int) -> list[str]:
    """A line for each run and one that counts; those that go on first where there is no room."""
    states = [run.state for run in runs]
    waiting = states.count(RunState.RUN_STATE_QUEUED)
    going = states.count(RunState.RUN_STATE_LEASED)
    count = f"{len(runs)} runs: {len(runs) - waiting - going} ended, {going} run, {waiting} wait"
    room = max(1, room)
    if len(runs) <= room:
        return [*map(describe, runs), count]
    rank = {RunState.RUN_STATE_LEASED: 0, RunState.RUN_STATE_QUEUED: 2}
    shown = sorted(runs, key=lambda run: rank.get(run.state, 1))[:room]
    return [*map(describe, shown), f"{count}; {len(runs) - room} are not shown"]
