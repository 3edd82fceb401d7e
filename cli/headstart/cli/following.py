"""Follows runs until all of them ended, over a collector's restarts."""

from collections.abc import Callable, Sequence

import grpc

from headstart.cli.client import ENDED, Reachable, explained
from headstart.cli.patience import Patience
from headstart.v1.experiments_pb2 import RunSummary, WatchRunsRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub


def follow_all(
    collector: Reachable,
    run_ids: Sequence[str],
    changed: Callable[[RunSummary], None],
) -> list[RunSummary]:
    """Call `changed` at every change; the runs, in the order given, when all have ended.

    Raises CommandError, and InputError where a run is not known.
    """
    patience = Patience(collector.reached())
    found: dict[str, RunSummary] = {}
    while True:
        try:
            with patience.connection.channel() as channel:
                stub = ExperimentsServiceStub(channel)
                for response in stub.WatchRuns(WatchRunsRequest(run_ids=run_ids)):
                    patience.answered()
                    # Everything is said again by a collector that is back.
                    if found.get(response.run.run_id) != response.run:
                        found[response.run.run_id] = response.run
                        changed(response.run)
        except grpc.RpcError as error:
            if not found:
                # It was never there.
                raise explained(error, patience.connection) from error
            patience.wait(error)
        else:
            if found and all(run.state in ENDED for run in found.values()):
                return _in_order(found, run_ids)
            patience.pause()


def _in_order(found: dict[str, RunSummary], names: Sequence[str]) -> list[RunSummary]:
    """By the names that were given, each an id or the beginning of one."""

    def place(run: RunSummary) -> int:
        return next((i for i, name in enumerate(names) if run.run_id.startswith(name)), len(names))

    return sorted(found.values(), key=place)
