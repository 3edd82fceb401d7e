"""The panels of "Decisions"."""

from headstart.dashboards.board_tables import (
    Column,
    coloured,
    coloured_matrix,
    columns_table,
    linked,
)
from headstart.dashboards.board_uids import DECISIONS, VARIANTS
from headstart.dashboards.experiment_choice import OF_FILES
from headstart.dashboards.joined_labels import joined, with_cpu
from headstart.dashboards.sdk import table
from headstart.dashboards.word_ranks import (
    DECISION_RANKS,
    VERDICT_RANKS,
    decision_ranks,
    verdict_ranks,
)
from headstart.words import metrics

CHOSEN = 'experiment="$experiment"'
FILTERED = f'{CHOSEN},variant=~"$variant",cpu_model=~"$cpu_model"'
_KEY = "store, experiment, variant, cpu_model"
_NO_DECISION = "No decision yet: no experiment has a variant beside its baseline"


def decisions_by_hardware() -> table.Panel:
    """One row a variant, one column a CPU model."""
    ranks = joined(with_cpu(decision_ranks(OF_FILES)), "what", "experiment", "variant")
    return coloured_matrix(
        "Which variant ships on which hardware",
        "The decision of the latest runs on hosts with this CPU; where hosts differ, the "
        "gravest. proceed: it passes all gates. defer: something is not known yet. reject: "
        "it does not work, answers wrongly or misses a gate.",
        f"min by (what, cpu) ({ranks})",
        DECISION_RANKS,
        rows="what",
        columns="cpu",
        titles={"what": "Variant"},
        no_value=_NO_DECISION,
        first_width=190,
    )


def reasons() -> table.Panel:
    """Why each decision is what it is, the gravest first."""
    ranks = with_cpu(decision_ranks(OF_FILES))
    deciding = f"({ranks} == on ({_KEY}) group_left () min by ({_KEY}) ({ranks}))"
    by = f"by ({_KEY}, cpu, reason)"
    ended = (
        f"max {by} ({deciding} * 0 + on (store, experiment, host) group_left () "
        "headstart_run_end_timestamp_seconds) * 1000"
    )
    experiment = (("experiment", "Experiment"),)
    of_variant = (*experiment, ("variant", "Variant"))
    return columns_table(
        "Why",
        "The first reason that holds, in a few words; the report of the run says more. Hosts: how "
        "many of this CPU say so.",
        (
            Column(
                "Experiment",
                label="experiment",
                width=130,
                look=linked(("Compare on all hardware", VARIANTS, experiment)),
            ),
            Column("Variant", label="variant", width=100),
            Column("CPU", label="cpu"),
            Column(
                "Decision",
                f"min {by} ({deciding})",
                width=90,
                look=coloured(DECISION_RANKS)
                | linked(("Gates and verdicts", DECISIONS, of_variant)),
            ),
            Column("Reason", label="reason", width=255),
            Column("Hosts", f"count {by} ({deciding})", width=75),
            Column("Last run", ended, width=110, look={"unit": "dateTimeFromNow"}),
        ),
        sort_by="Decision",
        no_value=_NO_DECISION,
        without=("cpu_model",),
        filterable=True,
    )


def verdicts_by_hardware() -> table.Panel:
    """One row a variant and CPU model, one column a headline."""
    names = "|".join(metric.name for metric in metrics.HEADLINES)
    found = verdict_ranks(f'{FILTERED},metric=~"{names}"')
    ranks = joined(with_cpu(found), "what", "variant", "cpu")
    return coloured_matrix(
        "Verdicts against the baseline",
        "better or worse: the whole 95 % interval of the ratio lies past the margin. equivalent: "
        "wholly inside it. inconclusive: neither; more blocks may tell. unavailable: a side has "
        "no valid value. Where hosts of a CPU differ, the gravest. A question mark: disturbed "
        "trials were taken in for want of others.",
        f"min by (what, metric) ({ranks})",
        VERDICT_RANKS,
        rows="what",
        columns="metric",
        titles={"what": "Variant", **{each.name: each.title for each in metrics.HEADLINES}},
        no_value="No verdict: the run has no variant beside its baseline",
        first_width=300,
    )
