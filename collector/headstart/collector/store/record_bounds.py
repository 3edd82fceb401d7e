"""What a record may say, held against the plan of its run: pure, and without arrays.

Agents are not believed. A record that claims more than its experiment allows, or a
number that is none, is refused as a whole: what could be left of it nobody measured.
It is acked, dropped and counted, and its run ends FAILED with the reason. Ending the stream
instead would have an honest agent with a bug send it again for ever, with everything behind it
in its spool. Samples come by the thousand and stay opaque here; they are held against the same
bounds when they are read for analysis. The bounds are wide: they are no plausibility check of
figures, which an agent can still make up.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from headstart.collector.findings.starts import READY_STEPS
from headstart.v1 import records_pb2 as pb
from headstart.v1.experiment_pb2 import Experiment
from headstart.words.container_needs import CAPABILITIES, MOST_FOLDERS, MOST_HOSTS, ULIMITS
from headstart.words.containers import COMPANION_PREFIX, MOST_COMPANIONS, other_names
from headstart.words.foreign.image_reference import MAXIMUM_REFERENCE
from headstart.words.packed_values import may_be_long
from headstart.words.test_reports import LONGEST_MESSAGE, LONGEST_NAME, MOST_TESTS

# No size, count or time of a machine comes near; sums of two still fit into 64 bits.
_LARGEST_INTEGER = 1 << 62
_LARGEST_FLOAT = 1e18
_LONGEST_TEXT = 64 * 1024
# What Linux takes as one argument or environment variable, twice.
_LONGEST_ARGUMENT = 256 * 1024
_ARGUMENTS = frozenset({"argv", "environment"})
_MOST_ITEMS = 20_000
# Bounds of their own; an image has at most 127 layers.
_MOST = {
    "layers": 1_000,
    "notes": 1_000,
    "flags": 1_000,
    "memory": 100,
    "variants": 1_000,
    "counters": 1_000,
    "labels": 100,
    "columns": 1_000,
    "beside": MOST_COMPANIONS,
    "tmpfs_bytes": MOST_FOLDERS,
    "volumes": MOST_FOLDERS,
    "ulimits": len(ULIMITS),
    "capabilities": len(CAPABILITIES),
    "hosts": MOST_HOSTS,
    "host_paths": MOST_FOLDERS,
    "tests": MOST_TESTS,
}
_SHA256 = re.compile("(?:[0-9a-f]{64})?")
# Of these all numbers are looked at together, as bytes: a long load has thousands of windows,
# and lists within them are bounded by the layout of histograms.
_WHOLE_NUMBERS = frozenset({"load_windows"})
# -1 stands for "not measured".
_MAY_BE_NEGATIVE = frozenset({"idle_share"})
_NEVER_NEGATIVE = ("_seconds", "_per_second", "_share", "_hertz")

# The histogram's layout (records.proto) has no index for more than seven weeks.
_BUCKETS = 4_608
_LARGEST_COUNT = 1 << 48
# How far a load may go on behind its planned time: last answers, a driver that is slow to end.
_LOAD_FACTOR, _LOAD_REST_SECONDS = 2.0, 60.0
# Trials that are not of a block: runtime counters and probes of the memory floor.
_MORE_TRIALS_OF_A_VARIANT = 1_000


class Unbelievable(ValueError):
    """A record says what cannot be; the message names the field, its value and the bound."""


class ForeignHost(Unbelievable):
    """A record names another host than the one whose agent sent it."""


@dataclass(frozen=True)
class Bounds:
    """What the plan of a run allows. Made by `bounds_of`."""

    # Empty: any.
    host: str
    variants: frozenset[str]
    blocks: int
    trials: int
    # Microseconds from a load's beginning; 0: there is no load.
    load_us: int
    # Containers that are not variants, by name.
    others: frozenset[str] = frozenset()
    # Variant -> what was sent or named for its build: SHA-256, or repository and commit.
    contexts: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    # What the host was called before, as records say that waited in its spool.
    former: frozenset[str] = frozenset()
    # Names of the checks whose containers leave results of tests.
    tested: frozenset[str] = frozenset()
    # Checks and jobs, each of which has outcomes in a trial.
    checks: int = 0
    # Variant -> how often it is built.
    builds: Mapping[str, int] = field(default_factory=dict)


def bounds_of(host: str, experiment: Experiment, former: Iterable[str] = ()) -> Bounds:
    """The bounds of an experiment's run on a host."""
    variants = frozenset(variant.name for variant in experiment.variants)
    blocks = experiment.plan.blocks or experiment.plan.maximum_blocks
    seconds = experiment.load.duration_seconds if experiment.HasField("load") else None
    load = 0.0 if seconds is None else _LOAD_FACTOR * seconds + _LOAD_REST_SECONDS
    others = frozenset(other_names(experiment))
    contexts = {
        variant.name: (
            variant.build.archive.sha256,
            variant.build.git.url,
            variant.build.git.commit,
        )
        for variant in experiment.variants
    }
    return Bounds(
        host,
        variants,
        blocks,
        blocks * len(variants),
        int(load * 1e6),
        others,
        contexts,
        frozenset(former),
        frozenset(
            check.name
            for check in experiment.service.checks
            if check.HasField("container") and check.container.junit
        ),
        len(experiment.service.checks) + len(experiment.jobs),
        {
            variant.name: variant.build.clean_repetitions + variant.build.cached_repetitions
            for variant in experiment.variants
        },
    )


def check_record(record: pb.Record, trial: int, bounds: Bounds) -> None:
    """Raise Unbelievable for the first thing that cannot be; `trial` is the envelope's."""
    kind = record.WhichOneof("record")
    if kind is None:
        # A newer agent's kind of record; nothing here reads it.
        return
    message = getattr(record, kind)
    if kind in _WHOLE_NUMBERS and not may_be_long(message.SerializeToString()):
        _few(f"{kind}.windows", "windows", message.windows)
    else:
        check_numbers(message, kind)
    if hasattr(message, "trial"):
        _same(f"{kind}.trial", message.trial, trial)
        at_most(f"{kind}.trial", message.trial, most_trials(bounds))
    if variant := getattr(message, "variant", ""):
        _known(f"{kind}.variant", variant, bounds)
    if check := _CHECKS.get(kind):
        check(message, bounds)


def most_trials(bounds: Bounds) -> int:
    """The highest number of a trial, those of counters and floors included."""
    return bounds.trials + _MORE_TRIALS_OF_A_VARIANT * len(bounds.variants)


def check_numbers(message: Message, name: str) -> None:
    """Refuse numbers that are none or beyond every machine, and texts and lists without end."""
    for check in _plan(message.DESCRIPTOR):
        check(message, name)


@cache
def _plan(descriptor: Descriptor) -> tuple[Callable[[Any, str], None], ...]:
    """One check for each field, worked out once for a type of message."""
    return tuple(_of_field(field) for field in descriptor.fields)


def _of_field(field: FieldDescriptor) -> Callable[[Any, str], None]:
    key = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value_field = field.message_type.fields_by_name["value"]
        longest = _LONGEST_ARGUMENT if key in _ARGUMENTS else _LONGEST_TEXT

        def check_map(message: Any, name: str) -> None:
            entries = getattr(message, key)
            _few(f"{name}.{key}", key, entries)
            texts = [*entries.keys()]
            if value_field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
                texts += entries.values()
            for text in texts:
                _short(f"{name}.{key}", text, longest)

        return check_map
    one = _of_value(field)
    if field.is_repeated:

        def check_list(message: Any, name: str) -> None:
            items = getattr(message, key)
            if items:
                _few(f"{name}.{key}", key, items)
                one(items, f"{name}.{key}")

        return check_list
    if field.message_type is not None:

        def check_message(message: Any, name: str) -> None:
            if message.HasField(key):
                one((getattr(message, key),), f"{name}.{key}")

        return check_message
    return lambda message, name: one((getattr(message, key),), f"{name}.{key}")


def _of_value(field: FieldDescriptor) -> Callable[[Sequence[Any], str], None]:
    """The check of a list of values of a field."""
    if field.message_type is not None:

        def messages(values: Sequence[Any], name: str) -> None:
            for value in values:
                check_numbers(value, name)

        return messages
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        lowest = -_LARGEST_FLOAT
        if field.name.endswith(_NEVER_NEGATIVE) and field.name not in _MAY_BE_NEGATIVE:
            lowest = 0.0

        def floats(values: Sequence[float], name: str) -> None:
            for value in values:
                if not math.isfinite(value):
                    raise Unbelievable(f"{name} is {value}; a finite number was expected")
                if not lowest <= value <= _LARGEST_FLOAT:
                    raise Unbelievable(
                        f"{name} is {value:g}; {lowest:g} to {_LARGEST_FLOAT:g} was expected"
                    )

        return floats
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type != field.TYPE_BYTES:
        longest = _LONGEST_ARGUMENT if field.name in _ARGUMENTS else _LONGEST_TEXT

        def texts(values: Sequence[str], name: str) -> None:
            for value in values:
                _short(name, value, longest)

        return texts
    # A seed is drawn from all of 64 bits, and nothing is computed with it.
    if field.name == "seed":
        return lambda _values, _name: None
    if field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64):

        def integers(values: Sequence[int], name: str) -> None:
            for value in (min(values), max(values)):
                if abs(value) > _LARGEST_INTEGER:
                    raise Unbelievable(f"{name} is {value}; at most 2^62 was expected")

        return integers
    return lambda _values, _name: None


def _few(name: str, key: str, items: Sequence[Any] | Mapping[str, Any]) -> None:
    most = _MOST.get(key, _MOST_ITEMS)
    if len(items) > most:
        raise Unbelievable(f"{name} has {len(items)} entries; at most {most} were expected")


def _short(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise Unbelievable(f"{name} has {len(text)} characters; at most {longest} were expected")


def at_most(name: str, value: float, limit: float) -> None:
    """Raise Unbelievable above what the plan allows."""
    if value > limit:
        raise Unbelievable(f"{name} is {value:g}; the plan allows at most {limit:g}")


def _within(name: str, value: int, limit: int) -> None:
    if not 1 <= value <= limit:
        raise Unbelievable(f"{name} is {value}; the plan has 1 to {limit}")


def _same(name: str, value: int, expected: int) -> None:
    if value != expected:
        raise Unbelievable(f"{name} is {value}; its envelope says {expected}")


def _known(name: str, variant: str, bounds: Bounds) -> None:
    _container(name, variant, bounds.variants)


def _container(name: str, found: str, known: frozenset[str]) -> None:
    if found not in known:
        raise Unbelievable(f"{name} is {found[:80]!r}, which the experiment does not have")


def _run_started(message: pb.RunStarted, bounds: Bounds) -> None:
    named = message.host.host
    if named and bounds.host and named not in (bounds.host, *bounds.former):
        raise ForeignHost(
            f"run_started.host is {message.host.host[:80]!r}; its agent attends as {bounds.host!r}"
        )
    at_most("run_started.blocks_planned", message.blocks_planned, bounds.blocks)
    for variant in message.variants:
        _known("run_started.variants", variant.variant, bounds)
    at_most("run_started.variants", len(message.variants), len(bounds.variants))
    for other in message.others:
        _container("run_started.others", other.variant, bounds.others)
    at_most("run_started.others", len(message.others), len(bounds.others))


def _place(message: pb.TrialStarted | pb.TrialOutcome, bounds: Bounds) -> None:
    kind = "trial_outcome" if isinstance(message, pb.TrialOutcome) else "trial_started"
    _known(f"{kind}.variant", message.variant, bounds)
    _within(f"{kind}.trial", message.trial, bounds.trials)
    _within(f"{kind}.block", message.block, bounds.blocks)
    _within(f"{kind}.position", message.position, len(bounds.variants))


def _trial_outcome(message: pb.TrialOutcome, bounds: Bounds) -> None:
    _place(message, bounds)
    begin, end = message.started_monotonic_ns, message.ended_monotonic_ns
    if begin and end and end < begin:
        raise Unbelievable(f"trial_outcome ends at {end} ns, before it starts at {begin} ns")
    first = message.startup.first_correct_response_monotonic_ns
    if first and message.startup.exec_monotonic_ns > first:
        raise Unbelievable("trial_outcome.startup has its first response before its exec")
    steps = [getattr(message.startup, stamp.field) for stamp in READY_STEPS]
    seen = [at_ns for at_ns in (message.startup.exec_monotonic_ns, *steps, first) if at_ns]
    if seen != sorted(seen):
        raise Unbelievable("trial_outcome.startup has its steps in another order than they have")
    _beside(message, bounds)
    if message.HasField("load"):
        name = "trial_outcome.load"
        at_most(f"{name}.duration_seconds", message.load.duration_seconds, bounds.load_us / 1e6)
        _histogram(f"{name}.latency", message.load.latency)


def _beside(message: pb.TrialOutcome, bounds: Bounds) -> None:
    """What stood beside the app, each once; nothing can fail there that does not stand there."""
    known = {name for name in bounds.others if name.startswith(COMPANION_PREFIX)}
    if message.failure.code == pb.FAILURE_CODE_COMPANION and not known:
        raise Unbelievable(
            "trial_outcome.failure is that of a companion; the experiment does not have any"
        )
    names = [COMPANION_PREFIX + use.name for use in message.beside]
    for name in names:
        _container("trial_outcome.beside", name, frozenset(known))
    if len(set(names)) < len(names):
        raise Unbelievable("trial_outcome.beside has a companion twice")


def _load_windows(message: pb.LoadWindows, bounds: Bounds) -> None:
    name = "load_windows.windows"
    for window in message.windows:
        if window.start_us < 0 or window.duration_us < 0:
            raise Unbelievable(
                f"{name}: one starts at {window.start_us} us and takes {window.duration_us} us"
            )
        at_most(f"{name}: the end in us", window.start_us + window.duration_us, bounds.load_us)
        if max(window.completed, window.incorrect, window.failed) > _LARGEST_COUNT:
            raise Unbelievable(f"{name}: one counts more than 2^48 requests")
        _histogram(f"{name}.latency", window.latency)


def _histogram(name: str, histogram: pb.Histogram) -> None:
    if len(histogram.index_delta) != len(histogram.count):
        raise Unbelievable(
            f"{name} has {len(histogram.index_delta)} indices and {len(histogram.count)} counts"
        )
    if not histogram.count:
        return
    if len(histogram.count) > _BUCKETS or sum(histogram.index_delta) >= _BUCKETS:
        raise Unbelievable(f"{name} goes beyond the {_BUCKETS} buckets that there are")
    if max(histogram.count) > _LARGEST_COUNT:
        raise Unbelievable(f"{name} counts more than 2^48 requests in a bucket")


def _build(message: pb.BuildOutcome, bounds: Bounds) -> None:
    found = message.context_sha256, message.git_url, message.git_commit
    asked = bounds.contexts.get(message.variant, ("", "", ""))
    if not any(asked) and not any(found[1:]):
        # A folder of the host, which only its agent has seen.
        if not _SHA256.fullmatch(found[0]):
            raise Unbelievable(f"build_outcome.context_sha256 is {found[0][:80]!r}, which is none")
    elif any(found) and found != asked:
        # One that could not be brought is not named.
        said, sent = (" ".join(filter(None, each))[:300] or "nothing" for each in (found, asked))
        raise Unbelievable(f"build_outcome is of the context {said!r}; it was sent {sent!r}")


def _image_pulled(message: pb.ImagePulled, bounds: Bounds) -> None:
    if not message.variants or len(set(message.variants)) < len(message.variants):
        raise Unbelievable(f"image_pulled is of {len(message.variants)} variants, none or the same")
    for variant in message.variants:
        _container("image_pulled.variants", variant, bounds.variants | bounds.others)
    for key, text in (("reference", message.reference), ("digest", message.digest)):
        _short(f"image_pulled.{key}", text, MAXIMUM_REFERENCE)
    told = message.layers_present + message.layers_of_unknown_size
    if told > message.layers:
        raise Unbelievable(f"image_pulled has {message.layers} layers, of which {told} are told")


def _check_outcome(message: pb.CheckOutcome, bounds: Bounds) -> None:
    if (message.tests or message.HasField("test_counts")) and message.check not in bounds.tested:
        raise Unbelievable(
            f"check_outcome.tests are of {message.check[:80]!r}, which leaves no results of tests"
        )
    for test in message.tests:
        _short("check_outcome.tests", test.test, LONGEST_NAME)
        _short("check_outcome.tests", test.message, LONGEST_MESSAGE)
    counts = message.test_counts
    known = counts.passed + counts.failed + counts.errored + counts.skipped
    if known != len(message.tests) + counts.left_out:
        raise Unbelievable(
            f"check_outcome.tests has {len(message.tests)} tests and {counts.left_out} left out,"
            f" of {known}"
        )
    if message.passed and counts.failed + counts.errored:
        raise Unbelievable("check_outcome passed, with tests that did not")


def _run_outcome(message: pb.RunOutcome, bounds: Bounds) -> None:
    at_most("run_outcome.trials", message.trials, bounds.trials)
    at_most("run_outcome.trials_failed", message.trials_failed, message.trials)
    at_most("run_outcome.blocks_completed", message.blocks_completed, bounds.blocks)


def _samples(message: pb.SampleBatch, _bounds: Bounds) -> None:
    rows = len(message.time_delta_us)
    for column in message.columns:
        if len(column.delta) != rows:
            raise Unbelievable(
                f"samples: a column of {len(column.delta)} values in a batch of {rows} rows"
            )
        if column.absent_rows and max(column.absent_rows) >= rows:
            raise Unbelievable(
                f"samples: row {max(column.absent_rows)} is absent in a batch of {rows} rows"
            )
        # A bound on every prefix, without computing one: analysis sums these up in 64 bits.
        if sum(map(abs, column.delta)) > _LARGEST_INTEGER:
            raise Unbelievable("samples: a column goes beyond 2^62")
    if sum(map(abs, message.time_delta_us)) > _LARGEST_INTEGER:
        raise Unbelievable("samples: their times go beyond 2^62 us")


_CHECKS: Mapping[str, Callable[[Any, Bounds], None]] = {
    "run_started": _run_started,
    "trial_started": _place,
    "trial_outcome": _trial_outcome,
    "load_windows": _load_windows,
    "build_outcome": _build,
    "image_pulled": _image_pulled,
    "check_outcome": _check_outcome,
    "run_outcome": _run_outcome,
    "samples": _samples,
}
