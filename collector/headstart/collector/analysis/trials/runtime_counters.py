"""What the runtimes said of themselves, as results: shown beside the figures, never compared."""

import math
from collections.abc import Iterable, Iterator, Mapping

from headstart.collector.findings import CounterReading, PhaseWord, RuntimeCounters
from headstart.v1 import records_pb2 as pb

_PHASES = {
    pb.Phase.PHASE_STARTUP: PhaseWord.STARTUP,
    pb.Phase.PHASE_IDLE: PhaseWord.IDLE,
    pb.Phase.PHASE_LOAD: PhaseWord.LOAD,
}


def runtime_counters(
    variants: Iterable[str], records: Mapping[str, pb.RuntimeCounters]
) -> Iterator[RuntimeCounters]:
    """One for each variant that was asked, in the order of the experiment file."""
    for variant in variants:
        if variant in records:
            record = records[variant]
            yield RuntimeCounters(
                variant, record.source, tuple(_readings(record.counters)), record.reason
            )


def _readings(counters: Iterable[pb.RuntimeCounter]) -> Iterator[CounterReading]:
    """By phase in its order; what is no number of anything is left out."""
    found: dict[int, dict[str, float]] = {}
    for counter in counters:
        if math.isfinite(counter.value) and counter.value >= 0:
            found.setdefault(counter.phase, {})[counter.name] = counter.value
    for phase, name in _PHASES.items():
        if phase in found:
            yield CounterReading(name, found[phase])
