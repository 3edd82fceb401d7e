"""An assessment, ready to be set: before against after, and images by their base."""

from dataclasses import dataclass

from headstart.collector.analysis.across.assessment import AHEAD_OF_TIME, Assessment, Subject
from headstart.collector.findings import (
    Image,
    RunResult,
    VariantOutcome,
    Verdict,
)
from headstart.collector.findings.quantities import quantity
from headstart.collector.report.sentences.text import line
from headstart.collector.report.sentences.wording import ratio_cell
from headstart.collector.report.views.decision import NOT_MEASURED
from headstart.collector.report.views.view import variant_names
from headstart.words import metrics
from headstart.words.metric import Metric, Stage
from headstart.words.outcomes import RAN

# What an assessment is asked for, whatever its runs measured.
ASKED = (
    *(metrics.BUILD, metrics.BUILD_CPU, metrics.STARTUP, metrics.STARTUP_CPU),
    *(metrics.RSS_IDLE, metrics.RSS_LOAD),
    *(metrics.THROUGHPUT_FIRST, metrics.THROUGHPUT_STEADY),
    *(metrics.IMAGE_UNPACKED, metrics.IMAGE_PULL, metrics.IMAGE_OWN),
)
NOTHING = "–"
# By what a base image, a variant or its description calls itself; the first that fits.
_FAMILIES = {
    "Alpine": ("alpine", "musl"),
    "distroless": ("distroless", "chiseled", "chainguard", "wolfi", "-deps"),
    "Debian": ("debian", "bookworm", "trixie"),
    "Ubuntu": ("ubuntu", "noble", "jammy"),
}
SCRATCH = "scratch"
ASKED_BASES = (SCRATCH, "distroless", "Alpine", "Debian")


@dataclass(frozen=True)
class FigureRow:
    """One metric, before and after."""

    metric: Metric
    before: str
    after: str
    ratio: str
    verdict: str
    # Of which both are; empty: no run measured it.
    run_id: str


@dataclass(frozen=True)
class BeforeAfterTable:
    """One variant of a subject against the baseline."""

    variant: str
    baseline: str
    compilation: str
    rows: tuple[FigureRow, ...]


@dataclass(frozen=True)
class BaseRow:
    """One variant's image by its base."""

    family: str
    base: str
    variant: str
    compilation: str
    pull: str
    unpacked: str
    startup: str
    idle: str
    run_id: str


def tables(subject: Subject) -> list[BeforeAfterTable]:
    """One for each variant of the judged run, but the baseline."""
    run = subject.judged
    return [
        BeforeAfterTable(
            variant=variant.variant,
            baseline=run.baseline,
            compilation=variant.compilation,
            rows=tuple(_row(subject, metric, variant) for metric in ASKED),
        )
        for variant in run.variants
        if variant.variant != run.baseline
    ]


def _row(subject: Subject, metric: Metric, variant: VariantOutcome) -> FigureRow:
    """Of the judged run; what a build takes, of the first that built it under the same name."""
    judged = subject.judged
    runs = subject.runs if metric.stage is Stage.BUILD else (judged,)
    for run in runs:
        if run.baseline == judged.baseline and run.figure(metric.name, variant.variant):
            return _measured(run, metric, variant.variant)
    failed = "" if variant.outcome in RAN else line(variant.outcome)
    before = figure_cell(judged, metric, judged.baseline)
    run_id = judged.run_id if before != NOT_MEASURED else ""
    return FigureRow(metric, before, failed or NOT_MEASURED, NOTHING, "", run_id)


def _measured(run: RunResult, metric: Metric, variant: str) -> FigureRow:
    found = run.comparison(metric.name, variant)
    verdict = ""
    if found is not None and found.verdict is not Verdict.UNAVAILABLE:
        verdict = found.verdict.value
    elif found is not None:
        verdict = line(found.reason)
    return FigureRow(
        metric,
        figure_cell(run, metric, run.baseline),
        figure_cell(run, metric, variant),
        ratio_cell(found.ratio, found.interval, NOTHING) if found else NOTHING,
        verdict,
        run.run_id,
    )


def figure_cell(run: RunResult, metric: Metric, variant: str) -> str:
    """Middle, interval and how many values; an interval only where there is one."""
    figure = run.figure(metric.name, variant)
    if figure is None or figure.center is None:
        return NOT_MEASURED
    middle = quantity(figure.center, metric.unit)
    if metric.exact or len(figure.values) < 2:
        return middle if metric.exact else f"{middle} (1 {metric.replicate})"
    count = f"{len(figure.values)} {metric.replicate}s"
    if figure.disturbed:
        count += f", {figure.disturbed} disturbed"
    if figure.interval is None:
        return f"{middle} ({count})"
    ends = [quantity(end, metric.unit) for end in (figure.interval.low, figure.interval.high)]
    return f"{middle} ({ends[0]} to {ends[1]}; {count})"


def base_rows(assessment: Assessment) -> list[BaseRow]:
    """Of each subject the run with the most bases; each base and way of compiling once."""
    found = []
    for subject in assessment.subjects:
        run = max(subject.runs, key=lambda run: len({_base(image) for image in run.images}))
        compilations = {v.variant: v.compilation for v in run.variants}
        seen = set()
        for image in run.images:
            key = (_base(image), compilations.get(image.variant, ""))
            if not _base(image) or key in seen:
                continue
            seen.add(key)
            found.append(_base_row(run, image, key[1]))
    return found


def _base(image: Image) -> str:
    return line(image.base)


def _base_row(run: RunResult, image: Image, compilation: str) -> BaseRow:
    def cell(metric: Metric) -> str:
        return figure_cell(run, metric, image.variant)

    return BaseRow(
        family_of(run, image),
        _base(image),
        image.variant,
        compilation,
        cell(metrics.IMAGE_PULL),
        cell(metrics.IMAGE_UNPACKED),
        cell(metrics.STARTUP),
        cell(metrics.RSS_IDLE),
        run.run_id,
    )


def family_of(run: RunResult, image: Image) -> str:
    """By names, which is all that is known; empty: they do not say."""
    if _base(image).split(":")[0] == SCRATCH:
        return SCRATCH
    described = next((v.description for v in run.variants if v.variant == image.variant), "")
    said = f"{image.variant} {_base(image)} {described}".lower()
    return next((name for name, words in _FAMILIES.items() if any(w in said for w in words)), "")


def ahead_of_time(run: RunResult) -> list[str]:
    """Names of the variants that are compiled ahead of time, but for a baseline."""
    compiled = {v.variant for v in run.variants if v.compilation == AHEAD_OF_TIME}
    return [name for name in variant_names(run)[1:] if name in compiled]
