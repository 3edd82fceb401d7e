"""Which runs stand for an experiment: the latest of one revision on each host."""

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.cli.client import ENDED
from headstart.v1.experiments_pb2 import RunState, RunSummary
from headstart.words.enums import word


@dataclass(frozen=True)
class Latest:
    """One run for each host."""

    run_ids: tuple[str, ...]
    # Hosts whose latest run has not ended, a clause each.
    pending: tuple[str, ...]


def latest_of_each_host(runs: Sequence[RunSummary], revision: str | None) -> Latest | None:
    """Of runs with the newest first; without a revision that of the newest that has ended.

    None: none has ended. A run that failed stands for its host, too: an older one that went
    well would hide it.
    """
    if revision is None:
        ended = next((run for run in runs if run.state in ENDED), None)
        if ended is None:
            return None
        revision = ended.revision
    newest: dict[str, RunSummary] = {}
    for run in runs:
        if run.revision == revision:
            newest.setdefault(run.host, run)
    found = [newest[host] for host in sorted(newest)]
    run_ids = tuple(run.run_id for run in found if run.state in ENDED)
    if not run_ids:
        return None
    pending = tuple(
        f"run {run.run_id} on {run.host} is {word(RunState, run.state)}"
        for run in found
        if run.state not in ENDED
    )
    return Latest(run_ids, pending)
