"""Comparisons of runs as one HTML file each: several hosts, or two runs."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from headstart.collector.analysis.across.pooled import PooledMetric
from headstart.collector.analysis.across.several_hosts import AcrossHosts
from headstart.collector.analysis.across.two_runs import AcrossRuns
from headstart.collector.findings import Verdict
from headstart.collector.report.formats.html_page import rendered
from headstart.collector.report.formats.several_hosts import host_line
from headstart.collector.report.formats.two_runs import CAVEAT, run_line, value_cell
from headstart.collector.report.plots.forest import forest_plot
from headstart.collector.report.plots.svg import VARIANTS
from headstart.collector.report.sentences.text import line
from headstart.collector.report.sentences.wording import SIGNS, ratio_cell
from headstart.collector.report.views import hosts_view
from headstart.collector.report.views.decision import DECISION_SIGNS
from headstart.collector.report.views.view import NOTHING
from headstart.words.metrics import METRICS


@dataclass(frozen=True)
class _Forest:
    """One metric of one variant: what is said of it and its plot."""

    title: str
    arrow: str
    verdict: Verdict
    variation: str
    predicted: str
    reason: str
    svg: Markup


@dataclass(frozen=True)
class _Section:
    variant: str
    colour: int
    findings: list[tuple[Verdict, str]]
    forests: list[_Forest]
    # What is the same everywhere by nature, and what no host has, a sentence each.
    plotless: list[str]


def hosts_html(found: AcrossHosts) -> str:
    """A self-contained page: the recommendation, what to beware of, a forest for each metric."""
    colours = {name: (i + 1) % len(VARIANTS) for i, name in enumerate(found.variants)}
    return rendered(
        "hosts.html.j2",
        title=hosts_view.title(found),
        revision=line(found.revision),
        baseline=found.baseline,
        hosts=[line(host_line(name, run)) for name, run in found.runs],
        recommendations=[
            {
                "variant": each.variant,
                "decision": each.decision,
                "summary": line(each.summary),
                "rationale": [line(text) for text in each.rationale],
                "missing": [line(text) for text in each.missing],
            }
            for each in found.recommendations
        ],
        flags=[line(flag) for flag in found.flags],
        sections=[_section(found, name, colours[name]) for name in found.variants],
        colours=colours,
        signs=SIGNS,
        decision_signs=DECISION_SIGNS,
        note=hosts_view.note(found),
    )


def _section(found: AcrossHosts, variant: str, colour: int) -> _Section:
    forests, plotless = [], []
    for each in found.of(variant):
        name = f"f{found.variants.index(variant)}-{each.metric.replace('_', '-')}"
        title = METRICS[each.metric].title
        described = f"{title} of {variant}: ratio to {found.baseline}, by host"
        plain = METRICS[each.metric].exact and each.ratio is not None
        svg = None if plain else forest_plot(each, name, line(described), VARIANTS[colour])
        if svg is None:
            plotless.append(f"{title}: {hosts_view.sentence(each)}")
        else:
            forests.append(_forest(each, svg))
    return _Section(variant, colour, hosts_view.findings(found, variant), forests, plotless)


def _forest(each: PooledMetric, svg: str) -> _Forest:
    metric = METRICS[each.metric]
    return _Forest(
        title=metric.title,
        arrow="← is better" if metric.lower_is_better else "→ is better",
        verdict=each.verdict,
        variation=hosts_view.variation(each),
        predicted="" if each.predicted is None else hosts_view.predicted(each),
        reason=hosts_view.reason(each),
        svg=Markup(svg),  # noqa: S704  # matplotlib escaped what it wrote
    )


def across_html(found: AcrossRuns) -> str:
    """A self-contained page of two runs: what to beware of, then a table for each variant."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for change in found.changes:
        tables.setdefault(change.variant, []).append(
            {
                "title": METRICS[change.metric].title,
                "before": value_cell(change, change.before),
                "after": value_cell(change, change.after),
                "ratio": ratio_cell(change.ratio, change.interval, NOTHING),
                "verdict": change.verdict,
                "reason": line(change.reason),
            }
        )
    of = found.changes[0].of if found.changes else "figure"
    return rendered(
        "across.html.j2",
        title=f"{line(found.after.experiment)}: B against A",
        runs=[("A", run_line(found.before)), ("B", run_line(found.after))],
        flags=[line(flag) for flag in found.flags],
        of="" if of == "figure" else f"A and B: {line(of)}.",
        tables=tables,
        signs=SIGNS,
        caveat=CAVEAT,
    )
