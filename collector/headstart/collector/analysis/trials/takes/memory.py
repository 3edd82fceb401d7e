"""Memory, phase by phase, as the agent read it."""

from collections.abc import Callable

from headstart.collector.analysis.trials.takes.trial_data import Take, TrialData
from headstart.v1.records_pb2 import Phase, PhaseMemory
from headstart.words import metrics
from headstart.words.metric import Metric


def _in(phase: Phase.ValueType, read: Callable[[PhaseMemory], int]) -> Take:
    """A reading of zero bytes is a reading that failed."""

    def take(data: TrialData) -> float | None:
        found = data.trial.memory(phase)
        return float(read(found)) or None if found is not None else None

    return take


def _high_water(data: TrialData) -> float | None:
    """Of trials with load only, where there is load: else two kinds of trial would be mixed."""
    loaded = (Phase.PHASE_SETTLED, Phase.PHASE_LOAD)
    phases = loaded if data.load_planned else (Phase.PHASE_IDLE,)
    found = next((m for phase in phases if (m := data.trial.memory(phase))), None)
    return float(found.high_water_bytes) or None if found is not None else None


TAKES: dict[Metric, Take] = {
    metrics.RSS_STARTUP: _in(Phase.PHASE_STARTUP, lambda m: m.rss_peak_bytes),
    metrics.RSS_IDLE: _in(Phase.PHASE_IDLE, lambda m: m.rss_bytes),
    metrics.RSS_LOAD: _in(Phase.PHASE_LOAD, lambda m: m.rss_peak_bytes),
    metrics.RSS_SETTLED: _in(Phase.PHASE_SETTLED, lambda m: m.rss_bytes),
    metrics.MEMORY_HIGH_WATER: _high_water,
}

# What was read at the end of a phase, or seen within it, is read late with it.
PHASES: dict[Metric, frozenset[Phase.ValueType]] = {
    metrics.RSS_STARTUP: frozenset({Phase.PHASE_STARTUP}),
    metrics.RSS_IDLE: frozenset({Phase.PHASE_IDLE}),
    metrics.RSS_SETTLED: frozenset({Phase.PHASE_SETTLED}),
    metrics.MEMORY_HIGH_WATER: frozenset({Phase.PHASE_IDLE, Phase.PHASE_SETTLED}),
}
