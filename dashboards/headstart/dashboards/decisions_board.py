"""The dashboard "Decisions": which variant ships on which hardware, and why not."""

from headstart.dashboards.board import Board, variable
from headstart.dashboards.board_uids import DECISIONS, FLEET, HISTORY
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.decisions_panels import (
    CHOSEN,
    FILTERED,
    decisions_by_hardware,
    reasons,
    verdicts_by_hardware,
)
from headstart.dashboards.experiment_choice import DECIDED, OF_FILES, experiment_with
from headstart.dashboards.gates_panel import gates
from headstart.dashboards.panels import alerts
from headstart.dashboards.sdk import builder, models, stat
from headstart.dashboards.single_numbers import number
from headstart.dashboards.word_ranks import decision_ranks
from headstart.words.states import RunWord
from headstart.words.verdicts import Decision, Verdict

_NUMBER_WIDTH = 3


def decisions(_configuration: Configuration) -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        DECISIONS,
        "Headstart / Decisions",
        "Which variant of which experiment ships on which hardware, and what keeps the others.",
    )
    for choice in (
        experiment_with(DECIDED),
        variable("variant", "Variant", f"label_values(headstart_trials{{{CHOSEN}}}, variant)"),
        variable("cpu_model", "CPU", f"label_values(headstart_trials{{{CHOSEN}}}, cpu_model)"),
    ):
        board.builder.with_variable(choice)

    for each in _numbers():
        board.add(each, _NUMBER_WIDTH, 4)

    board.row("All experiments: which variant ships on which hardware")
    board.add(decisions_by_hardware(), 8, 11)
    board.add(reasons(), 16, 11)

    board.row("$experiment: gates and verdicts")
    board.add(gates(FILTERED), 24, 12)
    board.add(verdicts_by_hardware(), 24, 7)

    board.row("What is wrong now")
    board.add(
        alerts(
            "Alerts that are pending or firing",
            "From Prometheus itself; silences are Alertmanager's.",
            "",
            "No alert",
        ),
        24,
        7,
    )
    return board.builder


def _numbers() -> tuple[stat.Panel, ...]:
    def decided(decision: Decision) -> str:
        return f"count({worst} == {rank[decision]}) or vector(0)"

    worst = f"min by (store, experiment, variant, cpu_model) ({decision_ranks(OF_FILES)})"
    rank = {Decision.REJECT: 0, Decision.DEFER: 1, Decision.PROCEED: 2}
    of_variants = "Of each variant on each CPU model, by its latest runs."
    return (
        number("Proceed", of_variants, decided(Decision.PROCEED)),
        number("Defer", of_variants, decided(Decision.DEFER)),
        number("Reject", of_variants, decided(Decision.REJECT), bad_from=1),
        number(
            "Open regressions",
            "Figures that got worse since some revision and stayed so.",
            f'count(headstart_shift_info{{change="{Verdict.WORSE}"}}) or vector(0)',
            bad_from=1,
            leads_to=HISTORY,
        ),
        number(
            "Unfit hosts",
            "Hosts whose A/A run found a difference of a variant with itself.",
            "count(min by (store, host) (headstart_host_fit) == 0) or vector(0)",
            bad_from=1,
            leads_to=FLEET,
        ),
        number(
            "Hosts away",
            "Hosts that are known and not connected.",
            "count(headstart_host_up == 0) or vector(0)",
            bad_from=1,
            leads_to=FLEET,
        ),
        number(
            "Runs waiting",
            "For a host that is free.",
            f'sum(headstart_collector_runs{{state="{RunWord.QUEUED}"}})',
            leads_to=FLEET,
        ),
        number(
            "Alerts firing",
            "Of the rules that come with Headstart; the list is below.",
            'count(ALERTS{alertname=~"Headstart.+",alertstate="firing"}) or vector(0)',
            bad_from=1,
        ),
    )
