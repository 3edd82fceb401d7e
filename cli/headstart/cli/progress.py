"""What a run does, as it does it: one rewritten line on a terminal, plain lines elsewhere."""

import math
import re
import sys
from collections.abc import Iterator
from contextlib import suppress

from headstart.cli.dates import minute
from headstart.cli.plan_words import span
from headstart.cli.terminal import is_dumb, rewrite, say
from headstart.v1.experiments_pb2 import RunState, RunSummary
from headstart.v1.fleet_pb2 import Progress
from headstart.words.enums import word

_NAMED_HOSTS = 3
_BLOCK = re.compile(r"block \d+\b")


class ProgressLines:
    """Feed it run summaries; it prints what changed.

    Where there is no terminal, one line for each block, and for each step outside of them;
    the phases of the first trial too, so that a log shows where an app hangs that never starts.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and not is_dumb()
        # None: nothing was printed yet.
        self._last: str | None = None

    def show(self, run: RunSummary) -> None:
        """Print the state of a run if it differs from what was printed last."""
        line = describe(run)
        key = line if self._terminal else _step(run)
        if key == self._last:
            return
        self._last = key
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
    """`players-api on perf1: 34 %, about 9 min left; trial 7 of 20, block 2, aot: load`."""
    head = f"{run.experiment} on {run.host}"
    progress = run.progress
    if run.state == RunState.RUN_STATE_QUEUED:
        return f"{waiting_head(run)}: {', '.join(_waiting(run))}"
    if run.state != RunState.RUN_STATE_LEASED or not progress.doing:
        return f"{head}: {word(RunState, run.state)}{f' ({run.reason})' if run.reason else ''}"
    if not progress.doing.startswith("block "):
        # Builds and memory floors are no trials of the plan.
        return f"{head}: {progress.doing}"
    planned = f" of {progress.trials_planned}" if progress.trials_planned else ""
    return f"{head}: {_left(progress)}trial {progress.trials_done + 1}{planned}, {progress.doing}"


def waiting_head(run: RunSummary) -> str:
    """What it is of and where: on its host, or on any of those that may still take it."""
    others = [name for name in run.candidates if name != run.host]
    if len(others) > _NAMED_HOSTS:
        return f"{run.experiment} on {run.host} or {len(others)} others"
    return f"{run.experiment} on {' or '.join([run.host, *others])}"


def _waiting(run: RunSummary) -> Iterator[str]:
    yield f"queued{f' ({run.reason})' if run.reason else ''}"
    if run.priority:
        yield f"priority {run.priority}"
    if run.expires_time_seconds:
        yield f"expires {minute(run.expires_time_seconds)} UTC"


def _left(progress: Progress) -> str:
    """How much is done and left; empty of an agent that does not say it, or says what cannot be."""
    share, seconds = progress.share_done, progress.seconds_left
    if not (0 <= share <= 1 and 0 < seconds < math.inf):
        return ""
    # Of a run that decides by itself when it ends, this is the least.
    least = "" if progress.trials_planned else "at least "
    return f"{int(share * 100)} %, {least or 'about '}{span(seconds)} left; "


def _step(run: RunSummary) -> str:
    """The block, or what is done outside of the blocks."""
    if run.state != RunState.RUN_STATE_LEASED:
        return describe(run)
    doing = run.progress.doing
    if not run.progress.trials_done:
        return doing
    block = _BLOCK.match(doing)
    return f"{run.attempt} {block.group() if block else doing.partition(':')[0]}"
