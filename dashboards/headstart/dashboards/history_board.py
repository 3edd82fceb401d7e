"""The dashboard "History": each variant against its own level, and since when it has another."""

from headstart.dashboards.board import DATASOURCE, Board, variable
from headstart.dashboards.board_uids import HISTORY
from headstart.dashboards.experiment_choice import experiment_with
from headstart.dashboards.history_panels import (
    EXPERIMENT,
    SHOWN,
    against_own_level,
    figure_with_interval,
    open_shifts,
    reruns,
    runs_in_range,
)
from headstart.dashboards.sdk import builder, dashboard, models, prometheus
from headstart.words import metrics
from headstart.words.metrics import METRICS


def history() -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        HISTORY,
        "Headstart / History",
        "Since which revision is a variant slower or larger, and by how much?",
    )
    _choices(board)
    _annotations(board)
    board.add(open_shifts(), 24, 7)
    board.add(against_own_level(), 24, 9)
    board.row("In figures")
    board.add(figure_with_interval(), 24, 9)
    board.row("What it rests on")
    board.add(runs_in_range(), 14, 10)
    board.add(reruns(), 10, 10)
    return board.builder


def _choices(board: Board) -> None:
    runs = f"headstart_run_info{{{EXPERIMENT}"
    for each in (
        experiment_with("headstart_shift_info"),
        _metric(),
        variable("cpu_model", "CPU", f"label_values({runs}}}, cpu_model)"),
        variable("host", "Host", f'label_values({runs},cpu_model=~"$cpu_model"}}, host)'),
        variable("variant", "Variant", f"label_values(headstart_trials{{{EXPERIMENT}}}, variant)"),
    ):
        board.builder.with_variable(each)


def _metric() -> dashboard.CustomVariable:
    """A choice of one metric, by its title."""
    titles = {each.name: each.title.replace(",", "\\,") for each in METRICS.values()}
    first = metrics.STARTUP
    return (
        dashboard.CustomVariable("metric")
        .label("Metric")
        .values(", ".join(f"{title} : {name}" for name, title in titles.items()))
        .options(
            [
                models.VariableOption(selected=each is first, text=each.title, value=each.name)
                for each in METRICS.values()
            ]
        )
        .current(models.VariableOption(selected=True, text=first.title, value=first.name))
    )


def _annotations(board: Board) -> None:
    of_run = "store, experiment, host"
    first = (
        "min by (store, experiment, revision) ("
        f"max by ({of_run}, revision) (headstart_run_info{{{SHOWN}}}) "
        f"* on ({of_run}) group_left () "
        f"max by ({of_run}) (headstart_run_end_timestamp_seconds{{{SHOWN}}})) * 1000"
    )
    shift = f'{{{EXPERIMENT},cpu_model=~"$cpu_model",variant=~"$variant",metric=~"$metric"}}'
    found = f"headstart_shift_first_seen_timestamp_seconds{shift} * 1000"
    for name, expr, colour, title, tags in (
        ("Revision measured", first, "semi-dark-blue", "Revision {{revision}}", "experiment"),
        (
            "Shift found",
            found,
            "semi-dark-orange",
            "{{metric}} of {{variant}}: {{change}} since {{new_revision}}, on {{cpu_model}}",
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
