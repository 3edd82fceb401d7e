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
    # Hosts of which none has ended, a clause each.
    pending: tuple[str, ...]
    # Those that wait or go on, or were cancelled, where an older one stands for the host; likewise.
    passed_over: tuple[str, ...] = ()


def latest_of_each_host(runs: Sequence[RunSummary], revision: str | None) -> Latest | None:
    """Of runs with the newest first; without a revision that of the newest that has ended.

    None: none has ended. A run that failed stands for its host, too: an older one that went
    well would hide it. One that was cancelled says nothing, and stands where there is no other.
    """
    if revision is None:
        ended = _standing(runs)
        if ended is None:
            return None
        revision = ended.revision
    of_hosts: dict[str, list[RunSummary]] = {}
    for run in runs:
        if run.revision == revision:
            of_hosts.setdefault(run.host, []).append(run)
    run_ids, pending, passed_over = [], [], []
    for host in sorted(of_hosts):
        newest, found = of_hosts[host][0], _standing(of_hosts[host])
        clause = f"run {newest.run_id} on {host} is {word(RunState, newest.state)}"
        if found is None:
            pending.append(clause)
            continue
        run_ids.append(found.run_id)
        if found is not newest:
            passed_over.append(f"{clause}: {found.run_id} stands for that host")
    if not run_ids:
        return None
    return Latest(tuple(run_ids), tuple(pending), tuple(passed_over))


def _standing(runs: Sequence[RunSummary]) -> RunSummary | None:
    """The newest that was not cancelled, of those that have ended; if all were, the newest."""
    ended = [run for run in runs if run.state in ENDED]
    told = (run for run in ended if run.state != RunState.RUN_STATE_CANCELLED)
    return next(told, ended[0] if ended else None)
