"""What a collector says, held against what can be: pure, and nothing is believed.

A collector that is broken, or somebody in its place, must not end an agent, fill its
memory or disk, or make it forget a record that no collector can have.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from headstart.v1.experiment_pb2 import Companion, Experiment, Load, Service
from headstart.v1.fleet_pb2 import Attempt, Welcome
from headstart.words.containers import (
    LARGEST_SEED_BYTES,
    LONGEST_COMPANION_SECONDS,
    MOST_COMPANIONS,
    other_names,
    others_of,
)
from headstart.words.foreign import clean
from headstart.words.readiness import MOST_STEPS, own_ports_of, steps_of
from headstart.words.windows import MOST_WINDOWS, windows_of

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
# Ten years: no time, rate or share in an experiment comes near.
_LARGEST_FLOAT = 1e12
_MOST_VARIANTS = 1_000
_MOST_OTHERS = 100 + MOST_COMPANIONS
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# What an agent or a generator keeps in memory for each of them.
_MOST_CONNECTIONS = 100_000
_MOST_REQUESTS = 1_000
_MOST_STEPS = 10_000
_NARROWEST_WINDOW_SECONDS = 0.001


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


def experiment_fault(experiment: Experiment) -> str:
    """Why an experiment cannot be run by anybody; empty: it can."""
    names = [variant.name for variant in experiment.variants]
    if not names:
        return "the experiment has no variant"
    if len(names) > _MOST_VARIANTS or len(set(names)) < len(names):
        return f"the experiment has {len(names)} variants, {len(set(names))} of them different"
    if fault := _others_fault(experiment):
        return fault
    for name, value in _floats(experiment, "experiment"):
        if not 0 <= value <= _LARGEST_FLOAT:
            return f"{name} is {value:g}; 0 to {_LARGEST_FLOAT:g} was expected"
    return _service_fault(experiment.service) or _load_fault(experiment.load)


def _service_fault(service: Service) -> str:
    """A port that none can be, or steps without number."""
    steps = len(steps_of(service))
    if steps > MOST_STEPS:
        return f"its readiness has {steps} steps; at most {MOST_STEPS} were expected"
    found = (service.port, *own_ports_of(service))
    return next((f"the experiment asks at port {port}" for port in found if port > 65535), "")


def _others_fault(experiment: Experiment) -> str:
    """Why the containers beside the variants cannot be told apart, or be made."""
    others = [placed.container for placed in others_of(experiment)]
    if len(others) > _MOST_OTHERS:
        return f"the experiment has {len(others)} containers beside its variants"
    for other, name in zip(others, other_names(experiment), strict=True):
        if other.name != name:
            return f"the container {name[:80]!r} is named {other.name[:80]!r}"
        if other.WhichOneof("source") != "image":
            return f"{name} has no image"
    for companion in experiment.beside:
        if fault := _companion_fault(companion):
            return fault
    service = experiment.service
    asked_first = (*service.before_ready, service.ready, service.first_data)
    if any(check.HasField("container") for check in asked_first):
        return "a container is to say whether the app is ready"
    if not service.port and any(check.HasField("container") for check in service.checks):
        return "a container is to check an app without a port"
    if len({companion.name for companion in experiment.beside}) < len(experiment.beside):
        return "two companions have the same name"
    return ""


def _companion_fault(companion: Companion) -> str:
    """A name that none can be, a command that is none, or a time without end."""
    if not _DNS_LABEL.fullmatch(companion.name):
        return f"a companion is named {companion.name[:80]!r}, which no host can be"
    shown, ready, seed = f"the companion {companion.name!r}", companion.ready, companion.seed
    longest = LONGEST_COMPANION_SECONDS
    if ready.HasField("command") and not ready.command.argv:
        return f"the command that says whether {shown} is ready is empty"
    if ready.timeout_seconds > longest:
        return f"{shown} is waited for for {ready.timeout_seconds:g} s; at most {longest} s"
    if companion.HasField("seed") and not seed.argv:
        return f"the seed of {shown} has no command"
    if len(seed.input) > LARGEST_SEED_BYTES:
        size, most = len(seed.input), LARGEST_SEED_BYTES
        return f"the seed of {shown} has {size} bytes of input; at most {most}"
    if seed.timeout_seconds > longest:
        return f"the seed of {shown} may take {seed.timeout_seconds:g} s; at most {longest} s"
    return ""


def _load_fault(load: Load) -> str:
    """What there are too many of, among what fills memory by its number."""
    numbers = {
        "connections": (load.connections, _MOST_CONNECTIONS),
        "requests": (len(load.requests), _MOST_REQUESTS),
        "steps of its rate": (load.rate_steps, _MOST_STEPS),
    }
    for what, (found, most) in numbers.items():
        if found > most:
            return f"its load has {found} {what}; at most {most} were expected"
    # 0: the agent's own.
    coarse, fine = load.window_seconds or 1.0, load.first_window_seconds or 0.1
    if min(coarse, fine) < _NARROWEST_WINDOW_SECONDS:
        return f"a window of its load is {min(coarse, fine):g} s wide; 1 ms was expected at least"
    if (count := windows_of(load.duration_seconds, coarse, fine)) > MOST_WINDOWS:
        return f"its load has {count:.0f} windows; at most {MOST_WINDOWS} were expected"
    return ""


def words_of(text: str) -> str:
    """A reason as one line of bounded length."""
    return clean.line(text, _LONGEST_REASON)


def _floats(message: Message, name: str) -> Iterator[tuple[str, float]]:
    """Every number with a point in a message, however deep."""
    for field, found in message.ListFields():
        here = f"{name}.{field.name}"
        values: list[Any] = [found]
        if field.message_type and field.message_type.GetOptions().map_entry:
            values = list(found.values())
            kind = field.message_type.fields_by_name["value"]
        else:
            values = list(found) if field.is_repeated else values
            kind = field
        if kind.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
            yield from ((here, value) for value in values)
        elif kind.message_type:
            for value in values:
                yield from _floats(value, here)
