"""The dashboard "Builds and images": what a build costs, and what it makes."""

from headstart.dashboards.board import Board, variable
from headstart.dashboards.board_uids import BUILDS
from headstart.dashboards.builds_panels import (
    EXPERIMENT,
    bar_for_each,
    build_by_hardware,
    images,
    mislabelled,
    over_revisions,
)
from headstart.dashboards.experiment_choice import experiment_with
from headstart.dashboards.sdk import builder, models
from headstart.words import metrics


def builds() -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        BUILDS,
        "Headstart / Builds and images",
        "What does a build cost, how large is what it makes, and is it what it is called?",
    )
    runs = f"headstart_run_info{{{EXPERIMENT}}}"
    for each in (
        experiment_with(f'{metrics.BUILD.series}{{stat="center"}}'),
        variable("cpu_model", "CPU", f"label_values({runs}, cpu_model)"),
        variable("variant", "Variant", f"label_values(headstart_trials{{{EXPERIMENT}}}, variant)"),
    ):
        board.builder.with_variable(each)

    for metric in (
        metrics.IMAGE_UNPACKED,
        metrics.IMAGE_PULL,
        metrics.BUILD,
        metrics.BUILD_MEMORY,
    ):
        board.add(bar_for_each(metric), 6, 6)
    board.add(images(), 24, 6)
    board.add(mislabelled(), 24, 5)

    board.row("Builds and pulls by hardware")
    board.add(build_by_hardware(), 24, 8)

    board.row("Over revisions")
    board.add(over_revisions(metrics.IMAGE_UNPACKED), 12, 8)
    board.add(over_revisions(metrics.BUILD), 12, 8)
    return board.builder
