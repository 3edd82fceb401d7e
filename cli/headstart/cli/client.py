"""Calls to a collector's `ExperimentsService`, and its errors in plain words."""

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

import grpc
from google.protobuf.message import DecodeError

from headstart.cli.connection import Connection
from headstart.cli.errors import Busy, CommandError, InputError
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import (
    ListRequest,
    ReportFormat,
    ReportRequest,
    RunState,
    RunSummary,
    SubmitProblems,
    WatchRequest,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.answered import ANSWERED_KEY
from headstart.words.standing_by import STANDING_BY_KEY

if TYPE_CHECKING:
    from headstart.v1.access_pb2_grpc import AccessServiceStub

ENDED = (
    RunState.RUN_STATE_DONE,
    RunState.RUN_STATE_FAILED,
    RunState.RUN_STATE_CANCELLED,
    RunState.RUN_STATE_LOST,
    RunState.RUN_STATE_INCOMPLETE,
)

# What gRPC says where nobody listens.
_NO_CONNECTION = re.compile(
    r"failed to connect to all addresses; last error: \w+: .*"
    r"(?:remote host: (?P<tcp>[^:]+)|connect failed: addr: .* error: (?P<socket>[^:]+))"
)

# For the newest run that began; most of the time it is the first.
_LISTED = 50

_INPUT_CODES = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    # The certificate that was given has not the role: trying again changes nothing.
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
)


class Reachable(Protocol):
    """A collector, or what leads to one when it is asked for."""

    def reached(self) -> Connection:
        """The collector that answers."""


@contextmanager
def experiments(collector: Reachable) -> Iterator[ExperimentsServiceStub]:
    """A stub; errors of its calls come out as CommandError or InputError."""
    connection = collector.reached()
    with connection.channel() as channel:
        try:
            yield ExperimentsServiceStub(channel)
        except grpc.RpcError as error:
            raise explained(error, connection) from error


@contextmanager
def access(collector: Reachable) -> Iterator["AccessServiceStub"]:
    """As `experiments`, for who may do what."""
    from headstart.v1.access_pb2_grpc import AccessServiceStub

    connection = collector.reached()
    with connection.channel() as channel:
        try:
            yield AccessServiceStub(channel)
        except grpc.RpcError as error:
            raise explained(error, connection) from error


def explained(error: grpc.RpcError, collector: Connection) -> CommandError:
    """What went wrong in a call, for a person."""
    target = collector.target
    call = cast("grpc.Call", error)  # every error of a stub is its call too
    for key, value in call.trailing_metadata() or ():
        if key == "headstart-problems-bin":
            try:
                problems = SubmitProblems.FromString(cast("bytes", value)).problems
            except DecodeError:
                return CommandError(f"the collector at {target} answers what is no answer")
            return InputError(
                f"{len(problems)} mistake{'s' if len(problems) != 1 else ''}:",
                *(f"  line {p.line}: {p.path}: {p.message}" for p in problems),
            )
    told = {key for key, _ in call.trailing_metadata() or ()}
    if STANDING_BY_KEY in told:
        return CommandError(f"the collector at {target} does not take it: {call.details()}")
    if why := answered_words(error):
        return CommandError(f"the collector at {target} {why}")
    if call.code() == grpc.StatusCode.UNAVAILABLE:
        # gRPC says the same of every trouble with certificates.
        why = collector.problem() or _plain(call.details() or "")
        # Of several all were asked already.
        others = [f"; {at}: {_plain(said)}" for at, said in collector.silent if at != target]
        return CommandError(f"no collector answers at {target}: {why}{''.join(others)}")
    if call.code() == grpc.StatusCode.UNIMPLEMENTED:
        return CommandError(
            f"the collector at {target} does not know the call: it is older than this command, or "
            "this is its port for enrolment (--enroll-listen) and not that of --listen"
        )
    if call.code() == grpc.StatusCode.ABORTED:
        return Busy(call.details() or "the hosts are busy")
    kind = InputError if call.code() in _INPUT_CODES else CommandError
    return kind(call.details() or call.code().name)


def answered_words(error: grpc.RpcError) -> str:
    """What a collector that answered says of its store; empty: it says nothing of it."""
    call = cast("grpc.Call", error)
    if ANSWERED_KEY not in {key for key, _ in call.trailing_metadata() or ()}:
        return ""
    # Nobody is to wait for what is damaged.
    now = "" if call.code() == grpc.StatusCode.DATA_LOSS else " now"
    return f"cannot do it{now}: {call.details()}"


def _plain(details: str) -> str:
    """gRPC's account of a connection without its names for the steps that failed."""
    found = _NO_CONNECTION.fullmatch(details)
    if found is None:
        return details
    why = found["tcp"] or found["socket"]
    if found["socket"] == os.strerror(errno.ENOENT):
        why += " (`headstart collector` makes the socket; --collector names another collector)"
    return why


def follow(
    stub: ExperimentsServiceStub, run_id: str, changed: Callable[[RunSummary], None]
) -> RunSummary:
    """Call `changed` at every change; return the run when it ended."""
    while True:
        for response in stub.Watch(WatchRequest(run_id=run_id)):
            changed(response.run)
            if response.run.state in ENDED:
                return response.run
        # The collector closed the stream without an end, as at its restart.
        time.sleep(1.0)


def fetch_report(
    stub: ExperimentsServiceStub, run_id: str, report_format: ReportFormat.ValueType
) -> bytes:
    """A report as bytes."""
    request = ReportRequest(run_id=run_id, format=report_format)
    return b"".join(piece.chunk for piece in stub.Report(request))


def fetch_summary(stub: ExperimentsServiceStub, run_id: str) -> RunSummary:
    """A run's state now and its full id, of an id or the beginning of one."""
    # Get answers with all the trials as well.
    call = stub.Watch(WatchRequest(run_id=run_id))
    try:
        return next(call).run
    finally:
        call.cancel()


def latest_ended(stub: ExperimentsServiceStub) -> RunSummary:
    """The newest run that has ended, of any experiment, past those that never began.

    Raises InputError when there is none.
    """
    asked = ListRequest(states=list(ENDED), limit=_LISTED)
    passed = 0
    while True:
        page = stub.List(asked)
        for run in page.runs:
            if run.started_time_seconds:
                if passed:
                    say(
                        f"this is of run {run.run_id}, {run.experiment} on {run.host}: "
                        f"{passed} later {'run' if passed == 1 else 'runs'} ended before an agent "
                        "began",
                        err=True,
                    )
                return run
            passed += 1
        # An earlier collector knows no pages.
        if not page.older_runs:
            break
        asked.before_run_id = page.runs[-1].run_id
    raise InputError(
        "no run has ended that an agent had begun" if passed else "no run has ended yet"
    )
