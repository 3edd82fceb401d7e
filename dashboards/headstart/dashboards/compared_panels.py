"""The panels of "Variants compared" that are made for several metrics alike."""

from collections.abc import Mapping

from headstart.dashboards.appearance import FLAGGED_MARK, UNITS, VERDICT_COLOURS
from headstart.dashboards.board import (
    instant,
    interval_lines,
    properties,
    table_legend,
    transformation,
)
from headstart.dashboards.board_tables import Column, columns_table, matrix, organize
from headstart.dashboards.joined_labels import joined
from headstart.dashboards.sdk import (
    barchart,
    common,
    common_builders,
    dashboard,
    models,
    table,
    timeseries,
    trend,
)
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Basis

# What the dashboard's variables let through. A run has no variant of its own.
WARM_UP_TITLE = "Warm-up of the latest run"

RUN = 'experiment=~"$experiment",host=~"$host",cpu_model=~"$cpu_model"'
VARIANT = f'{RUN},variant=~"$variant"'

# A row of a table: which variant, where.
KEY = ("store", "experiment", "variant", "host", "cpu_model")
BY_KEY = f"max by ({', '.join(KEY)})"
KEY_COLUMNS = (
    Column("Experiment", label="experiment"),
    Column("Variant", label="variant"),
    Column("Host", label="host"),
    Column("CPU", label="cpu_model", look={"custom__width": 230}),
)

VERDICT_MAPPING = models.ValueMap(
    options={
        verdict + mark: models.ValueMappingResult(color=colour)
        for verdict, colour in VERDICT_COLOURS.items()
        for mark in ("", FLAGGED_MARK)
    }
)


def verdict_series(matchers: str) -> str:
    """Verdicts, those that rest on disturbed trials with a mark behind the word."""
    flagged = f'headstart_verdict{{{matchers},basis="{Basis.FLAGGED}"}}'
    marked = f'label_replace({flagged}, "verdict", "$1{FLAGGED_MARK}", "verdict", "(.*)")'
    return f'{marked} or headstart_verdict{{{matchers},basis!="{Basis.FLAGGED}"}}'


def figure_column(metric: Metric, title: str = "", stat: str = "center") -> Column:
    """A figure as a column, in its unit."""
    expr = f'{BY_KEY} ({metric.series}{{{VARIANT},stat="{stat}"}})'
    return Column(title or metric.title, expr, look={"unit": UNITS[metric.unit]})


def figure_by_host(metric: Metric, title: str, description: str) -> barchart.Panel:
    """Bars of one figure: a group for each variant, a bar for each host."""
    series = f'{metric.series}{{{VARIANT},stat="center"}}'
    expr = f"max by (what, host) ({joined(series, 'what', 'experiment', 'variant')})"
    return (
        _bars(title, description, UNITS[metric.unit])
        .targets([instant(expr)])
        .transformations([matrix("host", "what", "Value"), organize({"what\\host": "Variant"})])
        .x_field("Variant")
    )


def figures_side_by_side(
    title: str, description: str, bars: Mapping[str, Metric]
) -> barchart.Panel:
    """Bars of several figures of one unit (title of the bar -> metric) for each variant."""
    targets = []
    titles = {"what": "Variant"}
    for i, (bar, metric) in enumerate(bars.items()):
        ref = chr(ord("A") + i)
        series = f'{metric.series}{{{VARIANT},stat="center"}}'
        joint = joined(series, "what", "experiment", "variant", "host")
        targets.append(instant(f"max by (what) ({joint})", ref))
        titles[f"Value #{ref}"] = bar
    unit = UNITS[next(iter(bars.values())).unit]
    return (
        _bars(title, description, unit)
        .targets(targets)
        .transformations([transformation("merge"), organize(titles)])
        .x_field("Variant")
    )


def _bars(title: str, description: str, unit: str) -> barchart.Panel:
    return (
        barchart.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .axis_soft_min(0)
        .orientation(common.VizOrientation.HORIZONTAL)
        .show_value(common.VisibilityMode.AUTO)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )


def figure_with_interval(
    metric: Metric, title: str, description: str, *others: Column
) -> table.Panel:
    """A figure of the latest run with its interval, and what belongs to it."""
    return columns_table(
        title,
        description,
        (
            *KEY_COLUMNS,
            figure_column(metric, "Middle"),
            figure_column(metric, "Low", "ci_low"),
            figure_column(metric, "High", "ci_high"),
            *others,
        ),
        sort_by="Middle",
        descending=False,
    )


def figure_over_runs(metric: Metric) -> timeseries.Panel:
    """A figure of each run over time, with its interval."""
    return interval_lines(
        f"{metric.title} from run to run",
        "Each step is a run. Dashed: the 95 % interval. Steps that stay within each other's "
        "intervals are no news.",
        UNITS[metric.unit],
        metric.series,
        VARIANT,
        "{{experiment}} · {{variant}} · {{host}}",
    )


def warm_up() -> trend.Panel:
    """Throughput by seconds since the first correct response."""
    series = f"headstart_warmup_throughput_per_second{{{VARIANT}}}"
    return (
        trend.Panel()
        .title(WARM_UP_TITLE)
        .description(
            "Correct responses per second, by seconds since the first correct response; the "
            "median of the valid trials. The x axis is not the time of day."
        )
        .no_value("No curve: headstart collector --metrics-detail full exposes them")
        .targets([instant(joined(series, "what", "experiment", "variant", "host"))])
        .transformations(
            [
                transformation(
                    "convertFieldType",
                    fields={},
                    conversions=[{"targetField": "elapsed", "destinationType": "number"}],
                ),
                matrix("what", "elapsed", "Value"),
                # The panel wants numbers in ascending order on x.
                transformation("sortBy", fields={}, sort=[{"field": "elapsed\\what"}]),
                organize({"elapsed\\what": "elapsed"}),
            ]
        )
        .x_field("elapsed")
        .unit("reqps")
        .override_by_name("elapsed", properties(unit="s"))
        .line_width(2)
        .fill_opacity(0)
        .axis_soft_min(0)
        .legend(table_legend())
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )


def verdicts() -> table.Panel:
    """One row a variant, one column a metric, one word a cell."""
    series = verdict_series(VARIANT)
    titles = {
        "what\\metric": "Variant",
        **{metric.name: metric.title for metric in METRICS.values()},
    }
    return (
        table.Panel()
        .title("Verdicts against the baseline")
        .description(
            "better or worse: the whole 95 % interval of the ratio lies past the margin. "
            "equivalent: wholly inside it. inconclusive: neither; more blocks may tell. "
            "unavailable: a side has no valid value. A question mark: too few trials were "
            "undisturbed, and disturbed ones were taken in."
        )
        .targets([instant(joined(series, "what", "experiment", "variant", "host"))])
        .transformations([matrix("metric", "what", "verdict"), organize(titles)])
        .unit("string")
        .mappings([VERDICT_MAPPING])
        .cell_options(
            common.TableColoredBackgroundCellOptions(
                mode=common.TableCellBackgroundDisplayMode.BASIC
            )
        )
        .override_by_name("Variant", properties(custom__cellOptions={"type": "auto"}))
    )


def ratio_by_hardware() -> barchart.Panel:
    """The ratio to the baseline on each host; the panel repeats for every metric chosen."""
    series = f'headstart_ratio{{{VARIANT},metric=~"$metric",stat="center"}}'
    joint = joined(series, "where", "experiment", "host", "cpu_model")
    return (
        _bars(
            "$metric: ratio to the baseline",
            "Figures of unlike hardware must not be compared; their ratios may. Below 1: less "
            "than the baseline, which is good or bad as the metric is.",
            "none",
        )
        .targets([instant(f"max by (where, variant) ({joint})")])
        .transformations(
            [matrix("variant", "where", "Value"), organize({"where\\variant": "Host"})]
        )
        .x_field("Host")
        .decimals(3)
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps(
                [
                    models.Threshold(value=None, color="transparent"),
                    models.Threshold(value=1.0, color="semi-dark-orange"),
                ]
            )
        )
        .thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.LINE)
        )
        .repeat("metric")
        .repeat_direction("h")
        .max_per_row(3)
    )


def ratios_with_intervals() -> table.Panel:
    """Ratio, interval and verdict of every metric chosen."""

    def ratio(stat: str) -> str:
        return f'{by} (headstart_ratio{{{VARIANT},metric=~"$metric",stat="{stat}"}})'

    by = f"max by ({', '.join(KEY)}, metric)"
    verdicts_now = verdict_series(f'{VARIANT},metric=~"$metric"')
    three_digits = {"decimals": 3}
    return columns_table(
        "Ratios with their intervals",
        "Variant over baseline, with the 95 % interval that the verdict was taken from.",
        (
            Column("Metric", label="metric"),
            *KEY_COLUMNS,
            Column("Ratio", ratio("center"), look=three_digits),
            Column("Low", ratio("ci_low"), look=three_digits),
            Column("High", ratio("ci_high"), look=three_digits),
            Column(
                "Verdict",
                f"max by ({', '.join(KEY)}, metric, verdict) ({verdicts_now})",
                "verdict",
                look={
                    "mappings": [VERDICT_MAPPING],
                    "custom__cellOptions": {"type": "color-background", "mode": "basic"},
                },
            ),
        ),
        sort_by="Metric",
        descending=False,
    )
