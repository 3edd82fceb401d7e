"""The records of an attempt together: how many of each kind there may be, and how long it took.

Bytes are bounded by quotas; but what is small and says nothing new is read, kept in memory and
shown for each time that it is said.
"""

from collections import Counter
from collections.abc import Iterator

from headstart.collector.findings.packed_samples import PackedSamples
from headstart.collector.store.record_bounds import (
    Bounds,
    Unbelievable,
    at_most,
    check_record,
    most_trials,
)
from headstart.v1 import records_pb2 as pb
from headstart.words.windows import MOST_WINDOWS

# Of a trial, or of the run as a whole.
_MOST_EVENTS = 1_000
_MOST_GAPS = 10_000
# A load that goes on behind its planned time has more of them.
_MOST_WINDOWS_OF_TRIAL = 2 * MOST_WINDOWS
# Before and after the load, and each again where it differs from the baseline's.
_OUTCOMES_OF_CHECK = 4
# An agent makes one where none is asked for.
_MORE_BUILDS = 1
# Clocks differ, and the collector's may be set while a run goes on.
_CLOCK_FACTOR, _CLOCK_REST_SECONDS = 1.1, 600.0


class RecordCounts:
    """Of one attempt, in the order of its records; what is packed is not counted here."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._counts: Counter[tuple[str, int | str]] = Counter()

    def add(self, record: pb.Record) -> None:
        """One more, held against its own bounds before. Raises Unbelievable."""
        match kind := record.WhichOneof("record"):
            case "run_started":
                self._once(kind, "", "the run starts twice")
            case "trial_started":
                trial = record.trial_started.trial
                self._once(kind, trial, f"trial {trial} starts twice")
            case "trial_outcome":
                trial = record.trial_outcome.trial
                self._once(kind, trial, f"trial {trial} has two outcomes")
            case "event":
                self._few(kind, record.event.trial, _MOST_EVENTS)
            case "gap":
                self._few(kind, record.gap.trial, _MOST_GAPS)
            case "load_windows":
                windows = record.load_windows
                many = max(1, len(windows.windows))
                self._few(kind, windows.trial, _MOST_WINDOWS_OF_TRIAL, many)
            case "check_outcome":
                most = _OUTCOMES_OF_CHECK * max(1, self._bounds.checks)
                self._few(kind, record.check_outcome.trial, most)
            case "build_outcome":
                variant = record.build_outcome.variant
                most = self._bounds.builds.get(variant, 0) + _MORE_BUILDS
                self._few(kind, variant, most)
            case "image_facts" | "memory_floor" | "runtime_counters":
                variant = getattr(record, kind).variant
                self._once(kind, variant, f"{variant[:80]!r} has two records of {kind}")
            case "image_pulled":
                for variant in record.image_pulled.variants:
                    self._once(kind, variant, f"the image of {variant} was pulled twice")
            case _:
                pass

    def _once(self, kind: str, of: int | str, words: str) -> None:
        self._counts[kind, of] += 1
        if self._counts[kind, of] > 1:
            raise Unbelievable(words)

    def _few(self, kind: str, of: int | str, most: int, many: int = 1) -> None:
        self._counts[kind, of] += many
        if self._counts[kind, of] > most:
            where = f"variant {of[:80]!r}" if isinstance(of, str) else f"trial {of}"
            what = "windows" if kind == "load_windows" else "records"
            raise Unbelievable(f"{kind}: more than the {most} {what} that {where} may have")


def checked(
    records: Iterator[tuple[int, pb.Record | PackedSamples]], bounds: Bounds, elapsed_seconds: float
) -> Iterator[pb.Record | PackedSamples]:
    """Stored records (envelope's trial, record), each held against the bounds on its way.

    What is packed was looked at by `usual_batch`, but for what the plan allows.
    Raises Unbelievable also for records that there are too many of, and for a run
    that says it took longer than the `elapsed_seconds` between its lease and its end here.
    """
    counts = RecordCounts(bounds)
    most = most_trials(bounds)
    for trial, record in records:
        if isinstance(record, PackedSamples):
            at_most("samples.trial", record.trial, most)
            yield record
            continue
        check_record(record, trial, bounds)
        counts.add(record)
        if record.HasField("run_outcome"):
            limit = _CLOCK_FACTOR * elapsed_seconds + _CLOCK_REST_SECONDS
            at_most("run_outcome.duration_seconds", record.run_outcome.duration_seconds, limit)
        yield record
