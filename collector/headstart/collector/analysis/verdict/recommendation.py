"""Proceed, defer or reject: what an expert would say who sees these figures and no others.

Reject: the variant does not build or start, dies under way, answers wrongly, or misses
a stated gate by the whole interval. Proceed: every gate passes by the whole interval, and that
is worth something: a limit that somebody stated is met, or the variant is better in something.
Everything else is deferred, with what is open and what would settle it (`open_points`). So is
what rests on figures of a host that failed its latest A/A run.
"""

from dataclasses import replace

from headstart.collector.analysis.verdict.gates import asked, gate_outcome
from headstart.collector.analysis.verdict.open_points import (
    blocking_warnings,
    is_benefit,
    open_points,
    review_warnings,
    without_checks,
)
from headstart.collector.analysis.verdict.own_faults import counted, own_fault, same_trouble
from headstart.collector.analysis.verdict.reasons_to_defer import reason_to_defer
from headstart.collector.analysis.verdict.trade_offs import forgone, trade_off
from headstart.collector.analysis.verdict.unfit_host import doubted, in_doubt
from headstart.collector.findings import (
    Decision,
    GateLimit,
    GateOutcome,
    GateStatus,
    Recommendation,
    RunResult,
    VariantOutcome,
)
from headstart.words.metrics import METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord
from headstart.words.verdicts import Reason


def with_recommendations(
    result: RunResult, gates_from: str, limits: tuple[GateLimit, ...]
) -> RunResult:
    """The result, judged by these gates instead of any before, and by what its host is worth.

    An incomplete run is judged by nothing.
    """
    if result.state == RunWord.INCOMPLETE:
        return result
    others = [v for v in result.variants if v.variant != result.baseline]
    outcomes = {
        v.variant: tuple(
            doubted(gate_outcome(result, v.variant, limit), result.host.check) for limit in limits
        )
        for v in others
    }
    judged = replace(
        result,
        gates_from=gates_from,
        gates=limits,
        gate_outcomes=tuple(outcome for found in outcomes.values() for outcome in found),
    )
    return replace(
        judged,
        recommendations=tuple(_recommend(judged, v, outcomes[v.variant]) for v in others),
    )


def _recommend(
    result: RunResult, variant: VariantOutcome, gates: tuple[GateOutcome, ...]
) -> Recommendation:
    baseline = next((v for v in result.variants if v.variant == result.baseline), None)
    fault = own_fault(variant)
    if fault and baseline is not None and same_trouble(variant, baseline):
        return Recommendation(
            variant.variant,
            Decision.DEFER,
            f"{fault.text}; so does {baseline.variant}: the experiment or the host is to be mended "
            "first.",
            missing=(f"Mend {baseline.variant}, the baseline, and run it again.",),
            output_tail=variant.output_tail,
            reason=Reason.BASELINE_FAILS,
        )
    rationale = tuple(f"{g.status.value}: {g.text}." for g in gates)
    if fault:
        found = [f"{fault.text} (run {result.run_id})."]
        found += [f"Another check failed: {text}." for text in variant.failing_checks[1:]]
        # Figures of what does other work than was asked for would only distract.
        rest = rationale if variant.outcome == Outcome.MEASURED else ()
        return Recommendation(
            variant.variant,
            Decision.REJECT,
            f"{fault.text}.",
            (*found, *rest),
            output_tail=variant.output_tail if variant.trials_failed or not variant.trials else "",
            reason=fault.reason,
        )
    missed = [g for g in gates if g.status is GateStatus.FAILED and g.limit.hard]
    if missed:
        names = _enumerated([asked(g.limit, result.baseline) for g in missed])
        summary = f"{variant.variant} misses {_of(len(missed), len(gates))}: {names}."
        lost = forgone(result, variant.variant, missed)
        return Recommendation(
            variant.variant,
            Decision.REJECT,
            summary,
            (*_worst_first(rationale), *lost),
            reason=Reason.MISSES_GATE,
        )
    return _proceed_or_defer(result, variant, gates, rationale)


def _proceed_or_defer(
    result: RunResult,
    variant: VariantOutcome,
    gates: tuple[GateOutcome, ...],
    rationale: tuple[str, ...],
) -> Recommendation:
    missing = open_points(result, variant, gates)
    passed = f"{variant.variant} passes {_all(len(gates))} ({result.gates_from})"
    if not missing and not is_benefit(result, variant.variant, gates):
        return Recommendation(
            variant.variant,
            Decision.DEFER,
            f"{passed}, but is better than {result.baseline} in nothing: no benefit is shown.",
            rationale,
            (_no_benefit(result),),
            reason=Reason.NO_BENEFIT,
        )
    if not missing:
        given = trade_off(result, variant.variant)
        return Recommendation(
            variant.variant,
            Decision.PROCEED,
            f"{passed}.",
            (*rationale, *given),
            reason=Reason.PASSES,
        )
    return Recommendation(
        variant.variant,
        Decision.DEFER,
        _deferred(result, variant, gates),
        _worst_first(rationale),
        tuple(missing),
        output_tail=variant.output_tail if variant.outcome != Outcome.MEASURED else "",
        reason=reason_to_defer(result, variant, gates),
    )


def _no_benefit(result: RunResult) -> str:
    return (
        f"No reason to replace {result.baseline} was found. Where none is needed, as for a new "
        "build against the old one, state the limits to be met under `gates`."
    )


def _deferred(result: RunResult, variant: VariantOutcome, gates: tuple[GateOutcome, ...]) -> str:
    if variant.outcome != Outcome.MEASURED:
        why = f": {variant.failure_message}" if variant.failure_message else ""
        return f"{variant.variant} was not measured ({variant.outcome}{why})."
    if not gates:
        return f"{variant.variant}: there is no gate to hold it against."
    passed = sum(g.status is GateStatus.PASSED for g in gates)
    parts = [f"{passed} of {len(gates)} gates pass" + ("es" if passed == 1 else "")]
    for status, words in (
        (GateStatus.FAILED, "worse than allowed, though nobody stated a gate"),
        (GateStatus.UNDECIDED, "undecided"),
        (GateStatus.NOT_MEASURED, "not measured"),
    ):
        titles = dict.fromkeys(METRICS[g.limit.metric].title for g in gates if g.status is status)
        if titles:
            parts.append(f"{words}: {', '.join(titles)}")
    if any(in_doubt(gate, result.host.check) for gate in gates):
        parts.append("the host makes differences of its own")
    if any(blocking_warnings(result, variant.variant)):
        parts.append("blocking build warnings remain")
    if any(review_warnings(result, variant.variant)):
        parts.append("no check ran through what its build warned of")
    if without_checks(result, variant):
        parts.append("no check says whether it answers rightly")
    if variant.mislabelled:
        parts.append("its program is not what the experiment calls it")
    if variant.trials_failed:
        failed = f"{variant.trials_failed} of {counted(variant.trials, 'trial')}"
        parts.append(f"{failed} failed")
    if len(parts) == 1 and result.state != RunWord.DONE:
        parts.append(f"the run is {result.state}")
    return f"{variant.variant}: {'; '.join(parts)}."


_ORDER = ("fail", "undecided", "not measured", "pass")


def _worst_first(rationale: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(rationale, key=lambda text: _ORDER.index(text.partition(":")[0])))


def _of(part: int, count: int) -> str:
    return "its only gate" if count == 1 else f"{part} of {count} gates"


def _all(count: int) -> str:
    return "its only gate" if count == 1 else f"all {count} gates"


def _enumerated(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
