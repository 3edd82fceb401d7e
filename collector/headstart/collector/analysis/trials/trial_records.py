"""A run's records sorted into trials, in one pass over them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from headstart.collector.analysis.trials.ended_trial import exec_ns
from headstart.collector.analysis.trials.samples import Samples
from headstart.collector.findings.packed_samples import PackedSamples
from headstart.v1.records_pb2 import (
    BuildOutcome,
    CheckOutcome,
    FailureCode,
    Gap,
    ImageFacts,
    ImagePulled,
    LoadWindow,
    LoadWindows,
    MemoryFloor,
    Phase,
    PhaseMemory,
    Record,
    RunOutcome,
    RunStarted,
    RuntimeCounters,
    TrialOutcome,
    TrialStarted,
)


class Window(NamedTuple):
    """One window of load; seconds from the beginning of load. A run has very many."""

    start_seconds: float
    width_seconds: float
    # Responses that were complete and right; others are no throughput.
    correct: int
    window: LoadWindow


@dataclass
class Trial:
    """Everything that the records say of one trial that has an outcome."""

    outcome: TrialOutcome
    started: TrialStarted = field(default_factory=TrialStarted)
    samples: Samples = field(default_factory=Samples)
    loads: list[LoadWindows] = field(default_factory=list)
    checks: list[CheckOutcome] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.outcome.trial

    @property
    def variant(self) -> str:
        return self.outcome.variant

    @property
    def exec_ns(self) -> int:
        """What startup is counted from; 0: the app was never started."""
        return exec_ns(self.outcome.startup)

    @property
    def first_response_ns(self) -> int:
        """0: no correct response came."""
        return self.outcome.startup.first_correct_response_monotonic_ns

    def memory(self, phase: Phase.ValueType) -> PhaseMemory | None:
        """The reading at a phase's end; None when the trial had no such phase."""
        return next((m for m in self.outcome.memory if m.phase == phase), None)

    @property
    def companion_failed(self) -> bool:
        """Whether what stands beside the app failed: the trial says nothing of the app."""
        return self.outcome.failure.code == FailureCode.FAILURE_CODE_COMPANION

    def failing_checks(self) -> dict[str, CheckOutcome]:
        """Checks that a response did not pass, also those that only differ from the baseline.

        None where a companion failed: the app could not answer rightly.
        """
        if self.companion_failed:
            return {}
        return {c.check: c for c in self.checks if not c.passed}

    def windows(self) -> list[Window]:
        """The windows of load in their order; those without a width are left out."""
        if not self.loads:
            return []
        origin = min(load.origin_monotonic_ns for load in self.loads)
        found = [
            Window(
                (load.origin_monotonic_ns - origin) / 1e9 + window.start_us / 1e6,
                window.duration_us / 1e6,
                max(0, window.completed - window.incorrect),
                window,
            )
            for load in self.loads
            for window in load.windows
            if window.duration_us > 0
        ]
        return sorted(found, key=lambda window: window.start_seconds)


@dataclass
class RunRecords:
    """A run's records; `unfinished` are trials that began and have no outcome.

    What is known of the outcome of these is where they stand in the plan.
    """

    trials: list[Trial] = field(default_factory=list)
    unfinished: list[Trial] = field(default_factory=list)
    started: RunStarted | None = None
    outcome: RunOutcome | None = None
    images: dict[str, ImageFacts] = field(default_factory=dict)
    pulls: list[ImagePulled] = field(default_factory=list)
    builds: list[BuildOutcome] = field(default_factory=list)
    floors: dict[str, MemoryFloor] = field(default_factory=dict)
    counters: dict[str, RuntimeCounters] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    # What the agent noted on the run, such as why there was no further block.
    notes: list[str] = field(default_factory=list)

    @property
    def trials_of_apps(self) -> list[Trial]:
        """Those that say something of the app: nothing that stands beside it failed."""
        return [trial for trial in self.trials if not trial.companion_failed]


def gather(records: Iterable[Record | PackedSamples]) -> RunRecords:
    """Sort records, which may come in any order, into trials in the order of their numbers.

    Batches of samples may come by themselves, with their columns packed.
    """
    run = RunRecords()
    trials: dict[int, Trial] = {}
    begun: set[int] = set()

    def trial(number: int) -> Trial:
        if number not in trials:
            trials[number] = Trial(TrialOutcome(trial=number))
        return trials[number]

    finished: set[int] = set()
    for record in records:
        # First, since nearly all records of a long run are samples.
        if isinstance(record, PackedSamples):
            trial(record.trial).samples.add_packed(record)
            continue
        match record.WhichOneof("record"):
            case "samples":
                trial(record.samples.trial).samples.add(record.samples)
            case "run_started":
                run.started = record.run_started
            case "run_outcome":
                run.outcome = record.run_outcome
            case "trial_started":
                trial(record.trial_started.trial).started = record.trial_started
                begun.add(record.trial_started.trial)
            case "trial_outcome":
                trial(record.trial_outcome.trial).outcome = record.trial_outcome
                finished.add(record.trial_outcome.trial)
            case "load_windows":
                trial(record.load_windows.trial).loads.append(record.load_windows)
            case "check_outcome":
                trial(record.check_outcome.trial).checks.append(record.check_outcome)
            case "image_facts":
                run.images[record.image_facts.variant] = record.image_facts
            case "image_pulled":
                run.pulls.append(record.image_pulled)
            case "build_outcome":
                run.builds.append(record.build_outcome)
            case "memory_floor":
                run.floors[record.memory_floor.variant] = record.memory_floor
            case "runtime_counters":
                run.counters[record.runtime_counters.variant] = record.runtime_counters
            case "gap":
                run.gaps.append(record.gap)
            case "event" if record.event.trial == 0 and record.event.text:
                run.notes.append(record.event.text)
            case _:
                pass
    run.trials = [trials[number] for number in sorted(finished)]
    run.unfinished = [_unfinished(trials[number]) for number in sorted(begun - finished)]
    return run


def _unfinished(trial: Trial) -> Trial:
    started = trial.started
    trial.outcome = TrialOutcome(
        trial=started.trial,
        block=started.block,
        position=started.position,
        variant=started.variant,
    )
    return trial
