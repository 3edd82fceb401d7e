"""A forest plot: each host's ratio with its interval, and below them the mean over hosts."""

from typing import Any

from headstart.collector.analysis.across.pooled import PooledMetric
from headstart.collector.findings import Interval
from headstart.collector.report.plots.axes import log_axis, new_figure
from headstart.collector.report.plots.svg import GRID, INK, MUTED, PAPER, drawing, inline
from headstart.collector.report.sentences.text import line
from headstart.collector.report.views.hosts_view import cell

# Where the largest is this many times the smallest, only a logarithm shows both.
_LOG_FROM = 2.5
# An interval that leaves the plot ends in an arrow: two hosts can make one without end.
_WIDEST = 4.0
_SMALLEST_MARK, _LARGEST_MARK = 4.0, 9.0


def forest_plot(found: PooledMetric, name: str, title: str, colour: str) -> str | None:
    """An `<svg>` element whose ids begin with `name`; None where no host has a ratio.

    A square's area is the host's weight in the mean, hollow: left out of it. The diamond is
    the mean, the thin line through it where another host would lie, the band the margin.
    """
    shown = [host for host in found.hosts if host.ratio is not None and host.ratio > 0]
    if not shown:
        return None
    low, high = _limits(found)
    mean = found.ratio is not None and len(shown) > 1
    labels = [line(host.host) for host in shown] + (["mean"] if mean else [])
    with drawing():
        figure, axes = new_figure(0.75 + 0.3 * len(labels))
        axes.axvspan(1 - found.margin, 1 + found.margin, color=GRID, alpha=0.7, linewidth=0)
        axes.axvline(1, color=MUTED, linewidth=1)
        if high > _LOG_FROM * low:
            axes.set_xlim(low, high)
            log_axis(axes.set_xscale, axes.xaxis)
        axes.set_xlim(low, high)
        for row, host in enumerate(shown):
            _line(axes, row, host.interval, (low, high), colour, 1.8)
            weight = host.weight or 0.0
            axes.plot(
                host.ratio,
                row,
                marker="s",
                markersize=_SMALLEST_MARK + (_LARGEST_MARK - _SMALLEST_MARK) * weight**0.5,
                color=colour if not host.reason else "none",
                markeredgecolor=PAPER if not host.reason else colour,
                markeredgewidth=0.6 if not host.reason else 1.2,
                linestyle="none",
                zorder=3,
            )
            _say(axes, row, cell(host))
        if mean:
            row = len(shown)
            _line(axes, row, found.predicted, (low, high), MUTED, 1.0)
            _diamond(axes, row, found, (low, high))
            _say(axes, row, cell(found))
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_yticks(range(len(labels)), labels)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        return inline(figure, name, title)


def _limits(found: PooledMetric) -> tuple[float, float]:
    """From the hosts' intervals and 1; the mean's and the prediction may be without end."""
    values = [1 - found.margin, 1 + found.margin]
    for host in found.hosts:
        if host.ratio is not None and host.ratio > 0:
            values.append(host.ratio)
            if host.interval is not None and host.interval.low > 0:
                values += [host.interval.low, host.interval.high]
    low, high = min(values), max(values)
    for interval in (found.interval, found.predicted):
        if interval is not None:
            room = max(high / low, 1.2)
            low = max(interval.low, low / min(room, _WIDEST), 1e-9) if interval.low < low else low
            high = min(interval.high, high * min(room, _WIDEST)) if interval.high > high else high
    margin = (high / low) ** 0.04
    return low / margin, high * margin


def _line(
    axes: Any,
    row: int,
    interval: Interval | None,
    limits: tuple[float, float],
    colour: str,
    width: float,
) -> None:
    if interval is None:
        return
    ends = (max(interval.low, limits[0]), min(interval.high, limits[1]))
    axes.plot(ends, [row, row], color=colour, linewidth=width, zorder=2)
    for end, whole, marker in (
        (ends[0], interval.low, "<"),
        (ends[1], interval.high, ">"),
    ):
        if end != whole:
            axes.plot(end, row, marker=marker, color=colour, markersize=5, clip_on=False)


def _diamond(axes: Any, row: int, found: PooledMetric, limits: tuple[float, float]) -> None:
    if found.ratio is None or found.interval is None:
        if found.ratio is not None:
            axes.plot(found.ratio, row, marker="D", color=INK, markersize=6, linestyle="none")
        return
    left, right = max(found.interval.low, limits[0]), min(found.interval.high, limits[1])
    axes.fill(
        [left, found.ratio, right, found.ratio],
        [row, row - 0.26, row, row + 0.26],
        color=INK,
        linewidth=0,
        zorder=3,
    )


def _say(axes: Any, row: int, text: str) -> None:
    axes.annotate(
        text,
        (1.02, row),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=9,
        color=INK,
        annotation_clip=False,
    )
