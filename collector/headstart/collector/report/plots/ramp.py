"""Where each variant stops keeping up with a rate that rises, as a plot."""

from statistics import median
from typing import Any

from headstart.collector.findings import Ramp, RunResult
from headstart.collector.findings.quantities import scale
from headstart.collector.report.plots.axes import colour_of, legend, log_axis, marks, new_figure
from headstart.collector.report.plots.svg import MUTED, drawing, inline
from headstart.collector.report.sentences.ramp_words import ramps_used
from headstart.collector.report.views.view import variant_names


def ramp_plot(result: RunResult) -> str | None:
    """Median and 99th percentile of the latency against the rate, each the median over trials."""
    known = [v for ramp in result.load.ramps for v in ramp.latency_p99_seconds if v]
    if not known:
        return None
    divisor, unit = scale(max(known), "seconds")
    with drawing():
        figure, axes = new_figure(3.3)
        for name in variant_names(result):
            own = ramps_used(result, name)
            if own:
                _draw(axes, result, name, own, divisor)
        log_axis(axes.set_yscale, axes.yaxis)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("requests per second that were due (line: the highest rate held)")
        axes.set_ylabel(f"latency, {unit} (dashed: p99)")
        legend(axes)
        return inline(figure, "ramp", "Latency against the rate of requests, by variant")


def _draw(axes: Any, result: RunResult, name: str, own: list[Ramp], divisor: float) -> None:
    colour = colour_of(result, name)
    # Every trial had the same cells, but for one that lost a record.
    rates = max((ramp.offered_per_second for ramp in own), key=len)
    for latencies, style, label in (
        ([ramp.latency_p50_seconds for ramp in own], "-", name),
        ([ramp.latency_p99_seconds for ramp in own], (0, (2, 1.4)), None),
    ):
        points = []
        for index, rate in enumerate(rates):
            seen = [value for of in latencies if (value := dict(enumerate(of)).get(index))]
            if seen:
                points.append((rate, median(seen) / divisor))
        axes.plot(
            [rate for rate, _ in points],
            [value for _, value in points],
            linestyle=style,
            color=colour,
            label=label,
            **marks(result, name),
        )
    held = [ramp.held_per_second for ramp in own if ramp.saturated and ramp.held_per_second]
    if held:
        axes.axvline(median(held), color=colour, linewidth=0.9, alpha=0.7)
    axes.tick_params(axis="x", colors=MUTED)
