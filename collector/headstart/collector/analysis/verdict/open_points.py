"""What stands between a variant and *proceed*, and what would settle it."""

from collections.abc import Iterator

from headstart.collector.analysis.verdict.gates import DISTURBED, DISTURBED_BETWEEN
from headstart.collector.analysis.verdict.trade_offs import turning_points
from headstart.collector.analysis.verdict.unfit_host import in_doubt, way_out
from headstart.collector.analysis.warmup.detection import UNDETERMINED
from headstart.collector.findings import (
    RULE,
    Category,
    DiagnosticGroup,
    GateOutcome,
    GateStatus,
    RunResult,
    Shape,
    VariantOutcome,
    Verdict,
)
from headstart.words.metrics import METRICS, STEADY_METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord


def open_points(
    result: RunResult, variant: VariantOutcome, gates: tuple[GateOutcome, ...]
) -> list[str]:
    """Each as one or two sentences, in the order in which they are to be settled."""
    found = _unfinished(result, variant)
    if variant.outcome == Outcome.MEASURED:
        check = result.host.check
        if check is not None and any(in_doubt(gate, check) for gate in gates):
            found.append(way_out(check))
        found += [text for gate in gates if (text := _open(result, gate))]
        if any(gate.status is GateStatus.FAILED for gate in gates):
            found += turning_points(result, variant.variant)
        found += review_warnings(result, variant.variant)
        if without_checks(result, variant):
            found.append(
                f"No check says whether {variant.variant} answers rightly: state some under "
                "`checks`, with `covers` for what its build warns of."
            )
    if not gates:
        found.append("No gate applies to this experiment: state some under `gates`.")
    return found


def is_benefit(result: RunResult, variant: str, gates: tuple[GateOutcome, ...]) -> bool:
    """Whether gates that all pass are a reason to proceed: somebody stated one of them, or
    the variant is better in what is judged."""
    if any(gate.limit.hard for gate in gates):
        return True
    judged = {gate.limit.metric for gate in gates}
    return any(
        c.verdict is Verdict.BETTER
        for c in result.comparisons
        if c.variant == variant and (c.metric in judged or METRICS[c.metric].headline)
    )


def blocking_warnings(result: RunResult, variant: str) -> Iterator[str]:
    """Diagnostics of the build that are to be resolved before it is shipped."""
    for group in _groups(result, variant, Category.BLOCKING):
        yield (
            f"Blocking build warnings of {group.package or 'the app'} remain: {_codes(group)}"
            f"{f' ({group.reason})' if group.reason else ''}."
        )


def review_warnings(result: RunResult, variant: str) -> Iterator[str]:
    """Diagnostics of the build that nobody sorted out, and that no check ran through."""
    for group in _groups(result, variant, Category.REVIEW):
        if group.reason != RULE:
            yield (
                f"No check ran through what the build warns of in {group.package or 'the app'} "
                f"({_codes(group)}): let one cover it."
            )


def without_checks(result: RunResult, variant: VariantOutcome) -> bool:
    """Whether nothing is known of what it answers: of a service a status is no answer."""
    return variant.outcome == Outcome.MEASURED and not any(
        v.checks_passed or v.checks_failed or v.bodies_checked for v in result.variants
    )


def _groups(result: RunResult, variant: str, category: Category) -> Iterator[DiagnosticGroup]:
    for found in result.diagnostics:
        if found.variant == variant:
            yield from (group for group in found.groups if group.category is category)


def _codes(group: DiagnosticGroup) -> str:
    places = "1 place" if group.places == 1 else f"{group.places} places"
    return f"{', '.join(group.codes)} in {places}"


def _unfinished(result: RunResult, variant: VariantOutcome) -> list[str]:
    """What speaks against proceeding besides gates."""
    found = []
    if result.state != RunWord.DONE:
        goes_on = result.state in (RunWord.QUEUED, RunWord.LEASED)
        why = "its figures may change" if goes_on else "its figures are those of a part"
        found.append(f"The run is {result.state}, not done: {why}.")
    baseline = next((v for v in result.variants if v.variant == result.baseline), None)
    if beside := variant.trials_companion_failed:
        share = f"{beside} of {variant.trials} trials of {variant.variant}"
        found.append(
            f"Something that stands beside the app failed in {share}"
            f"{f' ({variant.companion_message})' if variant.companion_message else ''}: mend it,"
            " and run it again."
        )
    if baseline is not None and baseline.outcome == Outcome.COMPANION_FAILED:
        found.append(
            f"{baseline.variant}, the baseline, has no trial in which nothing failed beside it."
        )
    elif baseline is not None and baseline.outcome != Outcome.MEASURED:
        found.append(f"Mend the baseline and run it again: {baseline.variant} {baseline.outcome}.")
    if variant.outcome != Outcome.MEASURED:
        found.append(f"Needed: a run in which {variant.variant} is measured.")
    elif variant.trials_failed > beside:
        found.append(
            f"{variant.trials_failed - beside} of {variant.trials - beside} trials failed"
            + (f" ({variant.failure_message})" if variant.failure_message else "")
            + ": find out why."
        )
    if variant.mislabelled:
        found.append(f"{variant.mislabelled} Measure what is meant, or name it what it is.")
    return [*found, *blocking_warnings(result, variant.variant)]


def _open(result: RunResult, gate: GateOutcome) -> str:
    """What a gate leaves open, and what would settle it; empty: it passed, or its host failed."""
    title = METRICS[gate.limit.metric].title
    if gate.status is GateStatus.PASSED or in_doubt(gate, result.host.check):
        return ""
    if gate.status is GateStatus.FAILED:
        return (
            f"{title} is beyond the margin of {result.baseline}: a trade-off to be decided, by "
            "stating a limit for it under `gates`."
        )
    if gate.status is GateStatus.NOT_MEASURED:
        return f"{title} was not measured: {gate.reason}.{_way_to_steady(result, gate)}"
    if gate.reason == DISTURBED or gate.reason.startswith(DISTURBED_BETWEEN):
        return f"{title}: too many trials were disturbed; measure again on a quieter host."
    if gate.more_blocks is None:
        return (
            f"{title} is too near its limit for repetition to settle it in reason: decide "
            "whether the limit is the right one."
        )
    total = result.blocks_completed + gate.more_blocks
    if gate.interval is None:
        return f"{title}: {gate.reason}; plan {total} blocks or more (`plan.blocks: {total}`)."
    blocks = "1 more block" if gate.more_blocks == 1 else f"{gate.more_blocks} more blocks"
    return (
        f"{title}: about {blocks} would settle it, if the figures stay as they are "
        f"(`plan.blocks: {total}`)."
    )


def _way_to_steady(result: RunResult, gate: GateOutcome) -> str:
    """What to change where throughput had not settled; empty: it had, or was not seen."""
    if gate.limit.metric not in STEADY_METRICS:
        return ""
    pair = (gate.variant, result.baseline)
    unsettled = [
        w for w in result.load.variant_warmups if w.variant in pair and 2 * w.settled <= w.trials
    ]
    if not unsettled:
        return ""
    if any(UNDETERMINED in w.reason or w.shape == Shape.INCONSISTENT for w in unsettled):
        return " A longer load does not settle that: measure on a quieter host."
    return " A longer `load.duration` settles it, or shows that nothing does."
