"""The recommendation across hosts: every host must proceed, and one that rejects is enough."""

from collections.abc import Sequence

from headstart.collector.analysis.across.pooled import PooledMetric, enumerated
from headstart.collector.findings import Decision, Recommendation, RunResult
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Reason

_Advised = tuple[str, RunResult, Recommendation]


def recommend_across(
    runs: Sequence[tuple[str, RunResult]],
    variant: str,
    pending: Sequence[str],
    doubts: Sequence[str],
    metrics: Sequence[PooledMetric],
) -> Recommendation:
    """Of one variant, from what was recommended of it on each host.

    The mean over hosts decides nothing here: a variant that is worse where it is to run is no
    better for being good elsewhere. `pending` and `doubts` speak against proceeding.
    """
    advised: list[_Advised] = []
    missing = [f"{clause}: wait for it." for clause in pending]
    missing += [f"Runs that were measured alike: {doubt}." for doubt in doubts]
    for name, run in runs:
        each = next((r for r in run.recommendations if r.variant == variant), None)
        if each is None:
            missing.append(f"{name}: nothing is recommended of {variant} (run {run.run_id}).")
        else:
            advised.append((name, run, each))
    rationale = (
        *(
            f"{name}: {each.decision.value}: {each.summary.removesuffix('.')} (run {run.run_id})."
            for name, run, each in _worst_first(advised)
        ),
        *_contradictions(variant, metrics),
    )
    if rejecting := [a for a in advised if a[2].decision is Decision.REJECT]:
        return _rejected(variant, len(runs), rejecting, rationale)
    proceeding = [a for a in advised if a[2].decision is Decision.PROCEED]
    deferring = [a for a in advised if a[2].decision is Decision.DEFER]
    missing += [f"{name}: {point}" for name, _, each in deferring for point in each.missing]
    if len(proceeding) == len(runs) and not missing:
        where = {1: "its only host", 2: "both hosts"}.get(len(runs), f"all {len(runs)} hosts")
        names = enumerated([name for name, *_ in proceeding])
        return Recommendation(
            variant,
            Decision.PROCEED,
            f"{variant} passes its gates on {where}: {names}.",
            rationale,
            reason=Reason.PASSES,
        )
    # Gates may all pass where no benefit is shown: what counts is who may proceed.
    parts = [f"{variant} may proceed on {len(proceeding)} of {len(runs)} hosts"]
    if deferring:
        parts.append(f"deferred on {enumerated([name for name, *_ in deferring])}")
    if pending:
        parts.append(f"{len(pending)} not ended")
    if doubts:
        parts.append("the hosts did not measure alike")
    reason = Reason.HOSTS_DIFFER if doubts else Reason.RUN_NOT_DONE
    return Recommendation(
        variant,
        Decision.DEFER,
        f"{'; '.join(parts)}.",
        rationale,
        tuple(missing),
        reason=deferring[0][2].reason if deferring else reason,
    )


def _rejected(
    variant: str, hosts: int, rejecting: Sequence[_Advised], rationale: tuple[str, ...]
) -> Recommendation:
    names = enumerated([name for name, *_ in rejecting])
    count = f" ({len(rejecting)} of {hosts} hosts)" if hosts > 1 else ""
    first = rejecting[0][2]
    return Recommendation(
        variant,
        Decision.REJECT,
        f"{variant} is rejected on {names}{count}: {first.summary}",
        rationale,
        output_tail=first.output_tail,
        reason=first.reason,
    )


_ORDER = (Decision.REJECT, Decision.DEFER, Decision.PROCEED)


def _worst_first(advised: Sequence[_Advised]) -> list[_Advised]:
    return sorted(advised, key=lambda found: _ORDER.index(found[2].decision))


def _contradictions(variant: str, metrics: Sequence[PooledMetric]) -> list[str]:
    return [
        f"{METRICS[found.metric].title}: {found.reason}."
        for found in metrics
        if found.variant == variant and found.contradictory
    ]
