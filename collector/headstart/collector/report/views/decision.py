"""What is recommended, ready to be set: the answer, its grounds, and before against after."""

from dataclasses import dataclass

from headstart.collector.findings import (
    Category,
    Comparison,
    Decision,
    Recommendation,
    RunResult,
    VariantOutcome,
    Verdict,
)
from headstart.collector.findings.quantities import ratio
from headstart.collector.report.sentences.text import line, tail
from headstart.collector.report.sentences.wording import center
from headstart.collector.report.views.view import troubles
from headstart.words import metrics
from headstart.words.metrics import METRICS
from headstart.words.outcomes import RAN

# A sign beside each word, for those who do not see its colour.
DECISION_SIGNS = {Decision.PROCEED: "✓", Decision.DEFER: "?", Decision.REJECT: "✗"}
NOT_MEASURED = "not measured"
_TAIL_LINES = 12


@dataclass(frozen=True)
class Advice:
    """A recommendation in clean text."""

    variant: str
    decision: Decision
    summary: str
    rationale: tuple[str, ...]
    missing: tuple[str, ...]
    output_tail: str
    consequences: tuple[str, ...]


def advice(result: RunResult) -> list[Advice]:
    """One for each variant but the baseline, in the order of the experiment file.

    The output of what failed stands with what failed, and not here a second time.
    """
    in_trouble = {trouble.variant for trouble in troubles(result)}
    return [
        Advice(
            variant=each.variant,
            decision=each.decision,
            # The name stands before it everywhere.
            summary=line(each.summary.removeprefix(f"{each.variant}: ")),
            # What the summary says already, with the run beside it.
            rationale=tuple(
                line(text)
                for text in each.rationale
                if text != f"{each.summary.removesuffix('.')} (run {result.run_id})."
            ),
            missing=tuple(map(line, each.missing)),
            output_tail="" if each.variant in in_trouble else tail(each.output_tail, _TAIL_LINES),
            consequences=tuple(_consequences(result, each)),
        )
        for each in result.recommendations
    ]


def _consequences(result: RunResult, recommended: Recommendation) -> list[str]:
    found = []
    for verdict, word in ((Verdict.BETTER, "better"), (Verdict.WORSE, "worse")):
        amounts = [
            _amount(c)
            for c in result.comparisons
            if (c.variant, c.verdict) == (recommended.variant, verdict)
        ]
        if amounts:
            found.append(
                f"{recommended.variant} is {word} than {result.baseline} in {', '.join(amounts)}."
            )
    if recommended.decision is Decision.PROCEED:
        found.append(
            f"{recommended.variant} replaces {result.baseline} as what is shipped; the same gates, "
            "run on every build, keep this true."
        )
    elif recommended.decision is Decision.DEFER:
        found.append(f"{result.baseline} stays in use until the open points are settled.")
    else:
        found.append(
            f"{result.baseline} stays in use; a build of {recommended.variant} that mends the "
            "above is to be measured anew."
        )
    return found


def _amount(comparison: Comparison) -> str:
    return f"{METRICS[comparison.metric].title} (ratio {ratio(comparison.ratio or 0.0)})"


@dataclass(frozen=True)
class BeforeAfter:
    """A row: what, the baseline's, then each variant's."""

    title: str
    cells: tuple[str, ...]
    # Of each cell; None where there is no comparison, as of the baseline.
    verdicts: tuple[Verdict | None, ...] = ()


def before_after(result: RunResult) -> list[BeforeAfter]:
    """The baseline against the others in the rows that a decision is made by."""
    baseline = [v for v in result.variants if v.variant == result.baseline]
    variants = baseline + [v for v in result.variants if v.variant != result.baseline]
    asked = {figure.metric for figure in result.figures}
    asked |= {comparison.metric for comparison in result.comparisons}
    asked |= {limit.metric for limit in result.gates}
    rows = [
        BeforeAfter(
            metric.title,
            tuple(center(result, metric.name, v.variant) or NOT_MEASURED for v in variants),
            tuple(_verdict(result, metric.name, v.variant) for v in variants),
        )
        for metric in metrics.MAIN
        # Startup is asked for of everything; the others only where the experiment has them.
        if metric is metrics.STARTUP or metric.name in asked
    ]
    rows.append(BeforeAfter("Compatibility", tuple(map(_compatibility, variants))))
    if result.diagnostics:
        warnings = tuple(_warnings(result, v.variant) for v in variants)
        rows.append(BeforeAfter("Build warnings", warnings))
    return rows


def _verdict(result: RunResult, metric: str, variant: str) -> Verdict | None:
    """None where there is nothing to compare: the figure's own words say so."""
    found = result.comparison(metric, variant)
    return found.verdict if found and found.verdict is not Verdict.UNAVAILABLE else None


def _warnings(result: RunResult, variant: str) -> str:
    """By what is to be done about them, in places."""
    found = next((d for d in result.diagnostics if d.variant == variant), None)
    if found is None:
        return NOT_MEASURED
    counts = [(found.places(category), category.value) for category in Category]
    return ", ".join(f"{places} {word}" for places, word in counts if places) or "none"


def _compatibility(variant: VariantOutcome) -> str:
    if variant.outcome not in RAN:
        return line(variant.outcome)
    if variant.checks_failed:
        total = variant.checks_passed + variant.checks_failed
        return f"{variant.checks_failed} of {total} answers wrong"
    parts = []
    if variant.checks_passed:
        parts.append(f"all {variant.checks_passed} answers right")
    if variant.bodies_checked:
        parts.append(_bodies(variant))
    return "; ".join(parts) or f"no checks: {NOT_MEASURED}"


def _bodies(variant: VariantOutcome) -> str:
    """Of the answers under load, how many were judged by more than their status."""
    of = f"{variant.bodies_checked:,} of {variant.load_answers:,} under load checked whole"
    if variant.bodies_wrong:
        return f"{of}, {variant.bodies_wrong:,} wrong"
    return f"{of}, none wrong"
