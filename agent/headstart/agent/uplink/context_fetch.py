"""Fetches the context of a build from the collector: what breaks off goes on where it was."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import grpc

from headstart.agent.cancellation import Cancellation
from headstart.agent.uplink.collector_bounds import words_of
from headstart.agent.uplink.collector_tls import ClientTls, channel_to
from headstart.v1.experiment_pb2 import ContextArchive
from headstart.v1.fleet_pb2 import Attempt, FetchContextRequest
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.foreign.certificates import CertificateProblem

# Fetches an archive into a new file. CannotFetch, Cancelled, OSError.
Fetch = Callable[[ContextArchive, Path, Cancellation], None]
# The same, for an attempt.
FetchFor = Callable[[Attempt, ContextArchive, Path, Cancellation], None]

_ALL_SECONDS = 1800.0
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
# Without a byte more between them.
_MOST_FAILURES = 6
# What a collector says while it is restarted, or the network is away.
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
)


class CannotFetch(Exception):
    """A context does not come; the message is a sentence's end."""


def no_fetch(_archive: ContextArchive, _into: Path, _cancelled: Cancellation) -> None:
    """For who has no collector."""
    raise CannotFetch("there is no collector to fetch it from")


def no_fetch_for(
    _attempt: Attempt, archive: ContextArchive, into: Path, cancelled: Cancellation
) -> None:
    """As `no_fetch`."""
    no_fetch(archive, into, cancelled)


def fetch_context(
    target: Callable[[], str],
    tls: ClientTls | None,
    attempt: Attempt,
    archive: ContextArchive,
    into: Path,
    cancelled: Cancellation,
) -> None:
    """Fetch all of it, at most what it is said to have. CannotFetch, Cancelled, OSError.

    `target` gives the collector's address: another one may be active at the next try.
    """
    deadline = time.monotonic() + _ALL_SECONDS
    failures, pause = 0, _PAUSE_SECONDS
    with into.open("xb") as file:
        while True:
            cancelled.raise_if_set()
            before = file.tell()
            try:
                _go_on(target(), tls, attempt, archive, file, deadline, cancelled)
            except grpc.RpcError as error:
                cancelled.raise_if_set()
                call = cast("grpc.Call", error)
                code = call.code()
                why = words_of(call.details() or code.name)
                if file.tell() > before:
                    failures, pause = 0, _PAUSE_SECONDS
                failures += 1
                if code == grpc.StatusCode.UNIMPLEMENTED:
                    raise CannotFetch("the collector is older than this agent") from error
                if code not in _PASSING or failures >= _MOST_FAILURES:
                    raise CannotFetch(f"the collector says: {why}") from error
            except CertificateProblem as problem:
                raise CannotFetch(str(problem)) from problem
            else:
                break
            cancelled.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if file.tell() < archive.stored_bytes:
            raise CannotFetch(f"it ends after {file.tell()} of {archive.stored_bytes} bytes")


def _go_on(
    target: str,
    tls: ClientTls | None,
    attempt: Attempt,
    archive: ContextArchive,
    file: BinaryIO,
    deadline: float,
    cancelled: Cancellation,
) -> None:
    request = FetchContextRequest(attempt=attempt, sha256=archive.sha256, offset=file.tell())
    with channel_to(target, tls) as channel:
        call = FleetServiceStub(channel).FetchContext(
            request, timeout=max(0.0, deadline - time.monotonic())
        )
        with cancelled.ending(call.cancel):
            for response in call:
                if file.tell() + len(response.piece) > archive.stored_bytes:
                    raise CannotFetch(f"it has more than the {archive.stored_bytes} bytes told")
                file.write(response.piece)
