"""The report as one HTML file: no script, nothing fetched, readable on a phone and in print."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from headstart.collector.findings import Category, RunResult, Working
from headstart.collector.report.formats.html_page import rendered
from headstart.collector.report.plots import curves, image_parts, ramp, verdict_plots, work
from headstart.collector.report.plots.build_plot import build_plot
from headstart.collector.report.plots.svg import VARIANTS
from headstart.collector.report.sentences import wording
from headstart.collector.report.sentences.interval_words import interval_note
from headstart.collector.report.sentences.job_catching_up import job_sentences
from headstart.collector.report.sentences.text import line
from headstart.collector.report.views import build_view, decision, memory_view, view
from headstart.collector.report.views.cases_view import (
    COLUMNS as CASE_COLUMNS,
    NOTE as CASES_NOTE,
    case_lists,
    case_rows,
)
from headstart.collector.report.views.companions_view import (
    COLUMNS as COMPANION_COLUMNS,
    NOTE as COMPANIONS_NOTE,
    companion_rows,
    companion_sentences,
)
from headstart.collector.report.views.counters_view import NOTE as COUNTERS_NOTE, counter_table
from headstart.collector.report.views.start_view import NOTE as START_NOTE, start_table


@dataclass(frozen=True)
class _Plot:
    name: str
    title: str
    caption: str
    svg: Markup


# It stands beside the recommendation, on the first screen.
_RATIOS = "ratios"
_PLOTS: tuple[tuple[str, str, str, Callable[[RunResult], str | None]], ...] = (
    (
        "startup",
        "Startup.",
        "Each mark is a trial, the line their median; hollow marks were left out.",
        verdict_plots.startup_plot,
    ),
    (
        "jobs",
        "Jobs.",
        "Each mark is the median of a trial's repetitions; dotted: from there on level.",
        verdict_plots.jobs_plot,
    ),
    (
        _RATIOS,
        "Every metric against the baseline.",
        "An interval wholly outside the band is a verdict; the arrow points to better.",
        verdict_plots.ratio_plot,
    ),
    (
        "memory",
        "Memory over time.",
        "Thin lines are trials, thick ones their median; time is logarithmic.",
        curves.memory_plot,
    ),
    (
        "requests",
        "Under load.",
        "Correct responses per second from the first one on; a bar below is the steady part.",
        curves.requests_plot,
    ),
    (
        "lead",
        "Completed work.",
        "Above zero a variant has served more than the baseline since exec; thin: blocks.",
        work.lead_plot,
    ),
    (
        "latency",
        "Latency under load.",
        "Medians over the trials of each window's median and, dashed, its 99th percentile.",
        curves.latency_plot,
    ),
    (
        "ramp",
        "Latency against the rate.",
        "Medians over the trials of the median and, dashed, the 99th percentile at each rate.",
        ramp.ramp_plot,
    ),
    (
        "builds",
        "Build time.",
        "One clean build of each variant, by what its tools say they do.",
        build_plot,
    ),
    (
        "images",
        "Image size by layer.",
        "Unpacked, the lowest layer first.",
        image_parts.image_plot,
    ),
)


def render_html(result: RunResult) -> str:
    """A self-contained page. Measured programs are untrusted: all their text is escaped."""
    names = view.variant_names(result)
    plots = _plots(result)
    return rendered(
        "report.html.j2",
        title=view.title(result),
        facts=view.facts(result),
        baseline=result.baseline,
        variants=names,
        colours={name: index % len(VARIANTS) for index, name in enumerate(names)},
        signs=wording.SIGNS,
        advice_given=decision.advice(result),
        decision_signs=decision.DECISION_SIGNS,
        gates_from=line(result.gates_from),
        before_after=decision.before_after(result),
        remarks=[line(remark) for remark in result.remarks],
        headlines=[
            (name, sentences)
            for name in names[1:]
            if (sentences := wording.headlines(result, name))
        ],
        courses=list(wording.courses(result)),
        job_sentences=job_sentences(result),
        troubles=view.troubles(result),
        rows=view.rows(result),
        interval_note=interval_note(result),
        ratios=next((plot for plot in plots if plot.name == _RATIOS), None),
        plots=[plot for plot in plots if plot.name != _RATIOS],
        **build_parts(result),
        images=image_parts.image_rows(result),
        image_note=image_parts.image_note(result),
        mislabelled=image_parts.MISLABELLED,
        start=start_table(result),
        start_note=START_NOTE,
        cases_note=CASES_NOTE,
        case_columns=CASE_COLUMNS,
        case_rows=case_rows(result),
        case_lists=case_lists(result),
        companions=companion_sentences(result),
        companions_note=COMPANIONS_NOTE,
        companion_columns=COMPANION_COLUMNS,
        companion_rows=companion_rows(result),
        counters=counter_table(result),
        counters_note=COUNTERS_NOTE,
        splits=memory_view.split_rows(result),
        split_columns=memory_view.SPLIT_COLUMNS,
        sharing=memory_view.sharing(result),
        floors=memory_view.floors(result),
        confounders=[line(sentence) for sentence in result.confounders],
        invalid=view.invalid(result),
        advice=view.advice(result),
        host_facts=[(line(fact.name), line(fact.value)) for fact in result.host.facts],
        reproduction=view.reproduction(result),
        source_text=result.source_text,
    )


def _plots(result: RunResult) -> list[_Plot]:
    return [
        _Plot(name, title, caption, Markup(svg))  # noqa: S704  # matplotlib escaped what it wrote
        for name, title, caption, draw in _PLOTS
        if (svg := draw(result)) is not None
    ]


# The page's colours of verdicts say the same of categories.
_CHIPS = {Category.BLOCKING: "worse", Category.REVIEW: "", Category.SUPPRESSIBLE: "equivalent"}

_WORKING_CHIPS = {Working.WORKS: "better", Working.BROKEN: "worse", Working.UNCHECKED: ""}


def build_parts(result: RunResult) -> dict[str, Any]:
    """Names of `build.html.j2` with their values."""
    names, splits = build_view.split_rows(result)
    package_names, packages = build_view.package_table(result)
    return {
        "builds": build_view.build_rows(result),
        "build_note": build_view.BUILD_NOTE,
        "build_contexts": build_view.context_lines(result),
        "build_names": names,
        "build_splits": splits,
        "build_steps": [
            (build.variant, build_view.step_rows(build))
            for build in build_view.shown_builds(result)
        ],
        "diagnostics": build_view.diagnostic_tables(result),
        "diagnostics_note": build_view.DIAGNOSTICS_NOTE,
        "category_chips": _CHIPS,
        "packages": packages,
        "package_names": package_names,
        "packages_note": build_view.PACKAGES_NOTE,
        "working_chips": _WORKING_CHIPS,
    }


RENDER = render_html
