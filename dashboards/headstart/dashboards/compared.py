"""The dashboard "Variants compared": the latest runs side by side, across hosts and hardware."""

from headstart.dashboards.board import DATASOURCE, Board, variable
from headstart.dashboards.board_tables import Column, columns_table
from headstart.dashboards.board_uids import COMPARED
from headstart.dashboards.compared_panels import (
    BY_KEY,
    KEY,
    KEY_COLUMNS,
    RUN,
    VARIANT,
    figure_by_host,
    figure_column,
    figure_over_runs,
    figure_with_interval,
    figures_side_by_side,
    ratio_by_hardware,
    ratios_with_intervals,
    verdicts,
    warm_up,
)
from headstart.dashboards.sdk import builder, dashboard, models, prometheus, table
from headstart.words import metrics

SHIFTS_TITLE = "Shifts"

# Of a kind of host, so without a host.
_SHIFT = 'experiment=~"$experiment",cpu_model=~"$cpu_model",variant=~"$variant"'
_RUN_KEY = ("store", "experiment", "host", "cpu_model")


def compared() -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        COMPARED,
        "Headstart / Variants compared",
        "The latest run of every experiment on every host: ahead-of-time against just-in-time.",
    )
    _choices(board)

    board.row("Latest runs")
    board.add(_latest_figures(), 24, 9)
    board.add(verdicts(), 24, 8)

    board.row("Startup: from exec to the first correct response")
    board.add(
        figure_by_host(metrics.STARTUP, "Startup of the latest run", "Middle of the valid trials."),
        12,
        9,
    )
    board.add(
        figure_with_interval(
            metrics.STARTUP,
            "Startup with its interval",
            "The 95 % interval of the middle, and the CPU time used until then, which suffers "
            "less from noisy neighbours.",
            figure_column(metrics.STARTUP_CPU, "CPU time"),
        ),
        12,
        9,
    )
    board.add(figure_over_runs(metrics.STARTUP), 24, 8)

    board.row("Memory")
    board.add(
        figures_side_by_side(
            "Memory by phase",
            "Resident set: the highest of startup and of load, the last of idle and settled.",
            {
                "startup": metrics.RSS_STARTUP,
                "idle": metrics.RSS_IDLE,
                "under load": metrics.RSS_LOAD,
                "settled": metrics.RSS_SETTLED,
            },
        ),
        12,
        9,
    )
    board.add(
        figure_with_interval(
            metrics.RSS_LOAD,
            "Memory under load with its interval",
            "The 95 % interval of the middle, and the kernel's own high water.",
            figure_column(metrics.MEMORY_HIGH_WATER, "High water"),
        ),
        12,
        9,
    )
    board.add(figure_over_runs(metrics.RSS_LOAD), 24, 8)

    board.row("Throughput and warm-up")
    board.add(
        figures_side_by_side(
            "Throughput: first seconds and steady",
            "A JIT serves less until it has compiled: neither figure stands for the other.",
            {
                "first 5 s": metrics.THROUGHPUT_FIRST,
                "steady": metrics.THROUGHPUT_STEADY,
            },
        ),
        12,
        9,
    )
    board.add(warm_up(), 12, 9)
    board.add(_throughput_figures(), 24, 8)
    board.add(figure_over_runs(metrics.THROUGHPUT_STEADY), 24, 8)

    board.row("Ratio to the baseline, by hardware")
    board.add(ratio_by_hardware(), 24, 8)
    board.add(ratios_with_intervals(), 24, 9)

    board.row("Over revisions")
    board.add(_shifts(), 24, 8)

    board.row("What the figures rest on")
    board.add(_trials(), 12, 9)
    board.add(_runs(), 12, 9)
    return board.builder


def _choices(board: Board) -> None:
    runs = 'headstart_run_info{experiment=~"$experiment"'
    ended = f"headstart_run_end_timestamp_seconds{{{RUN}}} * 1000"
    for choice in (
        variable("experiment", "Experiment", "label_values(headstart_run_info, experiment)"),
        variable("cpu_model", "CPU", f"label_values({runs}}}, cpu_model)"),
        variable("host", "Host", f'label_values({runs},cpu_model=~"$cpu_model"}}, host)'),
        variable("variant", "Variant", f"label_values(headstart_trials{{{RUN}}}, variant)"),
        variable(
            "metric",
            "Ratios of",
            f"label_values(headstart_verdict{{{RUN}}}, metric)",
            selected=tuple(each.name for each in metrics.HEADLINES),
        ),
    ):
        board.builder.with_variable(choice)
    found = f"headstart_shift_first_seen_timestamp_seconds{{{_SHIFT}}} * 1000"
    for name, expr, colour, title, tags in (
        ("Run ended", ended, "semi-dark-blue", "{{experiment}} on {{host}}", "experiment,host"),
        (
            "Shift found",
            found,
            "semi-dark-orange",
            "{{metric}} of {{variant}}: {{change}} since {{new_revision}}",
            "experiment,variant,change",
        ),
    ):
        board.builder.annotation(
            dashboard.AnnotationQuery()
            .name(name)
            .datasource(DATASOURCE)
            .enable(True)
            .icon_color(colour)
            .expr(expr)
            .target(prometheus.Dataquery().datasource(DATASOURCE).expr(expr).ref_id("Anno"))
            .step("60s")
            .title_format(title)
            .tag_keys(tags)
            # The value is the time of the event; the sample's own time is that of a scrape.
            .use_value_for_time(True)
        )


def _shifts() -> table.Panel:
    key = ("experiment", "variant", "metric", "cpu_model", "change", "direction")
    revisions = ("old_revision", "new_revision")
    titles = ("Experiment", "Variant", "Metric", "CPU", "Change", "Direction", "Before", "Since")
    by = f"max by (store, shift, {', '.join((*key, *revisions))}"

    def level(which: str) -> str:
        return f'{by}) (headstart_shift_level{{{_SHIFT},level="{which}"}})'

    return columns_table(
        SHIFTS_TITLE,
        "Lasting changes of a figure's level from one revision to the next that are open; empty "
        "where there are none. `headstart history` has the series, `headstart accept` ends one.",
        (
            *(
                Column(title, label=label)
                for title, label in zip(titles, (*key, *revisions), strict=True)
            ),
            Column("Old", level("old")),
            Column("New", level("new")),
            Column(
                "New over old",
                f'{by}) (headstart_shift_ratio{{{_SHIFT},stat="center"}})',
                look={"decimals": 3},
            ),
            Column(
                "Confirmed by",
                f"{by}, confirmation) (headstart_shift_info{{{_SHIFT}}})",
                "confirmation",
            ),
            Column(
                "First seen",
                f"{by}) (headstart_shift_first_seen_timestamp_seconds{{{_SHIFT}}}) * 1000",
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="First seen",
        descending=True,
    )


def _latest_figures() -> table.Panel:
    run_key = ", ".join(_RUN_KEY)
    # The end of a run has no variant: it is added to a zero that has one.
    ended = (
        f"({BY_KEY} (headstart_trials{{{VARIANT}}}) * 0 + on ({run_key}) group_left () "
        f"max by ({run_key}) (headstart_run_end_timestamp_seconds{{{RUN}}})) * 1000"
    )
    outcome = f"max by ({', '.join(KEY)}, outcome) (headstart_variant_outcome{{{VARIANT}}})"
    return columns_table(
        "Latest figures",
        "Middle of the valid trials of the latest run. A variant that does not work has an "
        "outcome and no figures.",
        (
            *KEY_COLUMNS,
            Column("Outcome", outcome, "outcome"),
            *map(figure_column, metrics.MAIN),
            Column("Ended", ended, look={"unit": "dateTimeFromNow"}),
        ),
        sort_by="Startup",
        descending=False,
    )


def _throughput_figures() -> table.Panel:
    shape = f"max by ({', '.join(KEY)}, shape) (headstart_variant_info{{{VARIANT}}})"
    return columns_table(
        "Throughput and latency in figures",
        "Steady figures are missing where a variant did not settle within the load.",
        (
            *KEY_COLUMNS,
            Column("Course", shape, "shape"),
            figure_column(metrics.THROUGHPUT_FIRST, "First 5 s"),
            figure_column(metrics.THROUGHPUT_STEADY, "Steady"),
            figure_column(metrics.THROUGHPUT_STEADY, "Low", "ci_low"),
            figure_column(metrics.THROUGHPUT_STEADY, "High", "ci_high"),
            figure_column(metrics.TIME_TO_STEADY, "Time to steady"),
            figure_column(metrics.LATENCY_P50, "Latency p50"),
            figure_column(metrics.LATENCY_P99, "Latency p99"),
            figure_column(metrics.LOAD_CPU, "CPU per request"),
        ),
        sort_by="Steady",
        descending=True,
    )


def _trials() -> table.Panel:
    def count(title: str, series: str) -> Column:
        return Column(title, f"{BY_KEY} ({series}{{{VARIANT}}})")

    return columns_table(
        "Trials and checks",
        "An invalid trial was disturbed and is left out of verdicts; the report says why. A "
        "variant with failing checks answers wrongly, however fast.",
        (
            *KEY_COLUMNS,
            count("Trials", "headstart_trials"),
            count("Failed", "headstart_trials_failed"),
            count("Invalid", "headstart_trials_invalid"),
            count("Checks passed", "headstart_checks_passed"),
            count("Checks failed", "headstart_checks_failed"),
        ),
        sort_by="Invalid",
        descending=True,
    )


def _runs() -> table.Panel:
    by = f"max by ({', '.join(_RUN_KEY)}, fingerprint"
    return columns_table(
        "Runs",
        "Absolute figures are comparable only between runs of one fingerprint.",
        (
            Column("Experiment", label="experiment"),
            Column("Host", label="host"),
            Column("CPU", label="cpu_model"),
            Column("Fingerprint", label="fingerprint"),
            Column(
                "Revision",
                f"{by}, revision, baseline, state) (headstart_run_info{{{RUN}}})",
                "revision",
            ),
            Column("Baseline", label="baseline"),
            Column("State", label="state"),
            Column("Blocks", f"{by}) (headstart_run_blocks{{{RUN}}})"),
            Column(
                "Duration",
                f"{by}) (headstart_run_duration_seconds{{{RUN}}})",
                look={"unit": "s"},
            ),
            Column(
                "Ended",
                f"{by}) (headstart_run_end_timestamp_seconds{{{RUN}}}) * 1000",
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="Ended",
        descending=True,
    )
