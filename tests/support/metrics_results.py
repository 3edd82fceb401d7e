"""Run results and host states as a collector would have them: made up, but shaped as real.

The figures are those seen on the .NET pair (a JIT that starts in 0.28 s and warms up for
half a minute, an ahead-of-time build that does neither), with a host's own factor.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from headstart.collector.analysis.verdict.gates import profile_limits
from headstart.collector.analysis.verdict.recommendation import with_recommendations
from headstart.collector.findings import (
    Basis,
    BreakEven,
    Comparison,
    Effect,
    Fact,
    Figure,
    Interval,
    InvalidTrial,
    Overtaking,
    RunHost,
    RunLoad,
    RunResult,
    Shape,
    VariantOutcome,
    VariantWarmup,
    Verdict,
    WindowSeries,
)
from headstart.collector.findings.starts import FIRST_RESPONSE, Start
from headstart.v1.experiments_pb2 import Confirmation, HostState, Shift, ShiftState
from headstart.v1.host_pb2 import Advice, AdviceLevel, Cpu, Engine, HostFacts
from headstart.words import metrics
from headstart.words.metric import Stage
from headstart.words.metrics import METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord

XEON = "Intel(R) Xeon(R) CPU @ 2.20GHz"
EPYC = "AMD EPYC 7B13"
TRIALS = 10
NOW = 1_790_000_000.0
# The id of the store that all of it is of.
STORE = "5e0fa11c0ffe"

# Metric -> what the JIT and the ahead-of-time variant do.
_LEVELS = {
    metrics.STARTUP.name: (0.280, 0.035),
    metrics.STARTUP_DATA.name: (0.410, 0.050),
    metrics.STARTUP_CPU.name: (0.300, 0.020),
    metrics.ENGINE_START.name: (0.118, 0.117),
    metrics.RSS_STARTUP.name: (60e6, 19e6),
    metrics.RSS_IDLE.name: (66e6, 21e6),
    metrics.RSS_LOAD.name: (89e6, 37e6),
    metrics.RSS_SETTLED.name: (88e6, 36e6),
    metrics.MEMORY_HIGH_WATER.name: (92e6, 38e6),
    metrics.THROUGHPUT_FIRST.name: (6_500.0, 14_600.0),
    metrics.THROUGHPUT_STEADY.name: (14_700.0, 14_900.0),
    metrics.TIME_TO_STEADY.name: (29.0, 0.0),
    metrics.LATENCY_P50.name: (0.0011, 0.0010),
    metrics.LATENCY_P99.name: (0.0040, 0.0031),
    metrics.LOAD_CPU.name: (71e-6, 66e-6),
    metrics.JOB.name: (3.7, 0.65),
    metrics.JOBS_RATE.name: (0.27, 1.54),
    metrics.JOB_CPU.name: (3.5, 0.6),
    metrics.JOB_MEMORY.name: (245e6, 132e6),
    metrics.LONG_JOB.name: (6.5, 1.4),
    metrics.LONG_JOB_CPU.name: (6.4, 1.4),
    metrics.LONG_JOB_MEMORY.name: (275e6, 170e6),
    metrics.BUILD.name: (5.2, 23.5),
    metrics.BUILD_CPU.name: (9.0, 31.0),
    metrics.BUILD_MEMORY.name: (150e6, 870e6),
    metrics.IMAGE_UNPACKED.name: (118e6, 14e6),
    metrics.IMAGE_PULL.name: (47e6, 6e6),
    metrics.IMAGE_ABOVE_BASE.name: (2e6, 12e6),
    metrics.IMAGE_OWN.name: (2e6, 12e6),
    metrics.PULL.name: (3.1, 0.7),
    metrics.PULL_TRANSFERRED.name: (47e6, 6e6),
}


def run_result(
    experiment: str = "players-api",
    host: str = "alpha",
    *,
    cpu_model: str = XEON,
    fingerprint: str = "c0ffee12",
    ended: float = NOW,
    variants: Sequence[str] = ("jit", "aot"),
    factor: float = 1.0,
) -> RunResult:
    """A run in which the first variant is a JIT and the baseline, the others are not."""
    figures = [
        _figure(metric, variant, index, factor)
        for metric in METRICS
        for index, variant in enumerate(variants)
    ]
    result = RunResult(
        run_id=f"{experiment}-{host}-{ended:.0f}",
        attempt=1,
        experiment=experiment,
        baseline=variants[0],
        host=RunHost(host, fingerprint, cpu_model, (Fact("kernel", "6.18.0"),), ()),
        revision="3f2c1ab",
        state=RunWord.DONE,
        reason="",
        started_unix_seconds=ended - 1_200,
        ended_unix_seconds=ended,
        seed=7,
        blocks_completed=TRIALS,
        variants=tuple(outcome(variant) for variant in variants),
        figures=tuple(figures),
        comparisons=tuple(
            _comparison(metric.name, variant, variants[0])
            for metric in METRICS.values()
            if metric.compared
            for variant in variants[1:]
        ),
        invalid_trials=(
            InvalidTrial(3, 2, variants[0], Effect.STARTUP, "run_delay", "run delay 3 ms"),
        ),
        confounders=(),
        remarks=(),
        source_text="experiment: players-api\n",
        starts=tuple(_start(variant, late=index == 0) for index, variant in enumerate(variants)),
        load=RunLoad(
            break_evens=tuple(_break_even(variant, variants[0]) for variant in variants[1:]),
            series=tuple(
                _load(variant, trial, warming=index == 0)
                for index, variant in enumerate(variants)
                for trial in range(1, 4)
            ),
            variant_warmups=tuple(
                VariantWarmup(
                    variant=variant,
                    shape=Shape.WARMUP if index == 0 else Shape.FLAT,
                    trials=3,
                    settled=3,
                    steady_from_seconds=29.0 if index == 0 else 0.0,
                    observed_seconds=60.0,
                )
                for index, variant in enumerate(variants)
            ),
        ),
    )
    limits = profile_limits("ci-default", ("service", "idle", "load", "image"), {})
    return with_recommendations(result, "ci-default", limits)


def outcome(variant: str) -> VariantOutcome:
    """A variant that was measured, with one trial that something disturbed."""
    return VariantOutcome(
        variant=variant,
        compilation="aot" if "aot" in variant else "jit",
        source=f"players:{variant}",
        digest="sha256:" + "0123456789abcdef" * 4,
        trials=TRIALS,
        trials_failed=0,
        trials_invalid=1,
        outcome=Outcome.MEASURED,
        checks_passed=4 * TRIALS,
        checks_failed=0,
    )


def does_not_start(result: RunResult, variant: str) -> RunResult:
    """The same run, with a variant that never answered."""
    dead = replace(
        outcome(variant),
        trials_failed=TRIALS,
        trials_invalid=0,
        outcome=Outcome.DOES_NOT_START,
        failure_message="exited with status 134 after 0.4 s",
        checks_passed=0,
    )
    load = replace(
        result.load,
        series=tuple(s for s in result.load.series if s.variant != variant),
        variant_warmups=tuple(w for w in result.load.variant_warmups if w.variant != variant),
    )
    return replace(
        result,
        variants=tuple(dead if v.variant == variant else v for v in result.variants),
        figures=tuple(f for f in result.figures if f.variant != variant),
        comparisons=tuple(c for c in result.comparisons if c.variant != variant),
        load=load,
    )


def fleet(now: float = NOW) -> list[RunResult]:
    """Two experiments on three hosts of two kinds; in one a variant does not start. An A/A run."""
    variants = ("jit", "r2r", "aot-scratch")
    squad = run_result("squad-api", "alpha", variants=("jit", "aot"), ended=now - 60)
    return [
        run_result(variants=variants, ended=now - 600),
        run_result(host="beta", variants=variants, factor=1.03, ended=now - 900),
        run_result(
            host="gamma",
            variants=variants,
            factor=0.7,
            cpu_model=EPYC,
            fingerprint="beefcafe",
            ended=now - 86_400,
        ),
        does_not_start(squad, "aot"),
        # Of two variants that differ: as if the host made the difference.
        replace(run_result("players-api.aa", "beta", factor=1.03, ended=now - 1200), aa=True),
    ]


def host_state(
    name: str = "alpha",
    *,
    connected: bool = True,
    last_seen: float = NOW,
    spool_bytes: int = 4096,
    running: str = "",
    cpu_model: str = XEON,
    advice: Sequence[AdviceLevel.ValueType] = (),
) -> HostState:
    """A host as the collector knows it."""
    facts = HostFacts(
        host=name,
        fingerprint="c0ffee12",
        cpu=Cpu(model=cpu_model, virtualisation="kvm"),
        kernel="6.18.0",
        operating_system="Debian GNU/Linux 12",
        engine=Engine(name="docker", version="20.10.24"),
        agent_version="0.1.0",
        advice=[Advice(level=level, code="governor") for level in advice],
    )
    return HostState(
        host=facts,
        connected=connected,
        last_seen_time_seconds=last_seen,
        spool_bytes=spool_bytes,
        running_run_id=running,
        queued_runs=2 if running else 0,
    )


def host_states(now: float = NOW) -> list[HostState]:
    """The hosts of `fleet`: one busy, one idle, one lost and badly set up."""
    return [
        host_state("alpha", running="run-1", last_seen=now),
        host_state("beta", spool_bytes=1 << 20, last_seen=now),
        host_state(
            "gamma",
            connected=False,
            last_seen=now - 3_600,
            cpu_model=EPYC,
            advice=[AdviceLevel.ADVICE_LEVEL_BAD, AdviceLevel.ADVICE_LEVEL_WARNING],
        ),
    ]


def _figure(metric: str, variant: str, index: int, factor: float) -> Figure:
    jit, aot = _LEVELS.get(metric, (2.0, 1.0))
    level = (jit if index == 0 else aot * (1 + 0.02 * index)) * factor
    exact = METRICS[metric].exact
    values = tuple(level * (1.0 if exact else 1 + 0.01 * math.sin(t)) for t in range(TRIALS))
    return Figure(
        metric=metric,
        variant=variant,
        values=values,
        blocks=tuple(range(1, TRIALS + 1)),
        excluded=1,
        center=level,
        interval=None if exact else Interval(level * 0.99, level * 1.01),
        p95=None if exact else level * 1.02,
    )


def _comparison(metric: str, variant: str, baseline: str) -> Comparison:
    jit, aot = _LEVELS.get(metric, (2.0, 1.0))
    ratio = aot / jit
    margin = METRICS[metric].margin
    if abs(ratio - 1) <= margin:
        verdict = Verdict.EQUIVALENT
    elif (ratio < 1) == METRICS[metric].lower_is_better:
        verdict = Verdict.BETTER
    else:
        verdict = Verdict.WORSE
    return Comparison(
        metric=metric,
        variant=variant,
        baseline=baseline,
        verdict=verdict,
        ratio=ratio,
        interval=Interval(ratio * 0.99, ratio * 1.01),
        margin=margin,
        blocks=TRIALS,
        basis=Basis.FLAGGED if metric == metrics.LATENCY_P99.name else Basis.VALID,
    )


def _load(variant: str, trial: int, *, warming: bool) -> WindowSeries:
    """Sixty seconds of load: 100 ms windows for five seconds, then one a second."""
    starts = [i / 10 for i in range(50)] + [float(i) for i in range(5, 60)]
    widths = [0.1] * 50 + [1.0] * 55
    steady = 14_700.0 + 10 * trial
    throughput = [
        steady * (1 - 0.6 * math.exp(-(start + width / 2) / 8)) if warming else steady
        for start, width in zip(starts, widths, strict=True)
    ]
    return WindowSeries(
        variant=variant,
        trial=trial,
        start_seconds=tuple(starts),
        width_seconds=tuple(widths),
        throughput_per_second=tuple(throughput),
        latency_p50_seconds=tuple(16 / t for t in throughput),
        latency_p99_seconds=tuple(48 / t for t in throughput),
    )


def _start(variant: str, *, late: bool) -> Start:
    ready = 0.28 if late else 0.035
    stamps = {"start_call": -0.12, "connected": 0.9 * ready, FIRST_RESPONSE: ready}
    return Start(variant, 1, 1, stamps, "gate", connect_attempts=3)


def _break_even(variant: str, baseline: str) -> BreakEven:
    """The JIT catches up after what was observed, by its steady rate."""
    return BreakEven(
        variant=variant,
        baseline=baseline,
        early=variant,
        late=baseline,
        blocks=TRIALS,
        observed_seconds=60.0,
        outcome=Overtaking.EXTRAPOLATED,
        seconds=75.0,
    )


def of_a_service(result: RunResult) -> RunResult:
    """What one experiment of a service in images has of it: no jobs, no builds, no other loads."""
    absent = {Stage.JOBS, Stage.BUILD, Stage.FLOOR, Stage.RAMP}
    odd = (
        metrics.THROUGHPUT_LOAD,
        metrics.LATENCY_LOAD_P99,
        metrics.PULL,
        metrics.PULL_TRANSFERRED,
    )
    kept = {
        each.name
        for each in METRICS.values()
        if each.stage not in absent and each.job is None and each not in odd
    }
    return replace(
        result,
        figures=tuple(each for each in result.figures if each.metric in kept),
        comparisons=tuple(each for each in result.comparisons if each.metric in kept),
    )


def shifts(now: float = NOW, experiment: str = "players-api") -> list[Shift]:
    """A regression that a rerun confirmed, and an improvement."""
    common: dict[str, Any] = {
        "experiment": experiment,
        "variant": "aot",
        "fingerprint": "c0ffee12",
        "cpu_model": XEON,
        "host": "alpha",
        "since_run_id": "r-new",
        "before_run_id": "r-old",
        "before_revision": "9d8e7f6",
        "first_seen_time_seconds": now - 600,
        "state": ShiftState.SHIFT_STATE_OPEN,
    }
    return [
        Shift(
            metric=metrics.STARTUP.name,
            shift_id=len(experiment),
            before=0.028,
            after=0.035,
            ratio=1.25,
            ratio_low=1.22,
            ratio_high=1.27,
            worse=True,
            rerun_run_id="r-again",
            confirmation=Confirmation.CONFIRMATION_RERUN,
            since_revision="3f2c1ab",
            **common,
        ),
        Shift(
            metric=metrics.RSS_IDLE.name,
            shift_id=1000 + len(experiment),
            before=40e6,
            after=36e6,
            ratio=0.9,
            worse=False,
            confirmation=Confirmation.CONFIRMATION_NONE,
            **common,
        ),
    ]
