"""An experiment that a collector sent, held against what can be run: pure, and nothing is believed.

The collector checked the file that it comes from; one that is broken, or somebody in its place,
did not.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from headstart.v1.experiment_pb2 import Companion, Experiment, Load, Service
from headstart.words.containers import (
    LARGEST_SEED_BYTES,
    LONGEST_COMPANION_SECONDS,
    MOST_COMPANIONS,
    other_names,
    others_of,
)
from headstart.words.foreign.cpu_lists import EXPECTED, is_cpu_list
from headstart.words.readiness import MOST_STEPS, own_ports_of, steps_of
from headstart.words.windows import MOST_WINDOWS, windows_of

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
# Of a list that has no bound of its own.
_MOST_ITEMS = 10_000
# What an agent does so often, by the name of the field; files may say a tenth of it.
_LARGEST_NUMBERS = {
    "blocks": 10_000,
    "maximum_blocks": 10_000,
    "repeat": 10_000,
    "clean_repetitions": 1_000,
    "cached_repetitions": 1_000,
}


def experiment_fault(experiment: Experiment) -> str:
    """Why an experiment cannot be run by anybody; empty: it can."""
    if fault := next(_faults(experiment, "experiment"), ""):
        return fault
    names = [variant.name for variant in experiment.variants]
    if not names:
        return "the experiment has no variant"
    if len(names) > _MOST_VARIANTS or len(set(names)) < len(names):
        return f"the experiment has {len(names)} variants, {len(set(names))} of them different"
    if fault := _others_fault(experiment):
        return fault
    return (
        _cpus_fault(experiment)
        or _service_fault(experiment.service)
        or _load_fault(experiment.load)
    )


def _cpus_fault(experiment: Experiment) -> str:
    """What is no list of CPUs, as the kernel and engines read them."""
    plan = experiment.plan
    found = {"plan.server_cpus": plan.server_cpus, "plan.load_cpus": plan.load_cpus}
    found |= {f"cpus of the companion {each.name!r}": each.cpus for each in experiment.beside}
    return next(
        (
            f"{name} is {text[:80]!r}; {EXPECTED} were expected"
            for name, text in found.items()
            if text and not is_cpu_list(text)
        ),
        "",
    )


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


def _faults(message: Message, name: str) -> Iterator[str]:
    """Numbers, texts and lists of a message that cannot be, however deep."""
    for field, found in message.ListFields():
        here = f"{name}.{field.name}"
        if not field.is_repeated:
            yield from _of_values(field, [found], here)
            continue
        if len(found) > _MOST_ITEMS:
            yield f"{here} has {len(found)} entries; at most {_MOST_ITEMS} were expected"
        if field.message_type and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name
            yield from _of_values(entry["key"], list(found), here)
            yield from _of_values(entry["value"], list(found.values()), here)
        else:
            yield from _of_values(field, found, here)


def _of_values(field: FieldDescriptor, values: Sequence[Any], name: str) -> Iterator[str]:
    largest = _LARGEST_NUMBERS.get(field.name)
    for value in values:
        if field.message_type:
            yield from _faults(value, name)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
            if not 0 <= value <= _LARGEST_FLOAT:
                yield f"{name} is {value:g}; 0 to {_LARGEST_FLOAT:g} was expected"
        elif field.type == FieldDescriptor.TYPE_STRING:
            if "\0" in value:
                # No program, file or variable can have it.
                yield f"{name} has a character 0 in {value[:80]!r}"
        elif largest is not None and value > largest:
            yield f"{name} is {value}; at most {largest} was expected"
