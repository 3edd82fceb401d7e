"""The panels of "History"."""

from collections.abc import Iterator

from headstart.dashboards.appearance import TITLES, UNITS, VERDICT_MAPPING
from headstart.dashboards.board import by_name, list_legend, properties, query
from headstart.dashboards.board_tables import Column, coloured, columns_table, linked
from headstart.dashboards.board_uids import HISTORY
from headstart.dashboards.joined_labels import with_cpu
from headstart.dashboards.report_units import SHOWN_IN, in_report_units
from headstart.dashboards.sdk import common, common_builders, table, timeseries
from headstart.words.experiment_names import RERUN_SUFFIX
from headstart.words.metric import Unit
from headstart.words.metrics import METRICS

EXPERIMENT = 'experiment=~"$experiment"'
SHOWN = f'{EXPERIMENT},cpu_model=~"$cpu_model",host=~"$host"'
_VARIANT = f'{SHOWN},variant=~"$variant"'
# Hosts of one model are one series.
_OF_HARDWARE = "quantile by (store, experiment, cpu_model, variant) (0.5, "


def open_shifts() -> table.Panel:
    """Open shifts of all experiments: what was, what is, since when, and who says so."""
    key = "store, shift, experiment, variant, metric, cpu_model, change"

    def level(which: str) -> str:
        levels = in_report_units("headstart_shift_level", f'level="{which}"')
        return f"max by ({key}, {SHOWN_IN}) ({levels})"

    chosen = (
        ("experiment", "Experiment"),
        ("metric", "Metric"),
        ("cpu_model", "CPU"),
        ("variant", "Variant"),
    )
    revisions = "old_revision, new_revision"
    return columns_table(
        "Open shifts of all experiments",
        "Lasting changes of a figure's level from one revision to the next, the largest for the "
        "worse first. Confirmed by: rerun, the old image and the new one run again in turns "
        "differ as well; exact, the figure does not vary; none, not (yet). By: the median of all "
        "ratios of a later figure to an earlier one, which is not quite that of the two levels. "
        "`headstart accept SHIFT` takes the new level for granted.",
        (
            Column("Shift", label="shift", width=55),
            Column("Experiment", label="experiment", look=linked(("Its course", HISTORY, chosen))),
            Column("Variant", label="variant"),
            Column("Metric", label="metric", width=165, look={"mappings": [TITLES]}),
            Column("CPU", label="cpu_model", width=320),
            Column("Change", label="change", width=80, look=coloured(VERDICT_MAPPING)),
            Column(
                "By",
                f'max by ({key}) (headstart_shift_ratio{{stat="center"}} - 1)',
                width=80,
                look={"unit": "percentunit", "decimals": 1},
            ),
            Column("Was", level("old"), width=80, look={"decimals": 1}),
            Column("Is", level("new"), width=80, look={"decimals": 1}),
            Column("In", label=SHOWN_IN, width=60),
            Column("Last good", label="old_revision", width=100),
            Column("First with it", label="new_revision", width=110),
            Column(
                "Confirmed by",
                f"max by ({key}, {revisions}, confirmation) (headstart_shift_info)",
                "confirmation",
                width=120,
            ),
            Column(
                "Found",
                f"max by ({key}) (headstart_shift_first_seen_timestamp_seconds) * 1000",
                width=110,
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="Change",
        descending=True,
        no_value="No shift is open: every figure is on the level that it had",
    )


def against_own_level() -> timeseries.Panel:
    """How far each variant is from its own level, on each kind of hardware."""
    now = f'{_OF_HARDWARE}{{__name__=~"headstart_$metric",{_VARIANT},stat="center"}})'
    level = f"quantile_over_time(0.5, ({now})[$__range:$__interval] @ end())"
    return (
        _graph(
            "$metric of each variant against its own level: $cpu_model",
            "Each variant by how much it is above or below its own median over this time range, "
            "so that a small one's step is seen beside a large one. Hosts of this model are one. "
            "Blue lines: a revision was measured first; orange: a shift was found.",
        )
        .unit("percentunit")
        .targets([query(f"{now} / {level} - 1", "{{variant}}")])
        .axis_soft_min(-0.05)
        .axis_soft_max(0.05)
        .repeat("cpu_model")
        .repeat_direction("h")
        .max_per_row(2)
    )


def figure_with_interval() -> timeseries.Panel:
    """The figure itself with its interval, in its unit, on each kind of hardware."""
    panel = _graph(
        "$metric of each variant: $cpu_model",
        "The middle of the latest run's valid trials, each step a run; dashed: its 95 % interval.",
    ).axis_soft_min(0)
    targets = []
    for ref, unit, stat in _kinds():
        names = "|".join(each.series for each in METRICS.values() if each.unit == unit)
        series = f'{{__name__=~"headstart_$metric",__name__=~"{names}",{_VARIANT},stat="{stat}"}}'
        targets.append(query(f"{_OF_HARDWARE}{series})", "{{variant}}", ref))
        bounds = {
            "custom__lineWidth": 1,
            "custom__lineStyle": {"fill": "dash", "dash": [4, 6]},
            "custom__hideFrom": {"legend": True, "tooltip": False, "viz": False},
        }
        panel = panel.override_by_query(
            ref, properties(unit=UNITS[unit], **({} if stat == "center" else bounds))
        )
    return (
        panel.targets(targets).unit("none").repeat("cpu_model").repeat_direction("h").max_per_row(2)
    )


def _kinds() -> Iterator[tuple[str, Unit, str]]:
    """A query for each unit, for no panel's unit follows a variable, and each bound."""
    kinds = [(unit, stat) for unit in Unit for stat in ("center", "ci_low", "ci_high")]
    for number, (unit, stat) in enumerate(kinds):
        yield chr(ord("A") + number), unit, stat


def _graph(title: str, description: str) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .color_scheme(by_name())
        .fill_opacity(0)
        .line_width(2)
        # A result holds until the next run: a step, not a slope.
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .legend(list_legend())
        .no_value("No figure of this metric, with these choices and in this time range")
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )


def runs_in_range() -> table.Panel:
    """Which revision each host measured, and when."""
    run = f"headstart_run_info{{{SHOWN}}}"
    since = f"min_over_time(timestamp({run})[$__range:$__interval])"
    key = "store, host, cpu, run_id"
    return columns_table(
        "Runs in this time range",
        "The newest first; headstart report RUN shows one.",
        (
            Column("Revision", label="revision", width=100),
            Column("Host", label="host", width=100),
            Column("CPU", label="cpu"),
            Column("Run", label="run_id", width=190),
            Column(
                "State",
                f"max by ({key}, revision, state) ({with_cpu(f'last_over_time({run}[$__range])')})",
                "state",
                width=100,
            ),
            Column(
                "Since",
                f"min by ({key}) ({with_cpu(since)}) * 1000",
                width=150,
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="Since",
        descending=True,
        no_value="No run in this time range",
    )


def reruns() -> table.Panel:
    """What reruns of this experiment found."""
    rerun = f'experiment=~"$experiment{RERUN_SUFFIX}",variant="after"'
    key = "store, experiment, host, metric"
    return columns_table(
        "Reruns: the revision after against the one before",
        "A regression queues one: the old image and the new one in turns, so that what the host "
        "did meanwhile cancels.",
        (
            Column("Host", label="host", width=75),
            Column("Metric", label="metric", width=190, look={"mappings": [TITLES]}),
            Column(
                "Verdict",
                f"max by ({key}, verdict) (headstart_verdict{{{rerun}}})",
                "verdict",
                look=coloured(VERDICT_MAPPING),
            ),
            *(
                Column(
                    title,
                    f'max by ({key}) (headstart_ratio{{{rerun},stat="{stat}"}})',
                    width=70,
                    look={"decimals": 3},
                )
                for title, stat in (("Ratio", "center"), ("Low", "ci_low"), ("High", "ci_high"))
            ),
        ),
        sort_by="Verdict",
        descending=True,
        no_value="No rerun: nothing of this experiment got worse and was run again",
        without=("experiment",),
    )
