"""How a submission waits, and whether its submitter does: options of `submit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click
import grpc

from headstart.cli.duration_option import seconds
from headstart.cli.errors import CommandError, InputError
from headstart.v1.experiments_pb2 import RunSummary, SubmitRequest, WatchRunsRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

# As the collector has it.
_MOST_PRIORITY = 100
# More are named by their experiment.
_NAMED_RUNS = 5


@dataclass(frozen=True)
class Waiting:
    """What was given."""

    any_host: bool
    priority: int
    expires: float | None
    if_busy: str

    def put(self, request: SubmitRequest) -> None:
        """Into the request. Raises InputError."""
        if self.expires is not None and self.expires < 1:
            raise InputError("--expires: a second at least was expected")
        request.any_host = self.any_host
        request.priority = self.priority
        request.expires_seconds = self.expires or 0.0
        request.unless_busy = self.if_busy == "fail"

    def require(self, stub: ExperimentsServiceStub, request: SubmitRequest, wait: bool) -> None:
        """Raises CommandError where the collector would not see what was asked for.

        `wait`: or cannot be asked to tell of several runs until they end.
        """
        asked = (
            wait,
            request.any_host,
            request.priority,
            request.expires_seconds,
            request.unless_busy,
        )
        if not any(asked):
            return
        try:
            # Of the same release. Nothing is watched, and so the answer is a refusal.
            next(iter(stub.WatchRuns(WatchRunsRequest())), None)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                raise CommandError(
                    "the collector is older than this command and knows nothing of --wait, --any, "
                    "--priority, --expires or --if-busy: nothing was submitted"
                ) from error
            if error.code() != grpc.StatusCode.INVALID_ARGUMENT:
                raise


def waiting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, as `any_host`, `priority`, `expires` and `if_busy`."""
    options = (
        click.option(
            "--any",
            "any_host",
            is_flag=True,
            help="One run, on the first of the matching hosts that is free.",
        ),
        click.option(
            "--priority",
            type=click.IntRange(-_MOST_PRIORITY, _MOST_PRIORITY),
            default=0,
            show_default=True,
            help="The highest goes first on its host, then the oldest.",
        ),
        click.option(
            "--expires",
            metavar="TIME",
            callback=seconds,
            help="A run that no agent has within this time ends: 90m, 12h, 7d. Default: when its "
            "host was away for 7 days.",
        ),
        click.option(
            "--if-busy",
            type=click.Choice(["wait", "fail"]),
            default="wait",
            show_default=True,
            help="Where a run waits or goes on already on a host that would get one: wait behind "
            "it, or submit nothing and exit with 4.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def how_to_go_on(runs: Sequence[RunSummary]) -> tuple[str, str]:
    """For whoever stops waiting."""
    which = " ".join(run.run_id for run in runs)
    if len(runs) > _NAMED_RUNS:
        which = f"--experiment {runs[0].experiment}"
    return f"headstart watch {which}", f"headstart cancel {which}"
