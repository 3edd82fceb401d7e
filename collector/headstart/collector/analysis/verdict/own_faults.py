"""What a variant did wrong by itself, so that no figure of it counts."""

from dataclasses import dataclass

from headstart.collector.findings import VariantOutcome
from headstart.words.outcomes import OWN_FAULTS, Outcome
from headstart.words.verdicts import Reason

# Failures in which a single one may be chance; from two on, the variant is unreliable.
_UNRELIABLE = 2


@dataclass(frozen=True)
class OwnFault:
    """`text` is a clause that begins with the variant's name."""

    reason: Reason
    text: str


def own_fault(variant: VariantOutcome) -> OwnFault | None:
    """What the variant itself did wrong; None: nothing that disqualifies it."""
    name = variant.variant
    trials_failed = variant.trials_failed - variant.trials_companion_failed
    trials = variant.trials - variant.trials_companion_failed
    failed = f"{trials_failed} of {counted(trials, 'trial')}"
    if variant.outcome in OWN_FAULTS:
        message = variant.failure_message.removeprefix(f"{name} ")
        return OwnFault(
            Reason.DOES_NOT_WORK, f"{name} {variant.outcome}{f': {message}' if message else ''}"
        )
    if variant.outcome == Outcome.CHECKS_FAIL or variant.failing_checks:
        checks, failing = variant.failing_checks, variant.trials_failing_checks
        often = f" in {failing} of {counted(trials, 'trial')}" if failing else ""
        first = f": {checks[0]}" if checks else ""
        return OwnFault(Reason.ANSWERS_WRONGLY, f"{name} answers wrongly{often}{first}")
    if variant.failure in OWN_FAULTS and (trials_failed >= _UNRELIABLE or trials_failed == trials):
        return OwnFault(
            Reason.FAILS_AT_TIMES,
            f"{name} {variant.failure} in {failed}: {variant.failure_message}",
        )
    if variant.trials_wrong_under_load:
        wrong = counted(variant.trials_wrong_under_load, "trial")
        return OwnFault(Reason.ANSWERS_WRONGLY, f"{name} answers wrongly under load in {wrong}")
    return None


def same_trouble(variant: VariantOutcome, baseline: VariantOutcome) -> bool:
    """Whether the baseline fails likewise, so that it cannot be the variant's doing."""
    if own_fault(baseline) is None:
        return False
    if variant.outcome == Outcome.CHECKS_FAIL:
        return variant.failing_checks == baseline.failing_checks
    return variant.outcome == baseline.outcome and variant.failure == baseline.failure


def counted(count: int, word: str) -> str:
    """Such as "1 trial" and "2 trials"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
