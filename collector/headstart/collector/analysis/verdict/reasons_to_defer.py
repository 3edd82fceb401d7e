"""Why a recommendation waits, in a few words that can be counted, filtered and alerted on."""

from collections.abc import Iterator

from headstart.collector.analysis.verdict.open_points import (
    blocking_warnings,
    review_warnings,
    without_checks,
)
from headstart.collector.analysis.verdict.unfit_host import in_doubt
from headstart.collector.findings import GateOutcome, GateStatus, RunResult, VariantOutcome
from headstart.words.outcomes import Outcome
from headstart.words.verdicts import Reason


def reason_to_defer(
    result: RunResult, variant: VariantOutcome, gates: tuple[GateOutcome, ...]
) -> Reason:
    """Of all that `open_points` names, what is to be settled first."""
    return next((reason for reason, holds in _all(result, variant, gates) if holds))


def _all(
    result: RunResult, variant: VariantOutcome, gates: tuple[GateOutcome, ...]
) -> Iterator[tuple[Reason, bool]]:
    statuses = {gate.status for gate in gates}
    yield Reason.NOT_MEASURED, variant.outcome != Outcome.MEASURED
    baseline = next((v for v in result.variants if v.variant == result.baseline), variant)
    yield Reason.BASELINE_NOT_MEASURED, baseline.outcome != Outcome.MEASURED
    yield Reason.HOST_UNFIT, any(in_doubt(gate, result.host.check) for gate in gates)
    yield Reason.NO_GATE, not gates
    yield Reason.TRADE_OFF, GateStatus.FAILED in statuses
    yield Reason.TRIALS_FAILED, variant.trials_failed > 0
    yield Reason.GATE_NOT_MEASURED, GateStatus.NOT_MEASURED in statuses
    yield Reason.GATE_UNDECIDED, GateStatus.UNDECIDED in statuses
    yield Reason.MISLABELLED, bool(variant.mislabelled)
    warnings = (
        blocking_warnings(result, variant.variant),
        review_warnings(result, variant.variant),
    )
    yield Reason.BUILD_WARNINGS, any(True for found in warnings for _ in found)
    yield Reason.NO_CHECKS, without_checks(result, variant)
    # What is left of the open points.
    yield Reason.RUN_NOT_DONE, True
