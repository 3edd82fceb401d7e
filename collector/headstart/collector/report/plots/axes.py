"""What the plots have in common: size, colours, marks, axes."""

from collections.abc import Callable
from typing import Any

from headstart.collector.findings import RunResult
from headstart.collector.report.plots.svg import MUTED, PAPER, VARIANTS
from headstart.collector.report.views.view import variant_names

# A page column's width; on a phone it is scaled to nine tenths and stays readable.
_WIDTH_INCHES = 5.4
_MARKERS = "osD^vPX*"


def new_figure(height_inches: float) -> tuple[Any, Any]:
    """A figure and its axes.

    matplotlib is imported when the first is made: it takes a third of a second, which a
    collector that only serves metrics need not spend.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES, height_inches))
    return figure, figure.add_subplot()


def colour_of(result: RunResult, name: str) -> str:
    """A variant's marker colour (see `svg`), the same in every plot."""
    return VARIANTS[variant_names(result).index(name) % len(VARIANTS)]


def marker_of(result: RunResult, name: str) -> str:
    """A variant's marker, the same in every plot."""
    return _MARKERS[variant_names(result).index(name) % len(_MARKERS)]


def marks(result: RunResult, name: str) -> dict[str, Any]:
    """A few marks along a line: variants can be told apart without their colours."""
    return {
        "marker": marker_of(result, name),
        "markersize": 4.5,
        "markevery": 0.14,
        "markeredgecolor": PAPER,
        "markeredgewidth": 0.5,
    }


def log_axis(set_scale: Callable[[str], None], axis: Any) -> None:
    """Plain numbers instead of powers of ten, at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    set_scale("log")
    low, high = axis.get_view_interval()
    subs = (1.0,) if high / max(low, 1e-12) > 500 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def mark_level(axes: Any, at: float, text: str, height: float, before: bool = False) -> None:
    """A dotted line across, and beside it, after or `before` it, what it is."""
    axes.axvline(at, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1.6)))
    axes.annotate(
        text,
        (at, height),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if before else 4, 0),
        textcoords="offset points",
        ha="right" if before else "left",
        color=MUTED,
        fontsize=9,
    )


def legend(axes: Any) -> None:
    """Above the axes, where it covers no data."""
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
