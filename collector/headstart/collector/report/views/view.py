"""What a report shows, ready to be set: the same rows and blocks for every format."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime

from headstart.collector.findings import (
    AdviceGrade,
    Basis,
    Comparison,
    Figure,
    RunResult,
    VariantBuild,
    VariantOutcome,
    Verdict,
)
from headstart.collector.findings.quantities import digits, quantity
from headstart.collector.report.sentences.history_words import host_check
from headstart.collector.report.sentences.text import line, tail
from headstart.collector.report.sentences.wording import ratio_cell
from headstart.collector.report.views.companions_view import companion_origins
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS
from headstart.words.outcomes import RAN, Outcome

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """One variant's figure of a metric; `verdict` None for the baseline."""

    variant: str
    value: str
    # How many trials, spread, what was left out.
    detail: str
    ratio: str = ""
    verdict: Verdict | None = None
    reason: str = ""
    flagged: bool = False

    @property
    def blank(self) -> bool:
        """Nothing is to be said here; why the variant has no figures stands elsewhere."""
        return self.value == NOTHING and not self.reason


@dataclass(frozen=True)
class Row:
    """A metric over all variants, the baseline first."""

    metric: Metric
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Trouble:
    """A variant that failed, wholly or in some trials, with its evidence."""

    variant: str
    outcome: str
    message: str
    checks: tuple[str, ...]
    output_tail: str
    trials: str


def variant_names(result: RunResult) -> list[str]:
    """The baseline first, then the others in the order of the experiment file."""
    others = [v.variant for v in result.variants if v.variant != result.baseline]
    return [result.baseline, *others]


def rows(result: RunResult) -> list[Row]:
    """One row for each metric that was measured or should have been."""
    names = variant_names(result)
    present = {f.metric for f in result.figures} | {c.metric for c in result.comparisons}
    return [
        Row(metric, tuple(_cell(result, metric, name) for name in names))
        for metric in METRICS.values()
        if metric.name in present
    ]


def troubles(result: RunResult) -> list[Trouble]:
    """Variants with failed trials, failed checks or no trial at all."""
    return [
        _trouble(result, variant)
        for variant in result.variants
        if variant.outcome != Outcome.MEASURED or variant.trials_failed or variant.failing_checks
    ]


def title(result: RunResult) -> str:
    """Such as "players-api: aot and r2r against jit"."""
    names = variant_names(result)
    others = names[1:]
    listed = " and ".join(filter(None, [", ".join(others[:-1]), others[-1] if others else ""]))
    return f"{result.experiment}: {listed} against {names[0]}" if others else result.experiment


def facts(result: RunResult) -> list[tuple[str, str]]:
    """What a reader wants to know of the run before anything else."""
    host = result.host
    found = [
        ("Host", f"{host.name} ({line(host.cpu_model)})" if host.cpu_model else host.name),
        ("Run", f"{result.run_id}, attempt {result.attempt}"),
        ("State", f"{result.state}: {line(result.reason)}" if result.reason else result.state),
        ("Ended", moment(result.ended_unix_seconds)),
        ("A/A on this host", line(host_check(result, _ended_of_check(result)))),
        ("Revision", line(result.revision)),
        ("Blocks", str(result.blocks_completed)),
        ("Load", line(result.load.description)),
    ]
    return [(name, value) for name, value in found if value]


def _ended_of_check(result: RunResult) -> str:
    return moment(result.host.check.ended_unix_seconds) if result.host.check else ""


def reproduction(result: RunResult) -> list[tuple[str, str]]:
    """What it takes to run the same again."""
    found = [
        ("Seed of the order of trials", str(result.seed)),
        ("Plan", "; ".join(result.plan_description)),
        *((fact.name[:1].upper() + fact.name[1:], fact.value) for fact in result.method),
        ("Fingerprint of the host", result.host.fingerprint),
    ]
    for variant in result.variants:
        parts = [line(variant.source), variant.digest]
        if variant.argv:
            parts.append(line(shlex.join(variant.argv)))
        found.append((f"Variant {variant.variant}", ", ".join(filter(None, parts))))
    found += companion_origins(result)
    contexts = {build.variant: build_context(build) for build in result.builds}
    found += [(f"Context of the build of {name}", words) for name, words in contexts.items()]
    return [(name, value) for name, value in found if value]


def build_context(build: VariantBuild) -> str:
    """Which bytes were built; empty: those of a folder of the host, which nobody named."""
    if build.context_sha256:
        return line(f"sha256:{build.context_sha256}")
    return line(f"{build.git_url} at {build.git_commit}") if build.git_url else ""


def invalid(result: RunResult) -> list[tuple[str, str, int, str]]:
    """Variant, what is left out and why, in how many trials, an example's text."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for trial in result.invalid_trials:
        grouped.setdefault((trial.variant, trial.effect, trial.code), []).append(trial.text)
    return [
        (variant, f"{effect}: {code}", len(texts), line(texts[0]))
        for (variant, effect, code), texts in grouped.items()
    ]


def advice(result: RunResult) -> list[tuple[str, str]]:
    """Level and text of what may spoil measurements on the host."""
    return [(a.level, line(a.text)) for a in result.host.advice if a.level is not AdviceGrade.GOOD]


def moment(unix_seconds: float) -> str:
    """A time in UTC; empty when it has not come."""
    if unix_seconds <= 0:
        return ""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _cell(result: RunResult, metric: Metric, name: str) -> Cell:
    figure = result.figure(metric.name, name)
    comparison = result.comparison(metric.name, name)
    value = NOTHING
    if figure is not None and figure.center is not None:
        value = quantity(figure.center, metric.unit)
    return Cell(
        variant=name,
        value=value,
        detail=_detail(figure, metric),
        ratio=ratio_cell(comparison.ratio, comparison.interval) if comparison else "",
        verdict=comparison.verdict if comparison else None,
        reason=_reason(result, comparison),
        flagged=_is_flagged(figure) or _is_flagged(comparison),
    )


def _reason(result: RunResult, comparison: Comparison | None) -> str:
    """Empty where a side failed as a whole: one sentence says so, not one a metric."""
    if comparison is None:
        return ""
    sides = (comparison.variant, comparison.baseline)
    failed = any(v.outcome not in RAN for v in result.variants if v.variant in sides)
    if failed and comparison.verdict is Verdict.UNAVAILABLE:
        return ""
    return line(comparison.reason)


def _is_flagged(found: Figure | Comparison | None) -> bool:
    return found is not None and found.basis is Basis.FLAGGED


def _detail(figure: Figure | None, metric: Metric) -> str:
    if figure is None:
        return ""
    if metric.exact:
        bracket = figure.interval
        if bracket is None or bracket.low == bracket.high:
            return ""
        return f"does not serve at {_short(bracket.low, metric.unit)}"
    count = len(figure.values)
    parts = [f"1 {metric.replicate}" if count == 1 else f"{count} {metric.replicate}s"]
    if figure.excluded:
        parts.append(f"{figure.excluded} left out")
    if figure.disturbed:
        parts.append(f"{figure.disturbed} disturbed")
    if count > 1:
        low, high = min(figure.values), max(figure.values)
        parts.append(f"{_short(low, metric.unit)} to {_short(high, metric.unit)}")
    return ", ".join(parts)


def _short(value: float, unit: str) -> str:
    return quantity(value, unit) if not unit.endswith("per_second") else digits(value)


def _trouble(result: RunResult, variant: VariantOutcome) -> Trouble:
    """Without the message where the recommendation begins with it: one cause is told once."""
    message = variant.failure_message.removeprefix(f"{variant.variant} ")
    told = bool(message) and any(
        each.variant == variant.variant and message in each.summary
        for each in result.recommendations
    )
    share = ""
    if variant.trials_failed:
        share = f"{variant.trials_failed} of {variant.trials} trials failed"
    outcome: str = variant.outcome
    if outcome == Outcome.MEASURED:
        outcome = "measured, with failures"
    return Trouble(
        variant=variant.variant,
        outcome=outcome,
        message="" if told else line(variant.failure_message),
        checks=tuple(line(check) for check in variant.failing_checks),
        output_tail=tail(variant.output_tail),
        trials=share,
    )
