"""Fetches the context of a build from the collector: what breaks off goes on where it was."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import grpc

from headstart.agent.cancellation import Cancellation
from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.collector_bounds import words_of
from headstart.agent.uplink.collector_tls import ClientTls, channel_to
from headstart.v1.experiment_pb2 import ContextArchive
from headstart.v1.fleet_pb2 import Attempt, FetchContextRequest
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.words.foreign.certificates import CertificateProblem

log = logging.getLogger(__name__)

# Fetches an archive into a new file. CannotFetch, Cancelled, OSError.
Fetch = Callable[[ContextArchive, Path, Cancellation], None]
# The same, for an attempt.
FetchFor = Callable[[Attempt, ContextArchive, Path, Cancellation], None]

# With all that is waited for: a run that holds its host longer for nothing is better off failed.
_ALL_SECONDS = 1800.0
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 5.0
# What is said while a collector is started anew, another takes over, the network is away, or a
# damaged store is to be restored: it is waited for, as the spool and the lease are.
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DATA_LOSS)
# Said as it dies, but by one that is broken as well: so often in a row, without a byte more.
_BROKEN = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
_MOST_BROKEN = 6


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
    addresses: Addresses,
    tls: ClientTls | None,
    attempt: Attempt,
    archive: ContextArchive,
    into: Path,
    cancelled: Cancellation,
) -> None:
    """Fetch all of it, at most what it is said to have. CannotFetch, Cancelled, OSError.

    From the collector that the agent attends; another one may be active at the next try.
    """
    deadline = time.monotonic() + _ALL_SECONDS
    broken, pause = 0, _PAUSE_SECONDS
    with into.open("xb") as file:
        while True:
            cancelled.raise_if_set()
            before, target = file.tell(), addresses.current
            try:
                _go_on(addresses, target, tls, attempt, archive, file, deadline, cancelled)
            except grpc.RpcError as error:
                cancelled.raise_if_set()
                call = cast("grpc.Call", error)
                code = call.code()
                why = words_of(call.details() or code.name)
                if file.tell() > before:
                    broken, pause = 0, _PAUSE_SECONDS
                broken = broken + 1 if code in _BROKEN else 0
                if code == grpc.StatusCode.UNIMPLEMENTED:
                    raise CannotFetch("the collector is older than this agent") from error
                if time.monotonic() + pause >= deadline:
                    came = f"{file.tell()} of {archive.stored_bytes} bytes"
                    raise CannotFetch(
                        f"{came} came within {_ALL_SECONDS / 60:g} min; at the end {target}: {why}"
                    ) from error
                if code not in (*_AWAY, *_BROKEN) or broken >= _MOST_BROKEN:
                    raise CannotFetch(f"the collector says: {why}") from error
                log.warning(
                    "run %s: its context does not come from %s: %s; it goes on where it was in "
                    "%.0f s",
                    attempt.run_id,
                    target,
                    why,
                    pause,
                )
            except CertificateProblem as problem:
                raise CannotFetch(str(problem)) from problem
            else:
                break
            cancelled.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if file.tell() < archive.stored_bytes:
            raise CannotFetch(f"it ends after {file.tell()} of {archive.stored_bytes} bytes")


def _go_on(
    addresses: Addresses,
    target: str,
    tls: ClientTls | None,
    attempt: Attempt,
    archive: ContextArchive,
    file: BinaryIO,
    deadline: float,
    cancelled: Cancellation,
) -> None:
    request = FetchContextRequest(attempt=attempt, sha256=archive.sha256, offset=file.tell())
    options = addresses.bulk_options
    if (patience := addresses.patience_seconds) is not None:
        # One that is frozen takes the connection, and shakes no hands.
        options = [*options, ("grpc.min_reconnect_backoff_ms", int(1000 * patience))]
    with channel_to(target, tls, options) as channel:
        call = FleetServiceStub(channel).FetchContext(
            request, timeout=max(0.0, deadline - time.monotonic())
        )
        with cancelled.ending(call.cancel):
            for response in call:
                if file.tell() + len(response.piece) > archive.stored_bytes:
                    raise CannotFetch(f"it has more than the {archive.stored_bytes} bytes told")
                file.write(response.piece)
