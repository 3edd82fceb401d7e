"""What an agent with valid credentials may send to do harm, one kind of lie each.

A lie takes a record of an honest run and gives what is sent in its place.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

from headstart.v1.records_pb2 import BuildOutcome, CheckOutcome, Event, Record
from support.fake_runs import AOT, JIT, Fake

Lie = Callable[[Record], Iterator[Record]]

# Two variants under a short load, as the records of `honest` have it.
EXPERIMENT = """
experiment: hostile
baseline: jit
variants:
  jit: {image: "players:jit", compilation: jit}
  aot: {image: "players:aot", compilation: aot}
service: {port: 9000, ready: GET /health}
load: {request: GET /players, connections: 16, duration: 6s}
plan: {blocks: 3, load_every: 1}
"""


def honest() -> Iterator[Record]:
    """The records of a run of `EXPERIMENT`."""
    return Fake(kinds=(JIT, AOT), blocks=3, load_every=1, load_seconds=6).records()


@dataclass(frozen=True)
class Case:
    """`words` are in the reason of the run, which FAILED, or of its analysis, which did."""

    lie: Lie
    words: str
    # Whether it is found when the run is analysed, not when its records arrive.
    late: bool = False
    # Whether the records are as many as the terminal record counts.
    whole: bool = True


def _changed(change: Callable[[Record], None]) -> Lie:
    def lie(record: Record) -> Iterator[Record]:
        sent = Record()
        sent.CopyFrom(record)
        change(sent)
        yield sent

    return lie


def _every(kinds: tuple[int, ...], value: Callable[[Any], Any]) -> Lie:
    """Change every number of some types that a record has, however deep."""

    def walk(message: Message) -> None:
        for field, found in message.ListFields():
            entry = field.message_type and field.message_type.GetOptions().map_entry
            if entry or field.name in ("trial", "block", "position"):
                continue
            if field.message_type:
                for each in found if field.is_repeated else [found]:
                    walk(each)
            elif field.cpp_type in kinds:
                if field.is_repeated:
                    found[:] = [value(each) for each in found]
                else:
                    setattr(message, field.name, value(found))

    return _changed(walk)


def _in(kind: str, change: Callable[[Any], None]) -> Lie:
    """Change records of one kind."""

    def of_kind(record: Record) -> None:
        if record.HasField(kind):  # type: ignore[arg-type]  # a name that a test wrote
            change(getattr(record, kind))

    return _changed(of_kind)


def _windows(change: Callable[[Any], None]) -> Lie:
    def all_of(load: Any) -> None:
        for window in load.windows:
            change(window)

    return _in("load_windows", all_of)


def _again(kind: str, times: int, change: Callable[[Any, int], None]) -> Lie:
    """Send records of a kind several times, each a little different."""

    def lie(record: Record) -> Iterator[Record]:
        yield record
        if record.WhichOneof("record") != kind:
            return
        for number in range(1, times + 1):
            sent = Record()
            sent.CopyFrom(record)
            change(getattr(sent, kind), number)
            yield sent

    return lie


def _beside_trial(make: Callable[[int], Record]) -> Lie:
    """Send records of one's own behind the start of the first trial."""

    def lie(record: Record) -> Iterator[Record]:
        yield record
        if record.HasField("trial_started") and record.trial_started.trial == 1:
            yield from map(make, range(1001))

    return lie


def _check(number: int) -> Record:
    return Record(check_outcome=CheckOutcome(trial=1, check=f"invented {number}"))


def _note(number: int) -> Record:
    return Record(event=Event(trial=1, name="note", text=f"{number}"))


def bomb(record: Record) -> Iterator[Record]:
    """A gigabyte of the letter A as a build's log, some tens of kilobytes on the wire."""
    import zstandard

    yield record
    if record.HasField("run_started"):
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        log = b"".join(packer.compress(b"A" * (1 << 20)) for _ in range(1024)) + packer.flush()
        build = BuildOutcome(variant="jit", clean=True, repetition=1, log=log, log_bytes=1 << 30)
        yield Record(build_outcome=build)


def _set(**values: Any) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        for name, value in values.items():
            setattr(message, name, value)

    return change


def _unlike_columns(samples: Any) -> None:
    samples.columns[0].delta.extend([5] * 1000)


def _absent_rows(samples: Any) -> None:
    samples.columns[0].absent_rows.append(4_000_000_000)


def _overflowing(samples: Any) -> None:
    samples.columns[0].delta[:] = [2**61] * len(samples.columns[0].delta)


def _overflowing_times(samples: Any) -> None:
    samples.time_delta_us[:] = [2**61] * len(samples.time_delta_us)


def _far_buckets(window: Any) -> None:
    window.latency.index_delta[:] = [2**32 - 1] * 5
    window.latency.count[:] = [1] * 5


def _other_host(started: Any) -> None:
    started.host.host = "victim"


def _strange_variants(started: Any) -> None:
    for number in range(50):
        started.variants.add(variant=f"ghost-{number}")


def _many_flags(outcome: Any) -> None:
    for number in range(3000):
        outcome.flags.add(code=f"flag-{number}", text="flagged")


def _nan_flag(outcome: Any) -> None:
    outcome.flags.add(code="starved", value=math.nan)


def _many_layers(image: Any) -> None:
    for _ in range(9000):
        image.layers.add(digest="d" * 64, bytes=1)


def _backwards(outcome: Any) -> None:
    outcome.started_monotonic_ns, outcome.ended_monotonic_ns = 2_000, 1_000


def _served_before_its_start(outcome: Any) -> None:
    outcome.startup.exec_monotonic_ns = outcome.startup.first_correct_response_monotonic_ns + 1


_FLOATS = (Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT)
_INTEGERS = (Field.CPPTYPE_INT64, Field.CPPTYPE_UINT64)

CASES: dict[str, Case] = {
    "no numbers": Case(_every(_FLOATS, lambda _: math.nan), "finite"),
    "infinities": Case(_every(_FLOATS, lambda _: math.inf), "finite"),
    "one flag's value is none": Case(_in("trial_outcome", _nan_flag), "flags.value is nan"),
    "negative durations": Case(_every(_FLOATS, lambda _: -1.0), "was expected"),
    "numbers beyond all": Case(_every(_FLOATS, lambda _: 1e308), "was expected"),
    "largest integers": Case(_every(_INTEGERS, lambda _: 2**63 - 1), "at most 2^62"),
    "a load of fifteen days": Case(
        _windows(_set(duration_us=15 * 10**12)), "load_windows.windows: the end in us"
    ),
    "a load before it began": Case(_windows(_set(start_us=-1)), "starts at -1 us"),
    "requests without end": Case(_windows(_set(completed=2**62)), "more than 2^48 requests"),
    "latencies of centuries": Case(_windows(_far_buckets), "beyond the 4608 buckets"),
    "counts without indices": Case(
        _windows(lambda window: window.latency.count.extend([1] * 100)), "indices and"
    ),
    "a summary of fifteen days": Case(
        _in("trial_outcome", lambda outcome: _set(duration_seconds=15e5)(outcome.load)),
        "trial_outcome.load.duration_seconds",
    ),
    "trials beyond the plan": Case(
        _in("trial_outcome", _set(trial=4_000_000_000)), "trial_outcome.trial"
    ),
    "blocks beyond the plan": Case(
        _again("trial_outcome", 3, lambda outcome, n: _set(block=n * 1000)(outcome)),
        "trial_outcome.block is 1000",
    ),
    "positions beyond the block": Case(
        _in("trial_started", _set(position=9)), "trial_started.position is 9"
    ),
    "variants that nobody asked for": Case(
        _again("trial_outcome", 3, lambda outcome, n: _set(variant=f"ghost-{n}")(outcome)),
        "'ghost-1', which the experiment does not have",
    ),
    "variants resolved that nobody asked for": Case(
        _in("run_started", _strange_variants), "'ghost-0'"
    ),
    "images that nobody asked for": Case(
        _in("image_facts", _set(variant="ghost")), "image_facts.variant is 'ghost'"
    ),
    "two outcomes of a trial": Case(
        _again("trial_outcome", 1, lambda outcome, _: _set(digest="other")(outcome)),
        "has two outcomes",
    ),
    "a run that starts twice": Case(
        _again("run_started", 1, lambda started, _: _set(seed=7)(started)), "the run starts twice"
    ),
    "checks without number": Case(_beside_trial(_check), "check_outcome: more than the 4 records"),
    "notes without number": Case(_beside_trial(_note), "event: more than the 1000 records"),
    "another host": Case(_in("run_started", _other_host), "'victim'; its agent attends as 'h1'"),
    "a thousand layers": Case(_in("image_facts", _many_layers), "image_facts.layers has 9002"),
    "three thousand flags": Case(_in("trial_outcome", _many_flags), "flags has 3000"),
    "a text without end": Case(
        _in("trial_outcome", _set(output_tail="A" * 100_000)), "has 100000 characters"
    ),
    "a trial that ends before it starts": Case(
        _in("trial_outcome", _backwards), "before it starts"
    ),
    "a response before the start": Case(
        _in("trial_outcome", _served_before_its_start), "its first response before its exec"
    ),
    "more trials than there are": Case(
        _in("run_outcome", _set(trials=1_000_000)), "run_outcome.trials is 1e+06"
    ),
    "a day in a second": Case(
        _in("run_outcome", _set(duration_seconds=86_400.0)), "run_outcome.duration", late=True
    ),
    "columns of other lengths": Case(_in("samples", _unlike_columns), "a column of", late=True),
    "a row that is not there": Case(_in("samples", _absent_rows), "is absent in", late=True),
    "values beyond 64 bits": Case(_in("samples", _overflowing), "a column goes beyond", late=True),
    "times beyond 64 bits": Case(_in("samples", _overflowing_times), "times go beyond", late=True),
}
