"""The dashboard "Variants across hardware": one experiment's variants against its baseline."""

from headstart.dashboards.bars import bars_by
from headstart.dashboards.board import Board, variable
from headstart.dashboards.board_uids import VARIANTS
from headstart.dashboards.experiment_choice import DECIDED, experiment_with
from headstart.dashboards.sdk import builder, models
from headstart.dashboards.variants_panels import (
    CHOSEN,
    SHOWN,
    figures,
    job_figures,
    ratios,
    ratios_by_host,
)
from headstart.words import metrics

_OF_A_SERVICE = tuple(each for each in metrics.HEADLINES if each.job is None)
_OF_JOBS = tuple(each for each in metrics.HEADLINES if each.job is not None)
_NO_JOB = "None: the experiment is not of a batch program, or has no such job"


def variants() -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        VARIANTS,
        "Headstart / Variants across hardware",
        "The variants of one experiment against its baseline, on each CPU model.",
    )
    for choice in (
        experiment_with(DECIDED),
        variable("variant", "Variant", f"label_values(headstart_trials{{{CHOSEN}}}, variant)"),
        variable("cpu_model", "CPU", f"label_values(headstart_trials{{{CHOSEN}}}, cpu_model)"),
        variable(
            "host",
            "Host",
            f'label_values(headstart_run_info{{{CHOSEN},cpu_model=~"$cpu_model"}}, host)',
        ),
    ):
        board.builder.with_variable(choice)

    board.row("$experiment: ratio to the baseline, 1 in the middle")
    for metric in _OF_A_SERVICE:
        board.add(ratios(metric, "No ratio: nothing of it was measured, or no baseline"), 12, 7)

    board.row("Figures: the middle of the hosts of a CPU model")
    for metric in (metrics.STARTUP, metrics.RSS_LOAD, metrics.THROUGHPUT_STEADY):
        board.add(bars_by(metric, "cpu", SHOWN, "Nothing of it was measured"), 8, 8)
    board.add(figures(), 24, 8)

    board.row("Host by host")
    board.add(ratios_by_host(), 24, 12)

    board.row("Jobs of batch programs: ratio to the baseline, and figures")
    for metric in _OF_JOBS:
        board.add(ratios(metric, _NO_JOB), 12, 6)
    board.add(job_figures(_NO_JOB), 24, 7)
    return board.builder
