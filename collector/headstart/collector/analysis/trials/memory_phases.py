"""What memory was made of, by variant and phase: medians over the trials, side by side."""

from collections.abc import Callable, Iterable, Iterator
from statistics import median

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.findings import PhaseSplit, PhaseWord
from headstart.v1.records_pb2 import Phase, PhaseMemory
from headstart.words.metric import Stage

_PHASES = {
    Phase.PHASE_STARTUP: (PhaseWord.STARTUP, Stage.ANY),
    Phase.PHASE_IDLE: (PhaseWord.IDLE, Stage.ANY),
    Phase.PHASE_LOAD: (PhaseWord.LOAD, Stage.LOAD),
    Phase.PHASE_SETTLED: (PhaseWord.SETTLED, Stage.LOAD),
}


def phase_splits(variants: Iterable[str], trials: list[Trial]) -> Iterator[PhaseSplit]:
    """One for each variant and phase that any usable trial measured.

    Flagged trials count only where no other did.
    """
    for variant in variants:
        own = [trial for trial in trials if trial.variant == variant]
        for phase, (name, part) in _PHASES.items():
            read = [
                (found, validity_of(trial, part, {phase}))
                for trial in own
                if (found := trial.memory(phase))
            ]
            valid = [found for found, worth in read if worth is Validity.VALID]
            used = valid or [found for found, worth in read if worth is not Validity.WRONG]
            if used:
                yield _split(variant, name, used)


def _split(variant: str, phase: PhaseWord, readings: list[PhaseMemory]) -> PhaseSplit:
    def middle(take: Callable[[PhaseMemory], int]) -> float | None:
        """Of the trials in which it was measured."""
        values = [value for reading in readings if (value := take(reading))]
        return float(median(values)) if values else None

    # File and kernel memory may rightly be zero where the group was read at all.
    grouped = [reading for reading in readings if reading.cgroup_bytes]

    def part(take: Callable[[PhaseMemory], int]) -> float | None:
        return float(median(map(take, grouped))) if grouped else None

    return PhaseSplit(
        variant=variant,
        phase=phase,
        trials=len(readings),
        rss_bytes=middle(lambda m: m.rss_bytes),
        rss_peak_bytes=middle(lambda m: m.rss_peak_bytes),
        high_water_bytes=middle(lambda m: m.high_water_bytes),
        pss_bytes=middle(lambda m: m.pss_bytes),
        uss_bytes=middle(lambda m: m.uss_bytes),
        cgroup_bytes=middle(lambda m: m.cgroup_bytes),
        anonymous_bytes=part(lambda m: m.cgroup_anonymous_bytes),
        file_bytes=part(lambda m: m.cgroup_file_bytes),
        kernel_bytes=part(lambda m: m.cgroup_kernel_bytes),
        cgroup_peak_bytes=middle(lambda m: m.cgroup_peak_bytes),
        processes=middle(lambda m: m.processes),
        threads=middle(lambda m: m.threads),
    )
