"""Which variants of a run have no trial to judge by, though nobody can blame the variant."""

from headstart.collector.findings.model import RunResult, VariantOutcome
from headstart.words.metrics import METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import CUT_SHORT, RECORDS_GONE
from headstart.words.verdicts import Decision


def without_usable_trial(result: RunResult) -> tuple[VariantOutcome, ...]:
    """In the order of the experiment file; the baseline too, which is never rejected."""
    rejected = {each.variant for each in result.recommendations if each.decision is Decision.REJECT}
    return tuple(
        variant
        for variant in result.variants
        if (result.aa or variant.variant not in rejected) and not _usable(result, variant)
    )


def cut_short(result: RunResult) -> bool:
    """Whether the run as a whole failed or was cancelled."""
    return result.state in CUT_SHORT


def system_failed(result: RunResult) -> bool:
    """Whether records or agent were lost, or the agent broke in the run or in one variant."""
    return (result.state in RECORDS_GONE or result.system_broke) or any(
        Outcome.AGENT_FAILED in (variant.outcome, variant.failure)
        for variant in without_usable_trial(result)
    )


def why_unmeasured(variant: VariantOutcome) -> str:
    """One sentence of a variant without a usable trial."""
    what: str = variant.outcome
    if what == Outcome.MEASURED:
        what = f"all trials failed: {variant.failure}" if variant.failure else "no trial is valid"
    reason = f": {variant.failure_message}" if variant.failure_message else ""
    return f"{variant.variant} has no usable trial ({what}{reason})."


def _usable(result: RunResult, variant: VariantOutcome) -> bool:
    return variant.trials > variant.trials_failed and any(
        figure.values
        for figure in result.figures
        if figure.variant == variant.variant and _of_trials(figure.metric)
    )


def _of_trials(metric: str) -> bool:
    known = METRICS.get(metric)
    return known is None or known.of_trials
