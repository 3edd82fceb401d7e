"""What a collector says, held against what can be: pure, and nothing is believed.

A collector that is broken, or somebody in its place, must not end an agent, fill its
memory or disk, or make it forget a record that no collector can have.
"""

import math
import re
from dataclasses import dataclass

from headstart.v1.fleet_pb2 import Attempt, Welcome
from headstart.words.foreign import clean

_HEARTBEAT_SECONDS = 5.0
_HEARTBEATS = (0.02, 60.0)
_WINDOW = 256
_LARGEST_WINDOW = 4096
_BATCH_BYTES = 512 * 1024
_SMALLEST_BATCH_BYTES = 64 * 1024
_LARGEST_ATTEMPT = (1 << 31) - 1
# It becomes part of names of containers and files.
_RUN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,39}", re.ASCII)
_LONGEST_REASON = 500


class CollectorFault(Exception):
    """The collector said what cannot be: the stream ends, and is tried again later."""


@dataclass(frozen=True)
class Terms:
    """What a welcome sets for a stream, within what an agent goes along with."""

    heartbeat_seconds: float
    # Envelopes in flight.
    window: int
    batch_bytes: int


def terms_of(welcome: Welcome) -> Terms:
    """The nearest terms that work; 0 stands for the usual ones."""
    heartbeat = welcome.heartbeat_seconds
    if not math.isfinite(heartbeat) or heartbeat <= 0:
        heartbeat = _HEARTBEAT_SECONDS
    low, high = _HEARTBEATS
    return Terms(
        heartbeat_seconds=min(high, max(low, heartbeat)),
        window=min(welcome.ack_window or _WINDOW, _LARGEST_WINDOW),
        batch_bytes=min(
            max(welcome.maximum_batch_bytes or _BATCH_BYTES, _SMALLEST_BATCH_BYTES), _BATCH_BYTES
        ),
    )


def check_ack(sequence: int, sent: int) -> None:
    """Raise CollectorFault when it covers a record that was never sent."""
    if sequence > sent:
        raise CollectorFault(
            f"it confirms records up to {sequence}, of which {sent} were sent; none is forgotten"
        )


def check_attempt(attempt: Attempt) -> None:
    """Raise CollectorFault unless a lease names an attempt that can be."""
    if not _RUN_ID.fullmatch(attempt.run_id):
        raise CollectorFault(f"it leases a run whose id cannot be: {attempt.run_id[:80]!r}")
    if not 0 < attempt.attempt <= _LARGEST_ATTEMPT:
        raise CollectorFault(f"it leases attempt {attempt.attempt} of run {attempt.run_id}")


def words_of(text: str) -> str:
    """A reason as one line of bounded length."""
    return clean.line(text, _LONGEST_REASON)
