"""Follows runs until all of them ended, over a collector's restarts."""

import time
from collections.abc import Callable, Sequence

import grpc

from headstart.cli.client import ENDED, Reachable, explained
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import RunSummary, WatchRunsRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

# How long a collector that does not answer is waited for.
PATIENCE_SECONDS = 600.0
# A collector that is started anew takes a second or two.
_AGAIN_SECONDS = 1.0
# What a collector says, or its end looks like, as it stops.
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def follow_all(
    collector: Reachable,
    run_ids: Sequence[str],
    changed: Callable[[RunSummary], None],
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[RunSummary]:
    """Call `changed` at every change; the runs, in the order given, when all have ended.

    Raises CommandError, and InputError where a run is not known.
    """
    connection = collector.reached()
    found: dict[str, RunSummary] = {}
    away_since: float | None = None
    while True:
        try:
            with connection.channel() as channel:
                stub = ExperimentsServiceStub(channel)
                for response in stub.WatchRuns(WatchRunsRequest(run_ids=run_ids)):
                    away_since = None
                    # Everything is said again by a collector that is back.
                    if found.get(response.run.run_id) != response.run:
                        found[response.run.run_id] = response.run
                        changed(response.run)
            if found and all(run.state in ENDED for run in found.values()):
                return _in_order(found, run_ids)
        except grpc.RpcError as error:
            if error.code() not in _AWAY:
                raise explained(error, connection) from error
            if not found:
                # It was never there.
                raise explained(error, connection) from error
            if away_since is None:
                away_since = time.monotonic()
                say(
                    f"headstart: the collector at {connection.target} does not answer; waiting "
                    f"for it, {patience_seconds:.0f} s at most. The runs go on without it",
                    err=True,
                )
            if time.monotonic() - away_since > patience_seconds:
                raise explained(error, connection) from error
        time.sleep(min(_AGAIN_SECONDS, patience_seconds))
        if connection.others:
            # Another collector may have taken over.
            connection = connection.reached()


def _in_order(found: dict[str, RunSummary], names: Sequence[str]) -> list[RunSummary]:
    """By the names that were given, each an id or the beginning of one."""

    def place(run: RunSummary) -> int:
        return next((i for i, name in enumerate(names) if run.run_id.startswith(name)), len(names))

    return sorted(found.values(), key=place)
