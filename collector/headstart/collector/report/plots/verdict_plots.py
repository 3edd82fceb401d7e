"""Plots of trials and verdicts: each an `<svg>` element, or None with nothing to show."""

from collections.abc import Sequence
from typing import Any

from headstart.collector.findings import RunResult
from headstart.collector.findings.quantities import digits, scale
from headstart.collector.findings.starts import LINE_OF_THE_LOG
from headstart.collector.report.plots.axes import (
    colour_of,
    legend,
    log_axis,
    mark_level,
    marker_of,
    new_figure,
)
from headstart.collector.report.plots.svg import GRID, INK, MUTED, PAPER, drawing, inline
from headstart.collector.report.views.view import variant_names
from headstart.words import metrics
from headstart.words.metrics import JOB_TIMES, METRICS

# Where one variant's values are this many times another's, only a logarithm shows both.
_LOG_FROM = 5.0


def startup_plot(result: RunResult) -> str | None:
    """Startup of every trial, by variant: valid ones filled, left-out ones hollow."""
    rows = [(name, metrics.STARTUP.name, name) for name in variant_names(result)]
    end = "exit of the trivial case" if _has_jobs(result) else "first correct response"
    if any(start.log_lines for start in result.starts):
        end = LINE_OF_THE_LOG
    return _strip_plot(
        result, rows, f"exec to {end}", "startup", "Startup of every trial, by variant"
    )


def jobs_plot(result: RunResult) -> str | None:
    """The jobs of a batch program: a mark for each trial's median, by input and variant."""
    rows = [
        (f"{word}, {name}", metric, name)
        for word, metric in JOB_TIMES.items()
        for name in variant_names(result)
    ]
    level = [(one.seconds, one.late) for one in result.job_break_evens if one.seconds is not None]
    return _strip_plot(result, rows, "exec to exit", "jobs", "Jobs, by input and variant", level)


def _has_jobs(result: RunResult) -> bool:
    return any(f.metric in JOB_TIMES.values() for f in result.figures)


def _strip_plot(
    result: RunResult,
    candidates: Sequence[tuple[str, str, str]],
    begin_and_end: str,
    name: str,
    title: str,
    level: Sequence[tuple[float, str]] = (),
) -> str | None:
    """Durations of trials, a row for each label, metric and variant that has any.

    `level`: seconds from which on a variant is level, and its name.
    """
    rows = [(*row, values) for row in candidates if (values := _values(result, *row[1:]))]
    if not rows:
        return None
    everything = [value for *_, values in rows for value in values]
    divisor, unit = scale(max(everything), "seconds")
    with drawing():
        figure, axes = new_figure(0.9 + 0.5 * len(rows))
        for row, (_, metric, variant, _) in enumerate(rows):
            found = result.figure(metric, variant)
            if found is None:
                continue
            colour, marker = colour_of(result, variant), marker_of(result, variant)
            _strip(axes, row, found.excluded_values, divisor, marker, "none", colour)
            _strip(axes, row, found.values, divisor, marker, colour, PAPER)
            if found.center is not None:
                at = found.center / divisor
                axes.plot([at, at], [row - 0.34, row + 0.34], color=INK, linewidth=1.8, zorder=4)
                label = f"{digits(at)} {unit}"
                axes.annotate(
                    label, (at, row - 0.36), ha="center", va="bottom", color=INK, fontsize=9
                )
        for seconds, late in level:
            at = seconds / divisor
            mark_level(axes, at, f"{late} level: {digits(at)} {unit}", 0.03, before=True)
        if max(everything) > _LOG_FROM * min(everything):
            log_axis(axes.set_xscale, axes.xaxis)
        else:
            axes.margins(x=0.12)
        axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.75)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{begin_and_end}, {unit}")
        return inline(figure, name, title)


_SCREEN_INCHES = 5.8


def ratio_plot(result: RunResult) -> str | None:
    """Ratio to the baseline with its interval, and the margin of each metric as a band."""
    shown = [c for c in result.comparisons if c.ratio is not None and c.ratio > 0]
    if not shown:
        return None
    metrics = [metric for metric in METRICS if any(c.metric == metric for c in shown)]
    others = [n for n in variant_names(result)[1:] if any(c.variant == n for c in shown)]
    # Not higher than a screen, beside the recommendation.
    height = min(max(0.28, 0.11 * len(others) + 0.1), _SCREEN_INCHES / len(metrics))
    with drawing():
        figure, axes = new_figure(1.2 + height * len(metrics))
        for comparison in shown:
            row = metrics.index(comparison.metric)
            offset = (others.index(comparison.variant) + 0.5) / len(others) - 0.5
            at = row + 0.72 * offset
            colour = colour_of(result, comparison.variant)
            interval = comparison.interval
            if interval is not None:
                axes.plot([max(interval.low, 1e-6), interval.high], [at, at], color=colour)
            axes.plot(
                comparison.ratio,
                at,
                marker=marker_of(result, comparison.variant),
                markersize=5.5,
                color=colour,
                markeredgecolor=PAPER,
                markeredgewidth=0.6,
                linestyle="none",
                zorder=3,
            )
        for row, metric in enumerate(metrics):
            margin = next(c.margin for c in shown if c.metric == metric)
            axes.barh(row, 2 * margin, left=1 - margin, height=0.8, color=GRID, alpha=0.7, zorder=0)
        axes.axvline(1, color=MUTED, linewidth=1)
        log_axis(axes.set_xscale, axes.xaxis)
        axes.set_ylim(len(metrics) - 0.5, -0.5)
        axes.set_yticks(range(len(metrics)), [_directed(metric) for metric in metrics])
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"ratio to {result.baseline}, 95 % interval; band: margin")
        for name in others:
            axes.plot(
                [], [], color=colour_of(result, name), marker=marker_of(result, name), label=name
            )
        legend(axes)
        return inline(figure, "ratios", f"Ratio to {result.baseline}, by metric")


def _directed(metric: str) -> str:
    """The title with the direction that is better."""
    found = METRICS[metric]
    return f"{found.title} {'←' if found.lower_is_better else '→'}"


def _values(result: RunResult, metric: str, variant: str) -> list[float]:
    found = result.figure(metric, variant)
    if found is None:
        return []
    return [value for value in (*found.values, *found.excluded_values) if value > 0]


def _strip(
    axes: Any,
    row: int,
    values: Sequence[float],
    divisor: float,
    marker: str,
    face: str,
    edge: str,
) -> None:
    """Trials in a row, spread by golden-ratio steps so that equal ones do not hide another."""
    offsets = [((0.618 * i) % 1 - 0.5) * 0.42 for i in range(len(values))]
    axes.plot(
        [value / divisor for value in values],
        [row + offset for offset in offsets],
        linestyle="none",
        marker=marker,
        markersize=5.5,
        markerfacecolor=face,
        markeredgecolor=edge,
        markeredgewidth=1.0 if face == "none" else 0.6,
        alpha=0.9,
        zorder=3,
    )
