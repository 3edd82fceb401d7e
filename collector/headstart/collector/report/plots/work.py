"""Completed work over time: how far each variant is ahead of the baseline."""

from collections.abc import Sequence
from typing import Any

from headstart.collector.findings import BreakEven, RunResult, WindowSeries
from headstart.collector.findings.quantities import digits
from headstart.collector.report.plots.axes import colour_of, legend, mark_level, marks, new_figure
from headstart.collector.report.plots.svg import MUTED, drawing, inline

_STEPS = 240


def lead_plot(result: RunResult) -> str | None:
    """Requests that a variant has completed more than the baseline, from exec on.

    Two cumulative curves run so close together that nobody sees them cross; their
    difference crosses zero.
    """
    shown = [found for found in result.load.break_evens if _leads(result, found)]
    if not shown:
        return None
    with drawing():
        figure, axes = new_figure(2.9)
        for found in shown:
            _draw(axes, result, found)
        axes.axhline(0, color=MUTED, linewidth=1.0)
        axes.annotate(
            result.baseline,
            (1, 0),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            color=MUTED,
            fontsize=9,
        )
        axes.set_xlim(left=0)
        axes.margins(y=0.12)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:+,.0f}" if value else "0")
        axes.set_xlabel("seconds from exec")
        axes.set_ylabel(f"requests ahead of {result.baseline}")
        legend(axes)
        return inline(figure, "lead", "Completed requests ahead of the baseline, by variant")


def mark_break_even(axes: Any, seconds: float, found: BreakEven, height: float) -> None:
    """A dotted line and what it is, at a place of the axis's own seconds."""
    mark_level(axes, seconds, f"{found.late} caught up: {digits(found.seconds or 0)} s", height)


def _draw(axes: Any, result: RunResult, found: BreakEven) -> None:
    import numpy as np

    grid, leads = _leads(result, found)
    colour = colour_of(result, found.variant)
    for lead in leads:
        axes.plot(grid, lead, color=colour, linewidth=0.6, alpha=0.3)
    mean = np.mean(leads, axis=0)
    axes.plot(grid, mean, color=colour, label=found.variant, **marks(result, found.variant))
    if found.seconds is not None and found.seconds <= found.observed_seconds:
        mark_break_even(axes, found.seconds, found, 0.06)


def _leads(result: RunResult, found: BreakEven) -> Any:
    """A common grid, and the lead in each block; empty when a side lacks its startup."""
    import numpy as np

    series = [s for s in result.load.series if s.startup_seconds is not None and s.start_seconds]
    if any(s.valid for s in series):
        series = [s for s in series if s.valid]
    sides = [
        {s.block: _curve(s) for s in series if s.variant == name}
        for name in (found.baseline, found.variant)
    ]
    blocks = sorted(sides[0].keys() & sides[1].keys())
    if not blocks:
        return ()
    grid = np.linspace(0, found.observed_seconds, _STEPS)
    base, own = ([np.interp(grid, *side[block], left=0.0) for block in blocks] for side in sides)
    return grid, [other - one for one, other in zip(base, own, strict=True)]


def _curve(series: WindowSeries) -> tuple[Sequence[float], Sequence[float]]:
    import numpy as np

    starts, widths = np.array(series.start_seconds), np.array(series.width_seconds)
    completed = np.cumsum(np.array(series.throughput_per_second) * widths)
    seconds = (series.startup_seconds or 0.0) + np.append(starts[0], starts + widths)
    return list(seconds), [0.0, *completed]
