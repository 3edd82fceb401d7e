"""What runtimes report of themselves."""

from dataclasses import dataclass

from headstart.collector.findings.memory import PhaseWord


@dataclass(frozen=True)
class CounterReading:
    """What a runtime said of itself at the end of a phase, by name; the unit ends the name."""

    phase: PhaseWord
    values: dict[str, float]


@dataclass(frozen=True)
class RuntimeCounters:
    """Of one variant, from a trial of its own; `reason`: why there are none, or not all."""

    variant: str
    # Such as ".NET 10.0.12, EventPipe"; empty: no runtime answered.
    source: str
    readings: tuple[CounterReading, ...]
    reason: str = ""
