"""Panels that several boards have: lines over time, a bar for each variant, alerts."""

from headstart.dashboards.appearance import ORANGE, TITLES
from headstart.dashboards.board import by_name, list_legend, of_now, query
from headstart.dashboards.board_tables import Column, coloured, columns_table
from headstart.dashboards.sdk import (
    bargauge,
    common,
    common_builders,
    models,
    table,
    timeseries,
)

_LAST = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
_SEVERITIES = models.ValueMap(
    options={
        "critical": models.ValueMappingResult(color=ORANGE),
        "warning": models.ValueMappingResult(color="semi-dark-yellow"),
    }
)


def lines(
    title: str,
    description: str,
    unit: str,
    *pairs: str,
    no_value: str = "Nothing in this time range",
) -> timeseries.Panel:
    """Lines over time; `pairs` are an expression and its legend, in turns."""
    targets = [
        query(expr, legend, chr(ord("A") + i))
        for i, (expr, legend) in enumerate(zip(pairs[::2], pairs[1::2], strict=True))
    ]
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets)
        .fill_opacity(0)
        .line_width(2)
        .axis_soft_min(0)
        .no_value(no_value)
        .legend(list_legend())
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )


def bars(
    title: str, description: str, unit: str, expr: str, legend: str, no_value: str
) -> bargauge.Panel:
    """A bar for each series of now, in the order in which `expr` sorts them."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets([of_now(expr, legend)])
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .value_mode(common.BarGaugeValueMode.TEXT)
        .show_unfilled(False)
        .reduce_options(_LAST)
        .min(0)
        .color_scheme(by_name())
        .no_value(no_value)
    )


def alerts(title: str, description: str, matchers: str, no_value: str) -> table.Panel:
    """Alerts of Headstart's rules that are pending or firing."""
    chosen = f'{{alertname=~"Headstart.+"{matchers}}}'
    key = "store, shift, alertname, severity, experiment, variant, metric, host, reason"
    return columns_table(
        title,
        description,
        (
            Column("Alert", label="alertname", width=230),
            Column(
                "State",
                f"max by ({key}, alertstate) (ALERTS{chosen})",
                "alertstate",
                width=75,
            ),
            Column("Severity", label="severity", width=95, look=coloured(_SEVERITIES)),
            Column("Experiment", label="experiment", width=120),
            Column("Variant", label="variant"),
            Column("Metric", label="metric", width=190, look={"mappings": [TITLES]}),
            Column("Host", label="host", width=85),
            Column("Reason", label="reason"),
            Column(
                "Since",
                f"max by ({key}) (ALERTS_FOR_STATE{chosen}) * 1000",
                width=140,
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="Severity",
        no_value=no_value,
        without=("shift",),
    )
