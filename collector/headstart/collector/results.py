"""What analysis finds, as plain data: reports, metrics and the gate read only this.

Every number is in the unit that its metric names (seconds, bytes, requests/s).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from headstart.collector.build_results import PackageCheck, VariantBuild, VariantDiagnostics
from headstart.collector.job_results import JobBreakEven


class Verdict(StrEnum):
    """A variant's metric against the baseline's, with a margin."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    # Nothing to compare: a side has no valid value; the reason says why.
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Interval:
    """A confidence interval, 95 % unless said otherwise."""

    low: float
    high: float


@dataclass(frozen=True)
class Metric:
    """One entry of the catalogue in `analysis/metrics.py`."""

    # Such as "startup_seconds"; the unit is its last word.
    name: str
    title: str
    unit: str
    lower_is_better: bool
    # Default margin of equivalence, as a ratio: 0.05 = 5 %.
    margin: float
    description: str
    # The ratio of medians or, for throughput, of means.
    center: str = "median"
    # The same in every trial by nature (bytes of an image): compared without statistics.
    exact: bool = False
    # False: shown as it is; a ratio of it means nothing (it may rightly be zero).
    compared: bool = True
    # Whether `blocks: auto` goes on until its verdict is decided.
    headline: bool = False
    # What is repeated to measure it again: a trial of each block, or a build.
    replicate: str = "trial"


# `RunResult.state` of a run of which not all records are stored: nothing is judged by it.
INCOMPLETE = "incomplete"
# `VariantOutcome.outcome` of a variant that has figures, and of one whose answers are wrong.
MEASURED = "measured"
CHECKS_FAIL = "checks fail"


class Basis(StrEnum):
    """What the trials behind a figure or a comparison are worth."""

    VALID = "valid"
    # Fewer than three were valid, so that flagged ones were taken in as well.
    FLAGGED = "flagged"


@dataclass(frozen=True)
class Figure:
    """One metric of one variant of one run: the valid trials and their middle."""

    metric: str
    variant: str
    # One value per valid trial, with its block; same length.
    values: tuple[float, ...]
    blocks: tuple[int, ...]
    # Trials that had the value but were left out as invalid.
    excluded: int
    center: float | None
    # Of a memory floor: its bracket.
    interval: Interval | None
    # Of 20 trials or more.
    p95: float | None = None
    # The values that were left out, for plots that show them as such.
    excluded_values: tuple[float, ...] = ()
    basis: Basis = Basis.VALID


@dataclass(frozen=True)
class Comparison:
    """One metric of one variant against the baseline."""

    metric: str
    variant: str
    baseline: str
    verdict: Verdict
    # variant / baseline; None when unavailable.
    ratio: float | None
    interval: Interval | None
    margin: float
    # Blocks in which both sides had a valid value.
    blocks: int
    reason: str = ""
    # Of the interval at this look. A plan that stops when decided looks up to four
    # times and takes each interval wider, so that all of them hold together with 95 %.
    confidence: float = 0.95
    basis: Basis = Basis.VALID


class GateStatus(StrEnum):
    """A gate's limit against the whole interval of what was measured."""

    PASSED = "pass"
    FAILED = "fail"
    # The interval lies across the limit, or disturbed trials are all there is.
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


class Decision(StrEnum):
    """What is recommended of a variant."""

    PROCEED = "proceed"
    DEFER = "defer"
    REJECT = "reject"


@dataclass(frozen=True)
class GateLimit:
    """One limit that every variant but the baseline is held against."""

    metric: str
    # "max" or "min", in the metric's unit; "margin": at most so much worse than the baseline.
    kind: str
    bound: float
    # Missing it rejects. False: nobody stated it, so missing it is a trade-off to decide.
    hard: bool = True


@dataclass(frozen=True)
class GateOutcome:
    """One limit and one variant."""

    variant: str
    limit: GateLimit
    status: GateStatus
    # The figure, or for a margin the ratio to the baseline's; None: not measured.
    value: float | None
    interval: Interval | None
    # Trials behind a figure, blocks behind a ratio.
    count: int
    # What was asked and what was found, with interval and run, as one sentence.
    text: str
    # Why it is undecided or was not measured.
    reason: str = ""
    # Blocks that it may take to decide, if figures stay as they are; None: cannot be said.
    more_blocks: int | None = None


@dataclass(frozen=True)
class Recommendation:
    """What is recommended of one variant, and why."""

    variant: str
    decision: Decision
    # The reason in one sentence.
    summary: str
    # What the decision rests on, a sentence each.
    rationale: tuple[str, ...] = ()
    # What is still open, and what would settle it; empty for `proceed`.
    missing: tuple[str, ...] = ()
    # The last output of a variant that did not work.
    output_tail: str = ""


@dataclass(frozen=True)
class Series:
    """One variant's quantity over time, for plots: per trial x ascending seconds."""

    variant: str
    trial: int
    # Seconds from exec.
    seconds: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class WindowSeries:
    """Throughput and latency of one trial's load, window by window."""

    variant: str
    trial: int
    # Start and width of each window, in seconds from the first correct response.
    start_seconds: tuple[float, ...]
    width_seconds: tuple[float, ...]
    # Correct responses per second.
    throughput_per_second: tuple[float, ...]
    # None: nothing was completed in the window.
    latency_p50_seconds: tuple[float | None, ...]
    latency_p99_seconds: tuple[float | None, ...]
    valid: bool = True
    block: int = 0
    # First correct response, in seconds from exec; None: exec was not stamped.
    startup_seconds: float | None = None


@dataclass(frozen=True)
class Ramp:
    """One trial under a rate that was made to rise, by rate; all tuples are of one length."""

    variant: str
    trial: int
    # Requests per second that were due, and those that were answered correctly.
    offered_per_second: tuple[float, ...]
    throughput_per_second: tuple[float, ...]
    # From the intended send; None: nothing was completed.
    latency_p50_seconds: tuple[float | None, ...]
    latency_p99_seconds: tuple[float | None, ...]
    # The highest rate that was held; None: not even the lowest.
    held_per_second: float | None
    # False: every rate was held, so that the highest is not known.
    saturated: bool
    valid: bool = True


@dataclass(frozen=True)
class Warmup:
    """The course of one trial's throughput under load; seconds from the beginning of load."""

    variant: str
    trial: int
    # "flat", "warmup", "slowdown", "no steady state", "too short".
    shape: str
    observed_seconds: float
    # Where the steady part begins; None: there is none, and `reason` says how it ended.
    steady_from_seconds: float | None
    steady_per_second: float | None
    first_second_per_second: float | None
    # Over the first five seconds.
    first_seconds_per_second: float | None
    last_second_per_second: float | None
    reason: str = ""
    valid: bool = True
    # It varied too much to tell by itself; all trials of the variant together told.
    in_company: bool = False


@dataclass(frozen=True)
class VariantWarmup:
    """The trials of one variant together: "inconsistent" where they disagree."""

    variant: str
    shape: str
    trials: int
    settled: int
    # Median over the settled trials; 0 of a flat variant.
    steady_from_seconds: float | None
    observed_seconds: float
    # Such as "was still rising after 30 s in 2 of 3 trials".
    reason: str = ""
    # Of the settled ones: which could not tell by themselves.
    in_company: int = 0


@dataclass(frozen=True)
class FloorStep:
    """One probe of a memory limit; `limit_bytes` 0: the reference, without a tight limit."""

    limit_bytes: int
    serves: bool
    reason: str
    throughput_per_second: float
    startup_seconds: float | None
    rss_peak_bytes: int
    cgroup_peak_bytes: int


@dataclass(frozen=True)
class MemoryFloor:
    """The smallest memory limit at which a variant serves, and how it was found."""

    variant: str
    # None: there is none, and `reason` says why.
    serves_bytes: int | None
    # Largest limit below that failed; None: it served at the smallest that is tried.
    fails_bytes: int | None
    reason: str
    reference_throughput_per_second: float
    # Less than this share of the reference's throughput is not serving.
    throughput_share: float
    load_seconds: float
    duration_seconds: float
    steps: tuple[FloorStep, ...]


@dataclass(frozen=True)
class PhaseSplit:
    """What a variant's memory was made of at a phase's end; medians over its trials.

    None: not measured. Peaks are those within the phase.
    """

    variant: str
    # "startup", "idle", "load", "settled".
    phase: str
    trials: int
    # Sums over the processes; of shared pages PSS counts each process's part.
    rss_bytes: float | None
    rss_peak_bytes: float | None
    high_water_bytes: float | None
    pss_bytes: float | None
    uss_bytes: float | None
    # Of the control group.
    group_bytes: float | None
    anonymous_bytes: float | None
    file_bytes: float | None
    kernel_bytes: float | None
    group_peak_bytes: float | None
    processes: float | None
    threads: float | None


class Overtaking(StrEnum):
    """Whether the slower starter ever completes as much work as the faster one."""

    # Within the observed time.
    OBSERVED = "observed"
    # Later, if both go on at their steady rates.
    EXTRAPOLATED = "extrapolated"
    # Not within the observed time, nor after it: its steady rate is the lower one.
    NEVER = "never"
    # Not within the observed time; after it, the steady rates do not differ for sure.
    OPEN = "open"
    # Not within the observed time; nothing is said of later, as not both were steady.
    NOT_OBSERVED = "not observed"
    # Neither starts faster in most blocks: there is nothing to catch up with.
    UNTOLD = "untold"


@dataclass(frozen=True)
class BreakEven:
    """Completed work of two variants over time; seconds from exec, means over blocks.

    The ends of an interval are None where it has none: too few blocks, or for `*_high` and
    `*_low` a time that lies beyond what could be told.
    """

    variant: str
    baseline: str
    # Who answers first, and who has to catch up.
    early: str
    late: str
    blocks: int
    observed_seconds: float
    outcome: Overtaking
    seconds: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    # Completed by each of the two at that time.
    requests: float | None = None
    # How far `late` is behind when the observation ends; negative: ahead.
    behind_requests: float = 0.0
    # From when on the throughput of `late` is no longer behind, within the margin.
    level_seconds: float | None = None
    level_low: float | None = None
    level_high: float | None = None


@dataclass(frozen=True)
class HostCheck:
    """The latest A/A run of a host: one variant under two names."""

    run_id: str
    experiment: str
    passed: bool
    ended_unix_seconds: float
    # Metrics that had a verdict, and the titles of those that differed.
    verdicts: int
    differing: tuple[str, ...] = ()


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
    # "measured", "does not start", "image missing", "checks fail", ...
    outcome: str
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
    # What trials failed of for the most part, in the words of `outcome`; empty: none failed.
    failure: str = ""
    # Trials in which more than 1 % of the responses under load were wrong.
    trials_wrong_under_load: int = 0


@dataclass(frozen=True)
class ImageLayer:
    """One layer of an image."""

    bytes: int
    # None: not known.
    pull_bytes: int | None
    created_by: str
    # Whether it is the base's.
    base: bool


@dataclass(frozen=True)
class Image:
    """The bytes of what a variant runs, by part; None: not known.

    Of a command there are only the kind, its own bytes and its symbols.
    """

    variant: str
    unpacked_bytes: int | None
    pull_bytes: int | None
    # Compressed on the host, since the engine does not keep what was pulled.
    pull_estimated: bool
    above_base_bytes: int | None
    # What is below; empty: not known.
    base: str
    # "named", "local image", "assumed": how it is known.
    base_source: str
    own_bytes: int | None
    symbol_bytes: int | None
    binary_kind: str
    binary_path: str
    layers: tuple[ImageLayer, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CounterReading:
    """What a runtime said of itself at the end of a phase, by name; the unit ends the name."""

    # "startup", "idle", "load".
    phase: str
    values: dict[str, float]


@dataclass(frozen=True)
class RuntimeCounters:
    """Of one variant, from a trial of its own; `reason`: why there are none, or not all."""

    variant: str
    # Such as ".NET 10.0.12, EventPipe"; empty: no runtime answered.
    source: str
    readings: tuple[CounterReading, ...]
    reason: str = ""


@dataclass(frozen=True)
class InvalidTrial:
    """A trial whose figures, or some of them, are left out, and why."""

    trial: int
    block: int
    variant: str
    effect: str
    code: str
    text: str


@dataclass(frozen=True)
class RunResult:
    """Everything that a report of one run says."""

    run_id: str
    attempt: int
    experiment: str
    baseline: str
    host: str
    fingerprint: str
    cpu_model: str
    revision: str
    state: str
    reason: str
    started_unix_seconds: float
    ended_unix_seconds: float
    seed: int
    blocks_completed: int
    variants: tuple[VariantOutcome, ...]
    figures: tuple[Figure, ...]
    comparisons: tuple[Comparison, ...]
    invalid_trials: tuple[InvalidTrial, ...]
    rss_series: tuple[Series, ...]
    load_series: tuple[WindowSeries, ...]
    host_facts: tuple[tuple[str, str], ...]
    advice: tuple[tuple[str, str, str], ...]
    # Differences between variants that may explain a result by themselves.
    confounders: tuple[str, ...]
    # Sentences about what is missing or limited in this run.
    remarks: tuple[str, ...]
    source_text: str
    warmups: tuple[Warmup, ...] = ()
    variant_warmups: tuple[VariantWarmup, ...] = ()
    # The load as asked for, such as "16 connections, closed loop, 60 s, h2load 1.52".
    load_description: str = ""
    # What a reader needs to run the same again, such as "server on CPU 0".
    plan_description: tuple[str, ...] = ()
    # Whether memory was read by cgroup and process, what stamped exec, ...
    method: tuple[tuple[str, str], ...] = ()
    break_evens: tuple[BreakEven, ...] = ()
    # Of batch programs.
    job_break_evens: tuple[JobBreakEven, ...] = ()
    # Whether this is an A/A run: its verdicts are about the host.
    aa: bool = False
    # Whether the run's start described another machine than the agent's hello did.
    host_changed: bool = False
    # The host's latest A/A run, as of the report; None: there was none.
    host_check: HostCheck | None = None
    # In the order of the experiment file.
    images: tuple[Image, ...] = ()
    # Clean and cached, in the order of the file; diagnostics are those of one clean build.
    builds: tuple[VariantBuild, ...] = ()
    diagnostics: tuple[VariantDiagnostics, ...] = ()
    package_checks: tuple[PackageCheck, ...] = ()
    # Of loads whose rate rises.
    ramps: tuple[Ramp, ...] = ()
    memory_floors: tuple[MemoryFloor, ...] = ()
    memory_phases: tuple[PhaseSplit, ...] = ()
    runtime_counters: tuple[RuntimeCounters, ...] = ()
    # What can be measured of this experiment: "service" or "batch", "load", "image".
    subjects: tuple[str, ...] = ()
    # Name of the profile behind the gates, with "and the file's own" or alone, for a reader.
    gates_from: str = ""
    gates: tuple[GateLimit, ...] = ()
    gate_outcomes: tuple[GateOutcome, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()

    def figure(self, metric: str, variant: str) -> Figure | None:
        """The figure of one metric and variant, or None when it was not measured."""
        return next((f for f in self.figures if (f.metric, f.variant) == (metric, variant)), None)

    def comparison(self, metric: str, variant: str) -> Comparison | None:
        """The comparison of one metric and variant with the baseline, or None."""
        return next(
            (c for c in self.comparisons if (c.metric, c.variant) == (metric, variant)), None
        )
