"""Bars, a colour for each variant."""

from collections.abc import Mapping

from headstart.dashboards.appearance import UNITS
from headstart.dashboards.board import by_name, instant, list_legend, transformation
from headstart.dashboards.board_tables import matrix, organize
from headstart.dashboards.joined_labels import with_cpu
from headstart.dashboards.sdk import barchart, common
from headstart.words.metric import Metric


def bars_by(metric: Metric, group: str, matchers: str, no_value: str) -> barchart.Panel:
    """One figure: a group for each value of the label `group`, in it a bar for each variant."""
    series = with_cpu(f'{metric.series}{{{matchers},stat="center"}}')
    found = f"quantile by (variant, {group}) (0.5, {series})"
    return bars(metric.title, metric.description, UNITS[metric.unit], found, group, no_value)


def phases(
    title: str, description: str, figures: Mapping[str, Metric], matchers: str, no_value: str
) -> barchart.Panel:
    """Several figures of one unit (title of the group -> metric), in each a bar for a variant."""
    # Bars stand in the order in which series come: by this label.
    expr = " or ".join(
        f'label_replace(max by (variant) ({metric.series}{{{matchers},stat="center"}}), '
        f'"phase", "{name}", "", "")'
        for name, metric in figures.items()
    )
    unit = UNITS[next(iter(figures.values())).unit]
    return bars(title, description, unit, expr, "phase", no_value)


def bars(
    title: str, description: str, unit: str, expr: str, group: str, no_value: str
) -> barchart.Panel:
    """A bar for each series of `expr`, which have the labels `variant` and `group`."""
    return (
        barchart.Panel()
        .title(title)
        .description(description)
        .no_value(no_value)
        .unit(unit)
        .targets([instant(expr)])
        .transformations(
            [
                matrix("variant", group, "Value"),
                transformation("sortBy", fields={}, sort=[{"field": f"{group}\\variant"}]),
                organize({f"{group}\\variant": group}),
            ]
        )
        .x_field(group)
        .color_scheme(by_name())
        .axis_soft_min(0)
        .orientation(common.VizOrientation.HORIZONTAL)
        .show_value(common.VisibilityMode.AUTO)
        .legend(list_legend())
    )
