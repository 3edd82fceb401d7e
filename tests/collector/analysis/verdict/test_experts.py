"""Runs that an expert judges at a glance: the decision, and the words it must not lack."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.verdict.trade_offs import forgone, trade_off, turning_points
from headstart.collector.findings import Decision, Recommendation, Verdict
from headstart.v1.experiment_pb2 import Compilation, Gate, Gates
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import (
    CheckOutcome,
    Failure,
    FailureCode,
    FlagEffect,
    Record,
    TrialOutcome,
)
from support.fake_batches import batch_result
from support.fake_runs import AOT, BROKEN, JIT, Fake, Kind, small

PROCEED, DEFER, REJECT = Decision.PROCEED, Decision.DEFER, Decision.REJECT
LEVEL_JIT = replace(JIT, first_per_second=14_600, climb_seconds=0)
NATIVE_API = Gates(profile="native-aot-api")


def steady(kind: Kind, per_second: float) -> Kind:
    return replace(kind, first_per_second=per_second, steady_per_second=per_second)


# As good as LEVEL_JIT but for what a case says.
SAME = replace(
    steady(AOT, 14_600), startup_ms=285, startup_rss_mb=66, idle_rss_mb=66, load_rss_mb=89,
    image_mb=123,
)  # fmt: skip


def flagged(outcome: TrialOutcome) -> None:
    outcome.flags.add(
        code="server-run-delay", effect=FlagEffect.FLAG_EFFECT_TRIAL_INVALID, text="12 ms"
    )


def crashes_in(*blocks: int) -> Callable[[TrialOutcome], None]:
    def crash(outcome: TrialOutcome) -> None:
        if outcome.variant == "aot" and outcome.block in blocks:
            message = "aot died with SIGSEGV under load"
            code = FailureCode.FAILURE_CODE_DIED
            outcome.failure.CopyFrom(Failure(code=code, message=message, exit_status=139))

    return crash


@dataclass(frozen=True)
class Case:
    """What an expert says of a run of JIT and a variant, nine blocks with a load in each."""

    title: str
    variant: Kind
    decision: Decision
    # Parts of what is written, in any of its sentences.
    words: tuple[str, ...] = ()
    gates: Gates | None = None
    baseline: Kind = LEVEL_JIT
    blocks: int = 9
    load_every: int = 1
    load_seconds: float = 60.0
    noise: float = 0.02
    disturb: Callable[[TrialOutcome], None] = lambda _outcome: None
    state: RunState.ValueType = RunState.RUN_STATE_DONE
    wrong_trials: int = 0


CASES = (
    Case(
        "starts ten times faster, 20 % less throughput",
        steady(AOT, 11_700),
        DEFER,
        ("a trade-off to be decided", "The break-even is at"),
    ),
    Case(
        "the same under a stated profile",
        steady(AOT, 11_700),
        REJECT,
        ("fail: Steady throughput", "given up: better than jit: Startup (ratio 0.10"),
        NATIVE_API,
    ),
    Case(
        "a stated limit allows 8 % less throughput",
        steady(AOT, 13_500),
        PROCEED,
        ("worse than jit by more than the margin: Steady throughput", "The break-even is at"),
        Gates(gates=[Gate(metric="throughput_steady_per_second", margin=0.1)]),
    ),
    Case(
        "starts three times slower, 30 % more throughput",
        replace(steady(AOT, 19_000), startup_ms=900),
        DEFER,
        ("worse than allowed, though nobody stated a gate: Startup", "as jit, one that lives"),
    ),
    Case("better everywhere", AOT, PROCEED, ("all 4 gates",)),
    Case("better everywhere, but a JIT that climbs", AOT, PROCEED, baseline=JIT),
    Case("the same twice", replace(LEVEL_JIT, name="aot"), DEFER, ("no benefit is shown",)),
    Case("51 ms against 50", replace(AOT, startup_ms=51.5), REJECT, ("51.", "50.0 ms"), NATIVE_API,
         noise=0.005),
    Case("one wrong answer", AOT, REJECT, ("answers wrongly in 1 of 9 trials",), wrong_trials=1),
    Case("crashes once", AOT, DEFER, ("1 of 9 trials failed", "find out why"),
         disturb=crashes_in(2)),
    Case("crashes twice", AOT, REJECT, ("dies in 2 of 9 trials",), disturb=crashes_in(2, 5)),
    Case("every trial disturbed, no bounds", AOT, DEFER, ("on a quieter host",), disturb=flagged),
    Case("two blocks", AOT, DEFER, ("an interval takes 3 blocks",), blocks=2),
    Case("three blocks of what is plain", AOT, PROCEED, blocks=3),
    Case("JIT still climbing", AOT, DEFER, ("jit was still rising", "A longer `load.duration`"),
         baseline=replace(JIT, climb_seconds=20), load_seconds=30),
    Case("a host of 40 % noise", SAME, DEFER, ("A longer load does not settle that",), noise=0.4),
    Case("the baseline does not start", AOT, DEFER, ("Mend the baseline",),
         baseline=replace(BROKEN, name="jit", compilation=Compilation.COMPILATION_JIT)),
    Case("cancelled", AOT, DEFER, ("the run is cancelled",), blocks=4,
         state=RunState.RUN_STATE_CANCELLED),
    Case("without load nobody asks for throughput", AOT, PROCEED, ("all 3 gates",), load_every=0),
)  # fmt: skip


def advised(case: Case) -> Recommendation:
    fake = Fake(
        kinds=(case.baseline, case.variant),
        blocks=case.blocks,
        load_every=case.load_every,
        load_seconds=case.load_seconds,
        sample_seconds=0.5,
        noise=case.noise,
        state=case.state,
        disturb=case.disturb,
    )
    info = fake.info()
    if case.gates is not None:
        info.experiment.gates.CopyFrom(case.gates)
    records = list(fake.records())
    outcomes = [r.trial_outcome for r in records if r.HasField("trial_outcome")]
    trials = [outcome.trial for outcome in outcomes if outcome.variant == "aot"]
    records += [
        Record(check_outcome=CheckOutcome(trial=trial, check="GET /", expected="1", actual="2"))
        for trial in trials[: case.wrong_trials]
    ]
    (found,) = analyse_run(info, records).recommendations
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_an_expert_would_sign_it(case: Case) -> None:
    found = advised(case)

    written = "\n".join((found.summary, *found.rationale, *found.missing))
    assert found.decision is case.decision, written
    assert [words for words in case.words if words not in written] == [], written


def test_a_trade_between_short_and_long_jobs_names_the_job_at_which_it_turns() -> None:
    result = batch_result()
    (turn,) = turning_points(result, result.job_break_evens[0].variant)

    assert turn.startswith("The break-even is at jobs that take native ")
    assert turn.endswith("shorter ones are done sooner by native, longer ones by jar.")


@pytest.mark.parametrize("verdict", [Verdict.WORSE, Verdict.BETTER])
def test_a_verdict_without_a_ratio_is_no_side_of_a_trade(verdict: Verdict) -> None:
    """Of a report that somebody hands on: the sentence ended with its colon."""
    found = small(blocks=6).result()
    bare = replace(
        found,
        comparisons=tuple(replace(c, ratio=None, verdict=verdict) for c in found.comparisons),
    )

    assert [*trade_off(bare, "aot"), *forgone(bare, "aot", [])] == []
