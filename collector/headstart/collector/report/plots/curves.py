"""Plots over time: each an `<svg>` element, or None with nothing to show."""

from collections.abc import Iterable, Sequence
from typing import Any

from headstart.collector.findings import Overtaking, RunResult, WindowSeries
from headstart.collector.findings.quantities import scale
from headstart.collector.report.plots.axes import colour_of, legend, log_axis, marks, new_figure
from headstart.collector.report.plots.svg import GRID, MUTED, drawing, inline
from headstart.collector.report.plots.work import mark_break_even
from headstart.collector.report.views.view import variant_names
from headstart.words import metrics
from headstart.words.metrics import FIRST_SECONDS

# More trials than this are a smear; the median is of all.
_THIN_LINES = 40

_Curve = tuple[Sequence[float], Sequence[float]]


def memory_plot(result: RunResult) -> str | None:
    """Resident memory over the logarithm of time: every trial thin, their median thick.

    Where there were trials with load, only these: the others end before.
    """
    loaded = {series.trial for series in result.load.series}
    shown = [s for s in result.memory.rss_series if not loaded or s.trial in loaded]
    shown = [s for s in shown if len(s.seconds) > 1]
    if not shown:
        return None
    divisor, unit = scale(max(max(s.values) for s in shown), "bytes")
    with drawing():
        figure, axes = new_figure(3.3)
        for name in variant_names(result):
            curves = [(s.seconds, s.values) for s in shown if s.variant == name]
            _curves(axes, result, name, curves, divisor, logarithmic=True)
        log_axis(axes.set_xscale, axes.xaxis)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds from exec")
        axes.set_ylabel(f"resident memory, {unit}")
        legend(axes)
        return inline(figure, "memory", "Resident memory over time, by variant")


def requests_plot(result: RunResult) -> str | None:
    """Correct responses per second over the load, window by window."""
    shown = [s for s in result.load.series if len(s.start_seconds) > 1]
    if not shown:
        return None
    with drawing():
        figure, axes = new_figure(3.3)
        for name in variant_names(result):
            curves = [_even(s) for s in shown if s.variant == name]
            _curves(axes, result, name, curves, 1.0, logarithmic=False)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        if max(_middles(s)[-1] for s in shown) > 1.5 * FIRST_SECONDS:
            _mark_first_seconds(axes)
        _mark_steady(axes, result)
        _mark_break_evens(axes, result)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("seconds from first correct response")
        axes.set_ylabel("correct responses per second")
        legend(axes)
        return inline(figure, "requests", "Correct responses per second over time, by variant")


def latency_plot(result: RunResult) -> str | None:
    """Median and 99th percentile of each window, each the median over the trials."""
    shown = [
        s
        for s in result.load.series
        if sum(value is not None for value in s.latency_p99_seconds) > 1
    ]
    if not shown:
        return None
    divisor, unit = scale(
        max(v for s in shown for v in s.latency_p99_seconds if v is not None), "seconds"
    )
    with drawing():
        figure, axes = new_figure(3.3)
        for name in variant_names(result):
            own = [s for s in shown if s.variant == name]
            if not own:
                continue
            colour = colour_of(result, name)
            for values, style, label in (
                ([s.latency_p50_seconds for s in own], "-", name),
                ([s.latency_p99_seconds for s in own], (0, (2, 1.4)), None),
            ):
                known = [_present(s, v) for s, v in zip(own, values, strict=True)]
                grid, median = _median_curve(known, logarithmic=False)
                axes.plot(
                    grid,
                    median / divisor,
                    linestyle=style,
                    color=colour,
                    label=label,
                    **marks(result, name),
                )
        log_axis(axes.set_yscale, axes.yaxis)
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds from first correct response")
        axes.set_ylabel(f"latency, {unit} (dashed: p99)")
        legend(axes)
        return inline(figure, "latency", "Latency over time, by variant: median and p99")


def _curves(
    axes: Any,
    result: RunResult,
    name: str,
    curves: Sequence[_Curve],
    divisor: float,
    *,
    logarithmic: bool,
) -> None:
    if not curves:
        return
    colour = colour_of(result, name)
    for seconds, values in curves[:_THIN_LINES]:
        axes.plot(seconds, [v / divisor for v in values], color=colour, linewidth=0.6, alpha=0.3)
    grid, median = _median_curve(curves, logarithmic=logarithmic)
    axes.plot(
        grid,
        median / divisor,
        color=colour,
        label=name,
        **marks(result, name),
    )


def _mark_steady(axes: Any, result: RunResult) -> None:
    """A bar at the bottom for each variant, over the seconds that its steady figures are of."""
    steady = [w for w in result.load.variant_warmups if w.steady_from_seconds is not None]
    for row, warmup in enumerate(steady):
        axes.plot(
            [warmup.steady_from_seconds, warmup.observed_seconds],
            [0.015 + 0.022 * row] * 2,
            transform=axes.get_xaxis_transform(),
            color=colour_of(result, warmup.variant),
            linewidth=3.0,
            solid_capstyle="butt",
        )


def _mark_break_evens(axes: Any, result: RunResult) -> None:
    """This axis begins with the first response; break-evens are counted from exec."""
    for row, found in enumerate(result.load.break_evens):
        if found.seconds is None or found.outcome is not Overtaking.OBSERVED:
            continue
        startup = result.figure(metrics.STARTUP.name, found.late)
        late = startup.center if startup and startup.center else 0.0
        mark_break_even(axes, max(0.0, found.seconds - late), found, 0.14 + 0.08 * row)


def _mark_first_seconds(axes: Any) -> None:
    axes.axvspan(0, FIRST_SECONDS, color=GRID, alpha=0.45, linewidth=0)
    axes.annotate(
        f"← first {FIRST_SECONDS:g} s",
        (FIRST_SECONDS, 0.09),
        xycoords=axes.get_xaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        color=MUTED,
        fontsize=9,
    )


def _median_curve(curves: Iterable[_Curve], *, logarithmic: bool) -> tuple[Any, Any]:
    """The median over the trials, on a common grid, where at least half of them were seen."""
    import numpy as np

    known = [(np.array(seconds), np.array(values)) for seconds, values in curves if len(seconds)]
    begin = max(min(seconds[0] for seconds, _ in known), 1e-4)
    end = float(np.median([seconds[-1] for seconds, _ in known]))
    end = max(end, begin * 1.001)
    if logarithmic:
        grid = np.geomspace(begin, end, 160)
    else:
        fine = np.arange(begin, min(end, FIRST_SECONDS), 0.25)
        grid = np.concatenate((fine, np.arange(max(begin, FIRST_SECONDS), end + 0.01, 1.0)))
        grid = grid if len(grid) > 1 else np.array([begin, end])
    table = [np.interp(grid, s, v, left=np.nan, right=np.nan) for s, v in known]
    seen = np.isfinite(table).sum(axis=0) * 2 >= len(table)
    return grid[seen], np.nanmedian(np.array(table)[:, seen], axis=0)


def _even(series: WindowSeries) -> _Curve:
    """Rates of half a second, later of a second: single windows of 100 ms are mostly noise.

    By differences of what was completed until each edge, so nothing is lost or counted twice.
    """
    import numpy as np

    starts, widths = np.array(series.start_seconds), np.array(series.width_seconds)
    completed = np.cumsum(np.array(series.throughput_per_second) * widths)
    ends = starts + widths
    edges = np.concatenate(
        (np.arange(starts[0], FIRST_SECONDS, 0.5), np.arange(FIRST_SECONDS, ends[-1] + 1e-6, 1.0))
    )
    edges = edges[edges <= ends[-1] + 1e-6]
    if len(edges) < 3:
        return _middles(series), series.throughput_per_second
    until = np.interp(edges, np.append(starts[0], ends), np.append(0.0, completed))
    return list((edges[:-1] + edges[1:]) / 2), list(np.diff(until) / np.diff(edges))


def _middles(series: WindowSeries) -> list[float]:
    return [
        start + width / 2
        for start, width in zip(series.start_seconds, series.width_seconds, strict=True)
    ]


def _present(series: WindowSeries, values: Sequence[float | None]) -> _Curve:
    """Windows in which something was completed; latencies of zero have no logarithm."""
    pairs = [(x, y) for x, y in zip(_middles(series), values, strict=True) if y]
    return [x for x, _ in pairs], [y for _, y in pairs]
