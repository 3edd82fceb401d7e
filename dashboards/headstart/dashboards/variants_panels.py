"""The panels of "Variants across hardware"."""

from collections.abc import Sequence

from headstart.dashboards.appearance import GREY, TITLES, UNITS
from headstart.dashboards.board_tables import Column, coloured, columns_table, linked
from headstart.dashboards.board_uids import RUN
from headstart.dashboards.joined_labels import with_cpu
from headstart.dashboards.sdk import table
from headstart.dashboards.word_ranks import VERDICT_RANKS, verdict_ranks
from headstart.words import metrics
from headstart.words.metric import Metric

CHOSEN = 'experiment="$experiment"'
# What the board's variables let through.
SHOWN = f'{CHOSEN},variant=~"$variant",cpu_model=~"$cpu_model",host=~"$host"'
_BY = "by (store, variant, cpu)"
_KEY_COLUMNS = (
    Column("CPU", label="cpu", width=205),
    Column("Variant", label="variant"),
)
# A ratio of 1 is in the middle of the cell: as much as the baseline.
_AROUND_ONE = {
    "decimals": 3,
    "min": 0,
    "max": 2,
    "color": {"mode": "fixed", "fixedColor": GREY},
    "custom__cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
}
_THREE_DIGITS = {"decimals": 3}


def ratios(metric: Metric, no_value: str) -> table.Panel:
    """One headline against the baseline: a row for each CPU model and variant."""
    matchers = f'{SHOWN},metric="{metric.name}"'

    def ratio(stat: str) -> str:
        return with_cpu(f'headstart_ratio{{{matchers},stat="{stat}"}}')

    less = "better" if metric.lower_is_better else "worse"
    return columns_table(
        f"{metric.title}: ratio",
        f"{metric.description} Variant over baseline: below 1, left of the middle, is {less}. "
        "Of several hosts the middle of their ratios, and an interval that holds all of theirs; "
        "where their verdicts differ, the gravest.",
        (
            *_KEY_COLUMNS,
            Column(
                "Ratio", f"quantile {_BY} (0.5, {ratio('center')})", width=170, look=_AROUND_ONE
            ),
            Column("Low", f"min {_BY} ({ratio('ci_low')})", width=65, look=_THREE_DIGITS),
            Column("High", f"max {_BY} ({ratio('ci_high')})", width=65, look=_THREE_DIGITS),
            Column(
                "Verdict",
                f"min {_BY} ({with_cpu(verdict_ranks(matchers))})",
                width=100,
                look=coloured(VERDICT_RANKS),
            ),
            Column("Hosts", f"count {_BY} ({ratio('center')})", width=75),
        ),
        sort_by="CPU",
        no_value=no_value,
    )


def figures() -> table.Panel:
    """What was measured of each variant on each CPU model."""
    return _figures(
        "Figures in numbers",
        "The middle of the valid trials; of several hosts, the middle of theirs. Compare figures "
        "within a CPU model, ratios across them. A dash: not measured.",
        (
            (metrics.STARTUP, "Startup"),
            (metrics.STARTUP_CPU, "Its CPU time"),
            (metrics.RSS_IDLE, "Memory idle"),
            (metrics.RSS_LOAD, "Memory, load"),
            (metrics.MEMORY_FLOOR, "Floor"),
            (metrics.THROUGHPUT_FIRST, "First 5 s"),
            (metrics.THROUGHPUT_STEADY, "Steady"),
            (metrics.TIME_TO_STEADY, "Steady after"),
            (metrics.LATENCY_P50, "p50"),
            (metrics.LATENCY_P99, "p99"),
            (metrics.LOAD_CPU, "CPU/request"),
        ),
        "Nothing was measured",
    )


def job_figures(no_value: str) -> table.Panel:
    """The same of batch programs."""
    return _figures(
        "Jobs in numbers",
        "The middle of the valid trials; of several hosts, the middle of theirs.",
        (
            (metrics.JOB, "Short job"),
            (metrics.JOB_CPU, "CPU time"),
            (metrics.JOB_MEMORY, "Memory"),
            (metrics.JOBS_RATE, "One after another"),
            (metrics.LONG_JOB, "Long job"),
            (metrics.LONG_JOB_CPU, "CPU of long"),
            (metrics.LONG_JOB_MEMORY, "Memory of long"),
        ),
        no_value,
    )


def _figures(
    title: str, description: str, shown: Sequence[tuple[Metric, str]], no_value: str
) -> table.Panel:
    def center(metric: Metric) -> str:
        return with_cpu(f'{metric.series}{{{SHOWN},stat="center"}}')

    return columns_table(
        title,
        description,
        (
            *_KEY_COLUMNS,
            *(
                Column(
                    heading,
                    f"quantile {_BY} (0.5, {center(metric)})",
                    look={"unit": UNITS[metric.unit]},
                )
                for metric, heading in shown
            ),
        ),
        sort_by="CPU",
        no_value=no_value,
    )


def ratios_by_host() -> table.Panel:
    """Every ratio of every host."""
    by = "by (store, metric, variant, host, cpu)"

    def ratio(stat: str) -> str:
        series = with_cpu(f'headstart_ratio{{{SHOWN},stat="{stat}"}}')
        return f"max {by} ({series})"

    return columns_table(
        "Ratios of each host",
        "Variant over baseline, with the 95 % interval that the verdict was taken from.",
        (
            Column("Figure", label="metric", look={"mappings": [TITLES]}),
            Column("Variant", label="variant", width=170),
            Column("CPU", label="cpu", width=260),
            Column(
                "Host",
                label="host",
                width=170,
                look=linked(("The run", RUN, (("experiment", "$experiment"), ("host", "Host")))),
            ),
            Column("Ratio", ratio("center"), width=200, look=_AROUND_ONE),
            Column("Low", ratio("ci_low"), width=100, look=_THREE_DIGITS),
            Column("High", ratio("ci_high"), width=100, look=_THREE_DIGITS),
            Column(
                "Verdict",
                f"min {by} ({with_cpu(verdict_ranks(SHOWN))})",
                width=140,
                look=coloured(VERDICT_RANKS),
            ),
        ),
        sort_by="Figure",
        no_value="No ratio: nothing was measured, or no baseline",
        filterable=True,
    )
