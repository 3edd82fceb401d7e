"""How a call of `ExperimentsService` ends when it cannot do what it was asked."""

from typing import Any, NoReturn

import grpc

from headstart.collector.judge.analyst import NoRecords, ReportFault
from headstart.collector.judge.exporter import ExportFault, NoParquet, RecordsPruned
from headstart.collector.store.forgetting import CannotForget
from headstart.collector.store.host_changes import NoSuchHost
from headstart.collector.store.queries import NoSuchRun
from headstart.collector.store.queue import HostsBusy
from headstart.collector.store.renaming import CannotRename
from headstart.collector.store.shifts import NoSuchShift
from headstart.collector.store.writer import StoreDamaged, StoreFault
from headstart.words.answered import ANSWERED_KEY, STORE

# Key of the trailing metadata that holds serialised SubmitProblems; named in
# experiments.proto.
PROBLEMS_KEY = "headstart-problems-bin"

# A client takes 8 KiB of trailing metadata in all, and the message, which is among
# it, may grow threefold there (percent-encoding).
_LONGEST_MESSAGE = 800


class Status(Exception):
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, message: str, problems: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problems = problems


# What `abort` has an answer for; anything else is a fault that grpc logs.
EXPECTED = (
    Status,
    NoSuchRun,
    NoSuchHost,
    CannotForget,
    CannotRename,
    HostsBusy,
    NoSuchShift,
    NoRecords,
    ReportFault,
    StoreFault,
    NoParquet,
    RecordsPruned,
    ExportFault,
)


async def abort(context: Any, error: Exception) -> NoReturn:
    """End the call with what `error` means to its caller."""
    status = _status_of(error)
    trailing: tuple[tuple[str, str | bytes], ...] = ()
    if status.problems:
        trailing = ((PROBLEMS_KEY, status.problems),)
    elif isinstance(error, StoreFault):
        trailing = ((ANSWERED_KEY, STORE),)
    message = status.message
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]} ..."
    await context.abort(status.code, message, trailing)
    raise AssertionError("abort raises")


def _status_of(error: Exception) -> Status:
    match error:
        case Status():
            return error
        case NoSuchRun(candidates=candidates):
            code = grpc.StatusCode.INVALID_ARGUMENT if candidates else grpc.StatusCode.NOT_FOUND
            return Status(code, str(error))
        case CannotForget() | CannotRename():
            return Status(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        case HostsBusy():
            return Status(grpc.StatusCode.ABORTED, str(error))
        case NoSuchHost():
            return Status(grpc.StatusCode.NOT_FOUND, str(error))
        case NoSuchShift(exists=exists):
            code = grpc.StatusCode.FAILED_PRECONDITION if exists else grpc.StatusCode.NOT_FOUND
            return Status(code, str(error))
        case NoRecords() | NoParquet() | RecordsPruned():
            return Status(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        case StoreDamaged():
            # Nobody is to wait for it.
            return Status(grpc.StatusCode.DATA_LOSS, str(error))
        case StoreFault():
            return Status(grpc.StatusCode.UNAVAILABLE, str(error))
        case _:
            return Status(grpc.StatusCode.INTERNAL, str(error))
