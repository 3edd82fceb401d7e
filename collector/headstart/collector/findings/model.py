"""What analysis finds, as plain data: reports, metrics and the gate read only this.

Every number is in the unit that its metric names (seconds, bytes, requests/s).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from headstart.collector.findings.builds import PackageCheck, VariantBuild, VariantDiagnostics
from headstart.collector.findings.cases import VariantCases
from headstart.collector.findings.companions import Companion
from headstart.collector.findings.counters import RuntimeCounters
from headstart.collector.findings.figures import Comparison, Figure
from headstart.collector.findings.gates import GateLimit, GateOutcome, Recommendation
from headstart.collector.findings.host_found import Fact, RunHost
from headstart.collector.findings.images import Image
from headstart.collector.findings.jobs import JobBreakEven
from headstart.collector.findings.load import RunLoad
from headstart.collector.findings.memory import RunMemory
from headstart.collector.findings.starts import Start
from headstart.words.gate_profiles import Subject
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord


@dataclass(frozen=True)
class VariantOutcome:
    """What became of a variant as a whole."""

    variant: str
    compilation: str
    source: str
    digest: str
    trials: int
    trials_failed: int
    trials_invalid: int
    outcome: Outcome
    failure_message: str = ""
    output_tail: str = ""
    checks_passed: int = 0
    checks_failed: int = 0
    # First failing checks, as sentences.
    failing_checks: tuple[str, ...] = ()
    # Flag code -> in how many trials.
    flags: dict[str, int] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    description: str = ""
    # What its program was found to be, such as "native_aot"; empty: not known.
    binary_kind: str = ""
    # A sentence, where that is not what the experiment says of it.
    mislabelled: str = ""
    # What trials failed of for the most part; None: none failed.
    failure: Outcome | None = None
    # Trials in which more than 1 % of the responses under load were wrong.
    trials_wrong_under_load: int = 0
    # Answers of all loads; those that were held against all of their check, body and fields too;
    # those of them that failed it; those whose status the load driver could not read.
    load_answers: int = 0
    bodies_checked: int = 0
    bodies_wrong: int = 0
    statuses_unread: int = 0
    # Trials in which a check failed.
    trials_failing_checks: int = 0
    # Of the failed trials, those in which something that stands beside the app failed: nothing
    # else is said of them; and what the first of them says.
    trials_companion_failed: int = 0
    companion_message: str = ""


class Effect(StrEnum):
    """What of a trial is left out."""

    # Its times of startup.
    STARTUP = "startup"
    # What was measured under load; of a batch program, the times of its jobs.
    LOAD = "load"
    # Memory that was read in one phase.
    MEMORY = "memory"
    # All of it.
    TRIAL = "trial"


@dataclass(frozen=True)
class InvalidTrial:
    """A trial whose figures, or some of them, are left out, and why."""

    trial: int
    block: int
    variant: str
    effect: Effect
    code: str
    text: str


@dataclass(frozen=True)
class RunResult:
    """Everything that a report of one run says."""

    # How `json` reads it, and all that is within: as it was written, or not at all.
    __pydantic_config__ = {"extra": "forbid", "strict": True, "allow_inf_nan": False}  # noqa: RUF012

    run_id: str
    attempt: int
    experiment: str
    baseline: str
    host: RunHost
    revision: str
    state: RunWord
    reason: str
    started_unix_seconds: float
    ended_unix_seconds: float
    seed: int
    blocks_completed: int
    variants: tuple[VariantOutcome, ...]
    figures: tuple[Figure, ...]
    comparisons: tuple[Comparison, ...]
    invalid_trials: tuple[InvalidTrial, ...]
    # Differences between variants that may explain a result by themselves.
    confounders: tuple[str, ...]
    # Sentences about what is missing or limited in this run.
    remarks: tuple[str, ...]
    source_text: str
    # What a reader needs to run the same again, such as "server on CPU 0".
    plan_description: tuple[str, ...] = ()
    # Whether memory was read by cgroup and process, what stamped exec, ...
    method: tuple[Fact, ...] = ()
    load: RunLoad = field(default_factory=RunLoad)
    memory: RunMemory = field(default_factory=RunMemory)
    # Of batch programs.
    job_break_evens: tuple[JobBreakEven, ...] = ()
    # Whether this is an A/A run: its verdicts are about the host.
    aa: bool = False
    # In the order of the experiment file.
    images: tuple[Image, ...] = ()
    # Clean and cached, in the order of the file; diagnostics are those of one clean build.
    builds: tuple[VariantBuild, ...] = ()
    diagnostics: tuple[VariantDiagnostics, ...] = ()
    package_checks: tuple[PackageCheck, ...] = ()
    runtime_counters: tuple[RuntimeCounters, ...] = ()
    # What can be measured of this experiment.
    subjects: tuple[Subject, ...] = ()
    # Name of the profile behind the gates, with "and the file's own" or alone, for a reader.
    gates_from: str = ""
    gates: tuple[GateLimit, ...] = ()
    gate_outcomes: tuple[GateOutcome, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    # It failed by a fault of the agent or the collector, and says nothing of the experiment.
    system_broke: bool = False
    # For each variant that was started, that of its median trial.
    starts: tuple[Start, ...] = ()
    # Tests in containers that left results, by check and variant.
    cases: tuple[VariantCases, ...] = ()
    # What stood beside the app, in the order of the file.
    companions: tuple[Companion, ...] = ()

    def figure(self, metric: str, variant: str) -> Figure | None:
        """The figure of one metric and variant, or None when it was not measured."""
        return next((f for f in self.figures if (f.metric, f.variant) == (metric, variant)), None)

    def comparison(self, metric: str, variant: str) -> Comparison | None:
        """The comparison of one metric and variant with the baseline, or None."""
        return next(
            (c for c in self.comparisons if (c.metric, c.variant) == (metric, variant)), None
        )
