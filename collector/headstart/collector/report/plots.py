"""The plots of a report. Each returns an `<svg>` element, or None when it has nothing to show.

matplotlib is imported when the first one is drawn: it takes a third of a second, which a
collector that only serves metrics need not spend.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from headstart.collector.analysis.metrics import CATALOGUE, FIRST_SECONDS
from headstart.collector.report.svg import GRID, INK, MUTED, PAPER, VARIANTS, drawing, inline
from headstart.collector.report.units import digits, scale
from headstart.collector.report.view import variant_names
from headstart.collector.results import RunResult, WindowSeries

# A page column's width; on a phone it is scaled to nine tenths and stays readable.
_WIDTH_INCHES = 5.4
_MARKERS = "osD^vPX*"
# Where one variant's values are this many times another's, only a logarithm shows both.
_LOG_FROM = 5.0
# More trials than this are a smear; the median is of all.
_THIN_LINES = 40


def startup_plot(result: RunResult) -> str | None:
    """Startup of every trial, by variant: valid ones filled, left-out ones hollow."""
    names = [n for n in variant_names(result) if _startup_values(result, n)]
    if not names:
        return None
    everything = [value for name in names for value in _startup_values(result, name)]
    divisor, unit = scale(max(everything), "seconds")
    with drawing():
        figure, axes = _figure(0.9 + 0.5 * len(names))
        for row, name in enumerate(names):
            found = result.figure("startup_seconds", name)
            if found is None:
                continue
            colour, marker = _colour(result, name), _marker(result, name)
            _strip(axes, row, found.excluded_values, divisor, marker, "none", colour)
            _strip(axes, row, found.values, divisor, marker, colour, PAPER)
            if found.center is not None:
                at = found.center / divisor
                axes.plot([at, at], [row - 0.34, row + 0.34], color=INK, linewidth=1.8, zorder=4)
                label = f"{digits(at)} {unit}"
                axes.annotate(
                    label, (at, row - 0.36), ha="center", va="bottom", color=INK, fontsize=9
                )
        if max(everything) > _LOG_FROM * min(everything):
            _log_axis(axes.set_xscale, axes.xaxis)
        else:
            axes.margins(x=0.12)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.75)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"exec to first correct response, {unit}")
        return inline(figure, "startup", "Startup of every trial, by variant")


def memory_plot(result: RunResult) -> str | None:
    """Resident memory over the logarithm of time: every trial thin, their median thick.

    Where there were trials with load, only these: the others end before.
    """
    loaded = {series.trial for series in result.load_series}
    shown = [s for s in result.rss_series if not loaded or s.trial in loaded]
    shown = [s for s in shown if len(s.seconds) > 1]
    if not shown:
        return None
    divisor, unit = scale(max(max(s.values) for s in shown), "bytes")
    with drawing():
        figure, axes = _figure(3.3)
        for name in variant_names(result):
            curves = [(s.seconds, s.values) for s in shown if s.variant == name]
            _curves(axes, result, name, curves, divisor, logarithmic=True)
        _log_axis(axes.set_xscale, axes.xaxis)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds from exec")
        axes.set_ylabel(f"resident memory, {unit}")
        _legend(axes)
        return inline(figure, "memory", "Resident memory over time, by variant")


def requests_plot(result: RunResult) -> str | None:
    """Correct responses per second over the load, window by window."""
    shown = [s for s in result.load_series if len(s.start_seconds) > 1]
    if not shown:
        return None
    with drawing():
        figure, axes = _figure(3.3)
        for name in variant_names(result):
            curves = [_even(s) for s in shown if s.variant == name]
            _curves(axes, result, name, curves, 1.0, logarithmic=False)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        if max(_middles(s)[-1] for s in shown) > 1.5 * FIRST_SECONDS:
            _mark_first_seconds(axes)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("seconds from first correct response")
        axes.set_ylabel("correct responses per second")
        _legend(axes)
        return inline(figure, "requests", "Correct responses per second over time, by variant")


def latency_plot(result: RunResult) -> str | None:
    """Median and 99th percentile of each window, each the median over the trials."""
    shown = [
        s
        for s in result.load_series
        if sum(value is not None for value in s.latency_p99_seconds) > 1
    ]
    if not shown:
        return None
    divisor, unit = scale(
        max(v for s in shown for v in s.latency_p99_seconds if v is not None), "seconds"
    )
    with drawing():
        figure, axes = _figure(3.3)
        for name in variant_names(result):
            own = [s for s in shown if s.variant == name]
            if not own:
                continue
            colour = _colour(result, name)
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
                    **_marks(result, name),
                )
        _log_axis(axes.set_yscale, axes.yaxis)
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds from first correct response")
        axes.set_ylabel(f"latency, {unit} (dashed: p99)")
        _legend(axes)
        return inline(figure, "latency", "Latency over time, by variant: median and p99")


def ratio_plot(result: RunResult) -> str | None:
    """Ratio to the baseline with its interval, and the margin of each metric as a band."""
    shown = [c for c in result.comparisons if c.ratio is not None and c.ratio > 0]
    if not shown:
        return None
    metrics = [metric for metric in CATALOGUE if any(c.metric == metric for c in shown)]
    others = [n for n in variant_names(result)[1:] if any(c.variant == n for c in shown)]
    height = max(0.28, 0.11 * len(others) + 0.1)
    with drawing():
        figure, axes = _figure(1.2 + height * len(metrics))
        for comparison in shown:
            row = metrics.index(comparison.metric)
            offset = (others.index(comparison.variant) + 0.5) / len(others) - 0.5
            at = row + 0.72 * offset
            colour = _colour(result, comparison.variant)
            interval = comparison.interval
            if interval is not None:
                axes.plot([max(interval.low, 1e-6), interval.high], [at, at], color=colour)
            axes.plot(
                comparison.ratio,
                at,
                marker=_marker(result, comparison.variant),
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
        _log_axis(axes.set_xscale, axes.xaxis)
        axes.set_ylim(len(metrics) - 0.5, -0.5)
        axes.set_yticks(range(len(metrics)), [_directed(metric) for metric in metrics])
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"ratio to {result.baseline}, 95 % interval; band: margin")
        for name in others:
            axes.plot([], [], color=_colour(result, name), marker=_marker(result, name), label=name)
        _legend(axes)
        return inline(figure, "ratios", f"Ratio to {result.baseline}, by metric")


def _directed(metric: str) -> str:
    """The title with the direction that is better."""
    found = CATALOGUE[metric]
    return f"{found.title} {'←' if found.lower_is_better else '→'}"


def _startup_values(result: RunResult, name: str) -> list[float]:
    found = result.figure("startup_seconds", name)
    if found is None:
        return []
    return [value for value in (*found.values, *found.excluded_values) if value > 0]


def _figure(height_inches: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES, height_inches))
    return figure, figure.add_subplot()


def _colour(result: RunResult, name: str) -> str:
    return VARIANTS[variant_names(result).index(name) % len(VARIANTS)]


def _marker(result: RunResult, name: str) -> str:
    return _MARKERS[variant_names(result).index(name) % len(_MARKERS)]


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


_Curve = tuple[Sequence[float], Sequence[float]]


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
    colour = _colour(result, name)
    for seconds, values in curves[:_THIN_LINES]:
        axes.plot(seconds, [v / divisor for v in values], color=colour, linewidth=0.6, alpha=0.3)
    grid, median = _median_curve(curves, logarithmic=logarithmic)
    axes.plot(
        grid,
        median / divisor,
        color=colour,
        label=name,
        **_marks(result, name),
    )


def _mark_first_seconds(axes: Any) -> None:
    axes.axvspan(0, FIRST_SECONDS, color=GRID, alpha=0.45, linewidth=0)
    axes.annotate(
        f"← first {FIRST_SECONDS:g} s",
        (FIRST_SECONDS, 0),
        xytext=(4, 4),
        textcoords="offset points",
        color=MUTED,
        fontsize=9,
    )


def _marks(result: RunResult, name: str) -> dict[str, Any]:
    """A few marks along a line: variants can be told apart without their colours."""
    return {
        "marker": _marker(result, name),
        "markersize": 4.5,
        "markevery": 0.14,
        "markeredgecolor": PAPER,
        "markeredgewidth": 0.5,
    }


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


def _log_axis(set_scale: Callable[[str], None], axis: Any) -> None:
    """Plain numbers instead of powers of ten, at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    set_scale("log")
    low, high = axis.get_view_interval()
    subs = (1.0,) if high / max(low, 1e-12) > 500 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _legend(axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=min(4, len(labels)),
            borderaxespad=0.2,
            handlelength=1.6,
            columnspacing=1.4,
        )
