"""The panels of "One run"."""

from collections.abc import Mapping

from headstart.dashboards.appearance import ORANGE, UNITS
from headstart.dashboards.board import by_name, instant, list_legend, properties, transformation
from headstart.dashboards.board_tables import (
    Column,
    coloured,
    columns_table,
    matrix,
    organize,
    with_words,
)
from headstart.dashboards.sdk import common, common_builders, table, trend
from headstart.dashboards.word_ranks import DECISION_RANKS, decision_ranks
from headstart.words.metric import Metric

CHOSEN = 'experiment="$experiment"'
# The latest run of the chosen experiment on the chosen host.
THIS = f'{CHOSEN},host="$host"'
_BY = "max by (store, variant)"


def the_run() -> table.Panel:
    """Which run it is, and how to read its report."""
    info = (
        f'label_replace(headstart_run_info{{{THIS}}}, "command", "headstart report $1", '
        '"run_id", "(.*)")'
    )
    by = "max by (store, cpu_model, fingerprint"
    return columns_table(
        "The run",
        "Absolute figures are comparable only between runs of one fingerprint. The command prints "
        "the whole report; it asks the collector.",
        (
            Column(
                "Run",
                f"{by}, run_id, revision, state, baseline, command) ({info})",
                "run_id",
                width=190,
            ),
            Column("Revision", label="revision", width=110),
            Column("State", label="state", width=90),
            Column("Baseline", label="baseline", width=100),
            Column("Blocks", f"{by}) (headstart_run_blocks{{{THIS}}})", width=80),
            Column(
                "Duration",
                f"{by}) (headstart_run_duration_seconds{{{THIS}}})",
                width=100,
                look={"unit": "s"},
            ),
            Column(
                "Ended",
                f"{by}) (headstart_run_end_timestamp_seconds{{{THIS}}}) * 1000",
                width=120,
                look={"unit": "dateTimeFromNow"},
            ),
            Column("CPU", label="cpu_model", width=310),
            Column("Fingerprint", label="fingerprint", width=110),
            Column("Its report", label="command"),
        ),
        sort_by="Ended",
        descending=True,
        no_value="This experiment has not ended on this host",
    )


def variants_of_run(invalid_share: float) -> table.Panel:
    """What became of each variant, and what its figures rest on."""

    def count(title: str, series: str, **look: object) -> Column:
        return Column(title, f"{_BY} ({series}{{{THIS}}})", width=100, look=look)

    info = (
        "max by (store, variant, compilation, binary_kind, shape) "
        f"(headstart_variant_info{{{THIS}}})"
    )
    share = f"headstart_trials_invalid{{{THIS}}} / headstart_trials{{{THIS}}}"
    limit = {"mode": "absolute", "steps": [_step(None, "text"), _step(invalid_share, ORANGE)]}
    any_is_bad = {"mode": "absolute", "steps": [_step(None, "text"), _step(1, ORANGE)]}
    in_colour = {"custom__cellOptions": {"type": "color-text"}}
    return columns_table(
        "Variants, and what their figures rest on",
        "An invalid trial was disturbed and is left out of verdicts; the report says why. A "
        "variant with failing checks answers wrongly, however fast. Decision: of this run; the "
        "baseline has none.",
        (
            Column("Variant", label="variant"),
            Column(
                "Outcome",
                f"max by (store, variant, outcome) (headstart_variant_outcome{{{THIS}}})",
                "outcome",
                width=150,
            ),
            Column(
                "Decision",
                f"min by (store, variant, reason) ({decision_ranks(THIS)})",
                width=100,
                look=coloured(DECISION_RANKS),
            ),
            Column("Reason", label="reason", width=260),
            Column("Compiled", info, "compilation", width=100),
            Column("Found to be", label="binary_kind", width=130),
            Column("Under load", label="shape", width=110),
            count("Trials", "headstart_trials"),
            count("Failed", "headstart_trials_failed", thresholds=any_is_bad, **in_colour),
            Column(
                "Invalid",
                f"{_BY} ({share})",
                width=100,
                look={"unit": "percentunit", "thresholds": limit, **in_colour},
            ),
            count("Wrong", "headstart_checks_failed", thresholds=any_is_bad, **in_colour),
        ),
        sort_by="Variant",
        no_value="This experiment has not ended on this host",
    )


def _step(value: float | None, colour: str) -> dict[str, object]:
    return {"value": value, "color": colour}


def with_interval(metric: Metric, no_value: str, others: Mapping[str, Metric]) -> table.Panel:
    """A figure with its 95 % interval, and what belongs to it: heading -> metric."""

    def column(shown: Metric, title: str, stat: str = "center") -> Column:
        expr = f'{_BY} ({shown.series}{{{THIS},stat="{stat}"}})'
        return Column(title, expr, look={"unit": UNITS[shown.unit]})

    return columns_table(
        f"{metric.title} with its interval",
        f"{metric.description} Middle of the valid trials and its 95 % interval.",
        (
            Column("Variant", label="variant"),
            column(metric, "Middle"),
            column(metric, "Low", "ci_low"),
            column(metric, "High", "ci_high"),
            *(column(other, heading) for heading, other in others.items()),
        ),
        sort_by="Middle",
        descending=not metric.lower_is_better,
        no_value=no_value,
    )


def start_chain() -> table.Panel:
    """When each moment of a start was, one column a variant."""
    found = f"headstart_start_stamp_seconds{{{THIS}}}"
    # As words: every "_" of a stamp's name is a space.
    for _ in range(2):
        found = f'label_replace({found}, "stamp", "$1 $2", "stamp", "(.+)_(.+)")'
    panel = (
        table.Panel()
        .title("Start, moment by moment")
        .description(
            "Since exec, before it below 0: the middle of the valid trials. Until the gate is "
            "opened the container engine is at work, which is no part of startup; from last "
            "refused on the app listens."
        )
        .targets([instant(f"sort(max by (variant, stamp) ({found}))")])
        .transformations(
            [matrix("variant", "stamp", "Value"), organize({"stamp\\variant": "Moment"})]
        )
        .unit("s")
        .min_width(100)
    )
    return with_words(panel, "No start was valid, or detail of it has no room in the exposition")


def break_even() -> table.Panel:
    """Whether who starts later makes up for it."""
    by = "max by (store, variant, of"
    return columns_table(
        "Does a late start pay off?",
        "Who starts later may be faster once warm. Requests: from when on, since exec, it has "
        "completed as many. Jobs: from which length of job on it is no slower. extrapolated: "
        "later than was observed, if both go on as they do. never: it is no faster once warm.",
        (
            Column("Variant", label="variant"),
            Column("Of", label="of"),
            Column("Starts later", label="late"),
            Column("Starts first", label="early"),
            Column(
                "Pays off",
                f"{by}, late, early, outcome) (headstart_break_even_info{{{THIS}}})",
                "outcome",
            ),
            Column("After", f"{by}) (headstart_break_even_seconds{{{THIS}}})", look={"unit": "s"}),
        ),
        sort_by="Variant",
        no_value="Nothing to compare, or detail of it has no room in the exposition",
    )


def warm_up() -> trend.Panel:
    """Throughput by seconds since the first correct response, on a logarithmic axis."""
    series = f"headstart_warmup_throughput_per_second{{{THIS}}}"
    return (
        trend.Panel()
        .title("Warm-up")
        .description(
            "Correct responses per second, by seconds since the first correct response; the "
            "median of the valid trials. The x axis is logarithmic, and not the time of day."
        )
        .no_value("No curve: the run had no load, or detail of it has no room in the exposition")
        .targets([instant(f"max by (variant, elapsed) ({series})")])
        .transformations(
            [
                transformation(
                    "convertFieldType",
                    fields={},
                    conversions=[{"targetField": "elapsed", "destinationType": "number"}],
                ),
                matrix("variant", "elapsed", "Value"),
                # The panel wants numbers in ascending order on x.
                transformation("sortBy", fields={}, sort=[{"field": "elapsed\\variant"}]),
                organize({"elapsed\\variant": "elapsed"}),
            ]
        )
        .x_field("elapsed")
        .unit("reqps")
        .color_scheme(by_name())
        .override_by_name(
            "elapsed",
            properties(unit="s", custom__scaleDistribution={"type": "log", "log": 10}),
        )
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.NEVER)
        .axis_soft_min(0)
        .legend(list_legend())
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
