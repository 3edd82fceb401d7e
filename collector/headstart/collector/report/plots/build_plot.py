"""Where the time of each build goes, as bars."""

from headstart.collector.findings import RunResult
from headstart.collector.findings.quantities import digits, scale
from headstart.collector.report.plots.axes import colour_of, new_figure
from headstart.collector.report.plots.svg import GRID, INK, PAPER, drawing, inline
from headstart.collector.report.views.build_view import OTHER_STEPS, shown_builds, split

# Of the widest bar, what a character of a label takes; a label that does not fit is left out.
_CHARACTER = 0.017
# Neighbours of one colour are told apart by the gap between them and by their shade.
_SHADES = (1.0, 0.72)
_PLAIN = ("context", OTHER_STEPS)


def build_plot(result: RunResult) -> str | None:
    """A bar for each variant; what no part explains is grey."""
    builds = [build for build in shown_builds(result) if not build.failure_message]
    splits = [split(build) for build in builds]
    if not any(name not in _PLAIN for found in splits for name, _ in found):
        return None
    widest = max(sum(seconds for _, seconds in found) for found in splits)
    divisor, unit = scale(widest, "seconds")
    with drawing():
        figure, axes = new_figure(0.8 + 0.5 * len(builds))
        for row, (build, found) in enumerate(zip(builds, splits, strict=True)):
            left = 0.0
            for number, (name, seconds) in enumerate(found):
                width = seconds / divisor
                plain = name in _PLAIN
                axes.barh(
                    row,
                    width,
                    left=left,
                    height=0.6,
                    color=GRID if plain else colour_of(result, build.variant),
                    alpha=1.0 if plain else _SHADES[number % len(_SHADES)],
                    edgecolor=PAPER,
                    linewidth=0.8,
                )
                if seconds > _CHARACTER * len(name) * widest:
                    axes.annotate(
                        name,
                        (left + width / 2, row),
                        ha="center",
                        va="center",
                        color=INK if plain else PAPER,
                        fontsize=8.5,
                    )
                left += width
            axes.annotate(
                f"{digits(build.seconds / divisor)} {unit}",
                (left, row),
                xytext=(4, 0),
                textcoords="offset points",
                ha="left",
                va="center",
                color=INK,
                fontsize=9,
            )
        axes.set_yticks(range(len(builds)), [build.variant for build in builds])
        axes.set_ylim(len(builds) - 0.5, -0.5)
        axes.set_xlim(0, 1.16 * widest / divisor)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"clean build, {unit}")
        return inline(figure, "builds", "Time of each clean build by part")
